"""Whether a certificate and its key can be served: asked before the web role starts, so that it says why not."""

import ssl
from pathlib import Path


def tls_fault(certificate: Path, key: Path) -> str:
    """Return why the two PEM files cannot be served, or ""."""
    try:
        # A key with a passphrase must not ask for it at a terminal that nobody sits at.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        return (
            f"web.tls_certificate: {certificate} with the key {key} cannot be loaded ({reason}); right are PEM files "
            "of a certificate and its own private key without a passphrase, readable by this user"
        )
    return ""
