"""Can a target be reached: its name resolves, each address is allowed, a connection and TLS come about. Nothing is
sent."""

import socket
import ssl
from urllib.parse import urlsplit

import httpx

from dicom_gateway.connectors.http_transport import ERRNOS, refusal, resolve

SECONDS = 5.0


def reach(url: str, seconds: float = SECONDS) -> tuple[bool, str]:
    """Return whether a webhook's receiver can be connected to, and what was found, in words."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError):
        return False, f"{host} cannot be resolved"
    for address in addresses:
        if reason := refusal(address, parts.scheme):
            return False, reason
    try:
        with _first_connection(addresses, port, seconds) as connection:
            if parts.scheme == "https":
                with _authorities().wrap_socket(connection, server_hostname=host) as secured:
                    return True, f"connected to {host}:{port}, {secured.version()}"
            return True, f"connected to {host}:{port}"
    except ssl.SSLCertVerificationError as error:
        return False, f"the certificate of {host} is not accepted: {error.verify_message}"
    except ssl.SSLError as error:
        return False, f"TLS with {host}:{port} failed: {error.reason or error}"
    except TimeoutError:
        return False, f"{host}:{port} did not answer within {seconds:g} s"
    except OSError as error:
        return False, f"{host}:{port}: {ERRNOS.get(error.errno or 0, error.strerror or str(error))}"


def _first_connection(addresses: list[str], port: int, seconds: float) -> socket.socket:
    failure: OSError = OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError as error:
            failure = error
    raise failure


def _authorities() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
