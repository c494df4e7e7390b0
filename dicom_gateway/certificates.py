"""Certificates: whether they can be served, until when they are valid, and how DICOM over TLS is spoken.

PS3.15 B.12, the BCP 195 RFC 8996, 9325 TLS profile: TLS 1.2 and 1.3, key exchange with forward secrecy and AEAD ciphers
only, no renegotiation (RFC 9325 3.5), no compression (3.3). A session is not resumed: with it a device's certificate
would not be looked at again.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

# What is offered in TLS 1.2, in the gateway's order: OpenSSL's name -> the registered one (RFC 9325 4.2, RFC 7905).
CIPHERS = {
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}
CIPHERS_1_3 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")  # OpenSSL's own
_STRENGTH = "@SECLEVEL=2"  # keys of 112 bits and more: RSA from 2048
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME, _VERSION = 0x17, 0xA0  # tags of DER


def dicom_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return how DICOM over TLS is served; with `client_ca` a device must show a certificate of it.

    Raises OSError (ssl.SSLError is one) or ValueError for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(CIPHERS) + _STRENGTH)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    _load(context, certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    # A key with a passphrase must not ask for it at a terminal that nobody sits at.
    context.load_cert_chain(certificate, key, password=lambda: "")


def tls_fault(section: str, certificate: Path, key: Path) -> str:
    """Return why the two PEM files, which `section` of the settings names, cannot be served, or ""."""
    for name, path in (("tls_certificate", certificate), ("tls_key", key)):
        if not os.path.isfile(path):  # unlike Path.is_file, False where a folder above may not be entered
            return f"{section}.{name}: there is no file {path}"
    try:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
    except (OSError, ValueError) as error:
        return _not_loaded(section, certificate, key, error)
    return ""


def dicom_tls_fault(certificate: Path, key: Path, client_ca: Path | None, section: str = "dicom") -> str:
    """Return why `section` of the settings, DICOM or HL7, cannot be served over TLS with these files, or ""."""
    if fault := tls_fault(section, certificate, key):
        return fault
    try:
        context = dicom_context(certificate, key, None)  # which asks for stronger keys than every OpenSSL does
    except (OSError, ValueError) as error:
        return _not_loaded(section, certificate, key, error)
    try:
        if client_ca is not None:
            context.load_verify_locations(client_ca)
    except (OSError, ValueError) as error:
        return (
            f"{section}.tls_client_ca: {client_ca} cannot be loaded ({_reason(error)}); right is a PEM file of the CAs "
            f"whose certificates {'the devices' if section == 'dicom' else 'senders'} have"
        )
    return ""


def _not_loaded(section: str, certificate: Path, key: Path, error: Exception) -> str:
    return (
        f"{section}.tls_certificate: {certificate} with the key {key} cannot be loaded ({_reason(error)}); right are "
        "PEM files of a certificate and its own private key without a passphrase, readable by this user"
    )


def _reason(error: Exception) -> object:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or error


def valid_until(path: Path) -> datetime | None:
    """Return when the certificates of a PEM file are valid together for the last time; None where none can be read."""
    try:
        return min((_end(one) for one in _certificates(path)), default=None)
    except (OSError, ValueError, IndexError):
        return None


def presents(host: str, port: int, certificate: Path, seconds: float) -> bool | None:
    """Say whether a TLS server shows the certificate of a PEM file; None where none answers. Vouches for nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # where a client's certificate is asked for after the server's
    try:
        with socket.create_connection((host, port), seconds) as plain, context.wrap_socket(plain) as secure:
            shown = secure.getpeercert(binary_form=True)
        return shown == next(_certificates(certificate), None)
    except (OSError, ValueError):
        return None


def _certificates(path: Path) -> Iterator[bytes]:
    for found in _PEM.findall(path.read_text(encoding="latin-1")):
        yield ssl.PEM_cert_to_DER_cert(found)


def _end(certificate: bytes) -> datetime:
    """Return the notAfter of a certificate (RFC 5280 4.1)."""
    signed = _contents(_contents(certificate)[0][1])[0][1]
    fields = [field for field in _contents(signed) if field[0] != _VERSION]
    tag, text = _contents(fields[3][1])[1]  # serial number, algorithm, issuer, validity: not before, not after
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC)


def _contents(data: bytes) -> list[tuple[int, bytes]]:
    """Return the elements of DER, each with its tag."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length > 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        found.append((tag, data[at : at + length]))
        at += length
    return found
