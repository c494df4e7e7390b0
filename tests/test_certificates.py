"""Certificates: until when they are valid, which can be served, and what check says of them."""

import resource
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_gateway.certificates import CIPHERS, CIPHERS_1_3, dicom_context, dicom_tls_fault, presents, valid_until
from dicom_gateway.checking import check_certificates, check_limits
from dicom_gateway.settings import Settings
from tests.certificates import EC, RSA, Pair, made, openssl


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return made(tmp_path_factory.mktemp("pair"), "gateway", days=40)


@pytest.mark.parametrize(
    ("kind", "days"), [(EC, 1), (RSA, 400), (EC, 20000)], ids=["EC", "RSA", "after 2050, as GeneralizedTime"]
)
def test_the_end_is_the_one_that_openssl_reads(tmp_path: Path, kind: tuple[str, ...], days: int) -> None:
    certificate = made(tmp_path, "one", kind=kind, days=days).certificate
    said = openssl("x509", "-in", certificate, "-noout", "-enddate").removeprefix("notAfter=").strip()
    expected = datetime.fromtimestamp(ssl.cert_time_to_seconds(said), UTC)
    assert valid_until(certificate) == expected
    assert expected > datetime.now(UTC) + timedelta(days=days - 1)


def test_of_a_chain_the_first_end_counts(tmp_path: Path) -> None:
    long, short = (made(tmp_path, str(days), days=days).certificate for days in (300, 5))
    chain = tmp_path / "chain.pem"
    chain.write_text(f"a comment\n{long.read_text()}\n{short.read_text()}")
    assert valid_until(chain) == valid_until(short) != valid_until(long)


@pytest.mark.parametrize("text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_has_no_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pem"
    path.write_text(text)
    assert valid_until(path) is None
    assert valid_until(tmp_path / "absent.pem") is None


def test_dicom_is_served_with_forward_secrecy_and_aead_only(pair: Pair) -> None:
    context = dicom_context(*pair, None)
    offered = context.get_ciphers()
    assert {one["name"] for one in offered if one["protocol"] == "TLSv1.2"} == set(CIPHERS)
    assert tuple(one["name"] for one in offered if one["protocol"] == "TLSv1.3") == CIPHERS_1_3
    assert len(offered) == len(CIPHERS) + len(CIPHERS_1_3)
    assert all(one["aead"] for one in offered)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    for option in (ssl.OP_NO_RENEGOTIATION, ssl.OP_NO_COMPRESSION, ssl.OP_CIPHER_SERVER_PREFERENCE, ssl.OP_NO_TICKET):
        assert context.options & option
    assert context.verify_mode is ssl.CERT_NONE
    assert dicom_context(*pair, pair.certificate).verify_mode is ssl.CERT_REQUIRED


def test_what_cannot_be_served_is_named(pair: Pair, tmp_path: Path) -> None:
    assert dicom_tls_fault(*pair, None) == dicom_tls_fault(*pair, pair.certificate) == ""
    absent, text = tmp_path / "absent", tmp_path / "text"
    text.write_text("no PEM")
    weak = made(tmp_path, "weak", kind=("rsa:1024",))
    for said, words in (
        (dicom_tls_fault(absent, pair.key, None), f"dicom.tls_certificate: there is no file {absent}"),
        (dicom_tls_fault(pair.certificate, absent, None), f"dicom.tls_key: there is no file {absent}"),
        (dicom_tls_fault(text, pair.key, None), "dicom.tls_certificate"),
        (dicom_tls_fault(*weak, None), "KEY_TOO_SMALL"),
        (dicom_tls_fault(*pair, absent), "dicom.tls_client_ca"),
        (dicom_tls_fault(*pair, text), "dicom.tls_client_ca"),
    ):
        assert words in said and "\n" not in said


def test_which_certificate_a_server_shows(pair: Pair, tmp_path: Path) -> None:
    other = made(tmp_path, "other")
    context = dicom_context(*pair, None)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        port = listening.getsockname()[1]

        def serve() -> None:
            taken, _ = listening.accept()
            with context.wrap_socket(taken, server_side=True) as secure:
                secure.recv(1)

        for certificate, is_shown in ((pair.certificate, True), (other.certificate, False)):
            served = pool.submit(serve)
            assert presents("127.0.0.1", port, certificate, 30) is is_shown
            served.result(30)
    assert presents("127.0.0.1", port, pair.certificate, 30) is None


@pytest.mark.parametrize(("days_left", "state"), [(31, "ok"), (29, "warning"), (-1, "failed")])
def test_check_tells_of_a_certificate_that_ends(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, days_left: int, state: str
) -> None:
    end = valid_until(pair.certificate)
    assert end is not None
    for name, path in (("CERTIFICATE", pair.certificate), ("KEY", pair.key), ("CLIENT_CA", pair.certificate)):
        monkeypatch.setenv(f"DICOM_GATEWAY_DICOM__TLS_{name}", str(path))
        if name != "CLIENT_CA":
            monkeypatch.setenv(f"DICOM_GATEWAY_WEB__TLS_{name}", str(path))
    found = list(check_certificates(Settings(), end - timedelta(days=days_left)))
    names = ("dicom.tls_certificate", "dicom.tls_client_ca", "web.tls_certificate")
    assert [(one.check, one.state) for one in found] == [(f"certificate {name}", state) for name in names]
    assert all(bool(one.advice) is (state != "ok") for one in found)


def test_without_tls_there_is_no_certificate_to_look_at() -> None:
    assert list(check_certificates(Settings(), datetime.now(UTC))) == []


def test_check_warns_of_more_connections_than_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = check_limits(Settings())
    assert found.state == "ok"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setenv("DICOM_GATEWAY_LIMITS__CONNECTIONS", "1000")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        (found,) = check_limits(Settings())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (found.state, "LimitNOFILE" in found.advice) == ("warning", True)
    assert "2200 open files, and 1024" in found.found
