"""Certificates that openssl makes: a CA of a practice, and what it signs."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.peers import need

EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("rsa:2048",)


class Pair(NamedTuple):
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path


def openssl(*arguments: str | Path) -> str:
    """Run openssl; return what it prints."""
    command = [need("openssl", "openssl"), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def made(folder: Path, name: str, ca: Pair | None = None, kind: tuple[str, ...] = EC, days: int = 365) -> Pair:
    """Make a certificate of `name`, signed by `ca`, else by itself."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    key = ("-newkey", *kind, "-nodes", "-keyout", pair.key, "-subj", f"/CN={name}")
    if ca is None:
        openssl("req", "-x509", *key, "-days", str(days), "-out", pair.certificate)
        return pair
    request = folder / f"{name}.request"
    openssl("req", *key, "-out", request)
    signer = ("-CA", ca.certificate, "-CAkey", ca.key, "-CAcreateserial")
    openssl("x509", "-req", "-in", request, *signer, "-days", str(days), "-out", pair.certificate)
    return pair
