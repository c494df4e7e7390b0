"""DICOM over TLS on its own port with DCMTK's TLS clients, and a device that gets pynetdicom's own association."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from pydicom.uid import generate_uid

from tests.certificates import EC, RSA, Pair, made
from tests.e2e.images import DX, ended, order_body, performed_step, write_image
from tests.e2e.program import Program, free_port, wait_for
from tests.peers import dcmjs, dcmtk, need

SECONDS = 120  # for a client, on a machine that does much else
SOON = 30  # half of the deadlines that the gateway below gives
LIMITS = "DICOM_GATEWAY_LIMITS__"
PATIENT = {f"{LIMITS}HANDSHAKE_SECONDS": "60", f"{LIMITS}REQUEST_SECONDS": "60"}
DEVICES = """
[[device]]
ae_title = "FOREIGN"
allowed_from = ["192.0.2.0/24"]

[[device]]
ae_title = "DX1"
modalities = ["DX"]

[[device]]
ae_title = "OLD1"
modalities = ["DX"]
stock_association = true
"""


class Certificates(NamedTuple):
    """What the practice has: its CA, the gateway's and a device's; and a stranger's, whom nobody vouches for."""

    ca: Pair
    gateway: Pair
    gateway_ec: Pair
    device: Pair
    stranger: Pair


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ca = made(folder, "ca")
    return Certificates(
        ca, made(folder, "gateway", ca, RSA), made(folder, "gateway-ec", ca, EC), made(folder, "device", ca),
        made(folder, "stranger"),
    )  # fmt: skip


def tls_settings(pair: Pair, client_ca: Path | str = "") -> dict[str, str]:
    """Return the variables of a gateway with TLS on any free port."""
    return {
        "DICOM_GATEWAY_DICOM__TLS_PORT": str(free_port()),
        "DICOM_GATEWAY_DICOM__TLS_CERTIFICATE": str(pair.certificate),
        "DICOM_GATEWAY_DICOM__TLS_KEY": str(pair.key),
        "DICOM_GATEWAY_DICOM__TLS_CLIENT_CA": str(client_ca),
    }


def tls_port(gateway: Program) -> str:
    return gateway.environment["DICOM_GATEWAY_DICOM__TLS_PORT"]


def running(folder: Path, settings: str, variables: dict[str, str]) -> Iterator[Program]:
    gateway = Program(folder, settings, variables)
    gateway.start()
    yield gateway
    gateway.end()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Program]:
    """A gateway with TLS for whoever comes, long deadlines, and at most 1 MB a DX image."""
    variables = {**tls_settings(certificates.gateway), **PATIENT, f"{LIMITS}OBJECT_MB_OF": f'{{"{DX}": 1}}'}
    yield from running(tmp_path_factory.mktemp("gateway"), DEVICES, variables)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Program]:
    """A gateway that asks for a certificate of the practice, and gives a handshake three seconds."""
    variables = tls_settings(certificates.gateway_ec, certificates.ca.certificate)
    yield from running(tmp_path_factory.mktemp("strict"), "", {**variables, f"{LIMITS}HANDSHAKE_SECONDS": "3"})


def trusting(certificates: Certificates, own: Pair | None = None) -> list[str]:
    """Return DCMTK's options for TLS, with a certificate of its own or without."""
    identity = ["+tls", str(own.key), str(own.certificate)] if own else ["+tla"]
    return [*identity, "+cf", str(certificates.ca.certificate)]


def echo(port: str, *options: str, timeout: float = SECONDS) -> int:
    return dcmtk("echoscu", *options, "127.0.0.1", port, timeout=timeout).returncode


def test_every_service_over_tls(gateway: Program, certificates: Certificates, tmp_path: Path) -> None:
    options, where = [*trusting(certificates), "-aet", "DX1"], ("127.0.0.1", tls_port(gateway))
    order = gateway.api("POST", "/orders", json=order_body("TLS-1", "P-1")).json()
    study = order["procedures"][0]["study_instance_uid"]

    assert echo(where[1], *options) == 0
    found = dcmtk("findscu", *options, "-W", "-k", "PatientID=P-1", "-k", "StudyInstanceUID", *where, timeout=SECONDS)
    assert found.returncode == 0 and study in found.stdout + found.stderr
    path, uid = write_image(tmp_path, study, "P-1", 1)
    sent = dcmtk("storescu", *options, *where, str(path), timeout=SECONDS)
    assert sent.returncode == 0, sent.stderr
    assert gateway.api("GET", f"/instances/{uid}/file").content.endswith(path.read_bytes()[-400 * 300 * 2 :])


def test_who_was_refused_is_recorded_with_the_port_that_it_called(gateway: Program, certificates: Certificates) -> None:
    """As the last attempt was made: over TLS or not."""

    def recorded() -> list[bool]:
        return [row["tls"] for row in gateway.api("GET", "/devices/unknown").json()["items"]]

    assert echo(tls_port(gateway), *trusting(certificates), "-aet", "FOREIGN") != 0
    wait_for(lambda: recorded() == [True], what="the attempt over TLS")
    assert echo(str(gateway.dicom_port), "-aet", "FOREIGN") != 0
    wait_for(lambda: recorded() == [False], what="the plain attempt")


def test_a_client_certificate_that_nobody_asked_for_is_harmless(gateway: Program, certificates: Certificates) -> None:
    assert echo(tls_port(gateway), *trusting(certificates, certificates.stranger)) == 0


@pytest.mark.parametrize(("own", "is_admitted"), [("device", True), (None, False), ("stranger", False)])
def test_a_client_certificate_that_is_asked_for(
    strict: Program, certificates: Certificates, own: str | None, is_admitted: bool
) -> None:
    pair = getattr(certificates, own) if own else None
    before = failed_handshakes(strict)
    # The machine may be slower than the three seconds that a handshake has here.
    tries = (echo(tls_port(strict), *trusting(certificates, pair)) for _ in range(5 if is_admitted else 1))
    assert (0 in tries) is is_admitted
    assert is_admitted or failed_handshakes(strict) > before
    assert echo(str(strict.dicom_port)) == 0


def failed_handshakes(gateway: Program) -> float:
    text = httpx.get(f"http://127.0.0.1:{gateway.web_port}/metrics", timeout=SECONDS).text
    name = 'dicom_gateway_associations_total{event="handshake failed"} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


def test_a_silent_client_is_closed_after_the_deadline(strict: Program) -> None:
    with socket.create_connection(("127.0.0.1", int(tls_port(strict))), SECONDS) as silent:
        assert silent.recv(1) == b""


def test_the_wrong_protocol_on_either_port_ends_soon(gateway: Program, certificates: Certificates) -> None:
    assert echo(tls_port(gateway), timeout=SOON) != 0
    context = ssl.create_default_context(cafile=str(certificates.ca.certificate))
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", gateway.dicom_port), SOON) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain)
    assert echo(str(gateway.dicom_port)) == 0
    assert echo(tls_port(gateway), *trusting(certificates)) == 0


def test_forty_silent_clients_hold_nobody_up(gateway: Program, certificates: Certificates) -> None:
    with ExitStack() as stack:
        silent = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", int(tls_port(gateway))), SECONDS, ("127.0.0.2", 0))
            )
            for _ in range(40)
        ]
        assert echo(tls_port(gateway), *trusting(certificates), timeout=SOON) == 0
        for one in silent:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):  # still there: it was not their end that let the good one in
                one.recv(1)


@pytest.mark.parametrize(
    ("offer", "alert"),
    [
        pytest.param(("-tls1_3",), "", id="TLS 1.3"),
        pytest.param(("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), "", id="TLS 1.2, ECDHE, AEAD"),
        pytest.param(("-tls1_1", "-cipher", "ALL@SECLEVEL=0"), "protocol version", id="TLS 1.1"),
        pytest.param(("-tls1_2", "-cipher", "AES128-GCM-SHA256"), "handshake failure", id="RSA key exchange"),
        pytest.param(("-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"), "handshake failure", id="CBC"),
        pytest.param(("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"), "handshake failure", id="DHE"),
    ],
)
def test_what_tls_is_spoken(gateway: Program, certificates: Certificates, offer: tuple[str, ...], alert: str) -> None:
    command = [need("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{tls_port(gateway)}", *offer]
    command += ["-CAfile", str(certificates.ca.certificate), "-verify_return_error"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode == 0) is not bool(alert), done.stderr
    assert alert in done.stderr
    assert alert or "Compression: NONE" in done.stdout


def test_a_certificate_that_cannot_be_loaded_stops_tls_alone_and_is_told(
    program: Callable[..., Program], certificates: Certificates, tmp_path: Path
) -> None:
    own = Pair(tmp_path / "own.pem", tmp_path / "own.key")
    own.key.write_bytes(certificates.gateway.key.read_bytes())
    own.certificate.write_text("no certificate")
    gateway = program(**tls_settings(own))
    assert echo(str(gateway.dicom_port)) == 0
    assert echo(tls_port(gateway), *trusting(certificates)) != 0
    assert "DICOM over TLS is not served: dicom.tls_certificate" in gateway.log.read_text()
    assert "DICOM TLS" not in gateway.log.read_text()
    checked = gateway.run("check", check=False)
    assert "DICOM over TLS is not served" in checked.stdout
    assert checked.returncode == 1
    assert tls_alarms(gateway) == 1

    own.certificate.write_bytes(certificates.gateway.certificate.read_bytes())
    gateway.end()
    gateway.start()
    assert f"DICOM TLS        127.0.0.1:{tls_port(gateway)}  certificate valid until" in gateway.log.read_text()
    assert echo(tls_port(gateway), *trusting(certificates)) == 0
    assert tls_alarms(gateway) == 0


def tls_alarms(gateway: Program) -> int:
    alarms = gateway.api("GET", "/alarms").json()["items"]
    return sum(alarm["kind"] == "DICOM TLS not served" for alarm in alarms)


def test_a_certificate_that_is_spoiled_while_the_gateway_runs(
    program: Callable[..., Program], certificates: Certificates, tmp_path: Path
) -> None:
    own = Pair(tmp_path / "own.pem", certificates.gateway.key)
    own.certificate.write_bytes(certificates.gateway.certificate.read_bytes())
    gateway = program(**tls_settings(own))
    secure = [tls_port(gateway), *trusting(certificates)]
    assert echo(*secure) == 0

    own.certificate.write_text("no certificate")
    gateway.kill("dicom")
    wait_for(lambda: tls_alarms(gateway), SECONDS, "the alarm")
    wait_for(lambda: echo(str(gateway.dicom_port)) == 0, SECONDS, "the plain port")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(tls_port(gateway))), SECONDS)

    own.certificate.write_bytes(certificates.gateway.certificate.read_bytes())
    gateway.kill("dicom")
    wait_for(lambda: echo(*secure) == 0, SECONDS, "TLS again")
    assert tls_alarms(gateway) == 0


def test_check_looks_at_the_tls_port_and_its_certificate(
    gateway: Program, certificates: Certificates, tmp_path: Path
) -> None:
    text = gateway.inside("check").stdout
    assert f"ok      port {tls_port(gateway)} (DICOM over TLS): the gateway answers there" in text
    assert f"ok      certificate dicom.tls_certificate: {certificates.gateway.certificate} is valid until" in text
    renewed = made(tmp_path, "renewed")
    variables = {**gateway.environment, **tls_settings(renewed), "DICOM_GATEWAY_DICOM__TLS_PORT": tls_port(gateway)}
    held, gateway.environment = gateway.environment, variables
    try:
        assert (
            f"warning port {tls_port(gateway)} (DICOM over TLS): another certificate" in gateway.inside("check").stdout
        )
    finally:
        gateway.environment = held


def test_check_with_client_certificates(strict: Program) -> None:
    line = f"port {tls_port(strict)} (DICOM over TLS): the gateway answers there"
    wait_for(lambda: line in strict.inside("check", check=False).stdout, SECONDS, line)


def test_a_role_alone_serves_tls_too(unstarted: Callable[..., Program], certificates: Certificates) -> None:
    gateway = unstarted(**tls_settings(certificates.gateway))
    gateway.start(wait=False, arguments=("--role", "dicom"))
    wait_for(lambda: echo(tls_port(gateway), *trusting(certificates)) == 0, SECONDS, "echo")
    assert echo(str(gateway.dicom_port)) == 0


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "TLS"])
def test_a_device_with_the_stock_association(
    gateway: Program, certificates: Certificates, tmp_path: Path, over_tls: bool
) -> None:
    options = [*(trusting(certificates) if over_tls else []), "-aet", "OLD1"]
    where = ("127.0.0.1", tls_port(gateway) if over_tls else str(gateway.dicom_port))
    patient = f"P-OLD-{over_tls}"
    order = gateway.api("POST", "/orders", json=order_body(patient, patient, expected=1)).json()
    study = order["procedures"][0]["study_instance_uid"]

    assert echo(where[1], *options) == 0
    keys = ["-k", f"PatientID={patient}", "-k", "StudyInstanceUID"]
    found = dcmtk("findscu", *options, "-W", *keys, *where, timeout=SECONDS)
    assert found.returncode == 0 and study in found.stdout + found.stderr
    path, uid = write_image(tmp_path, study, patient, 1)
    sent = dcmtk("storescu", *options, *where, str(path), timeout=SECONDS)
    assert sent.returncode == 0, sent.stderr
    assert gateway.api("GET", f"/instances/{uid}/file").content.endswith(path.read_bytes()[-400 * 300 * 2 :])

    performed, port = generate_uid(), gateway.dicom_port
    for operation, value in (
        ("echo", None),
        ("create", {"uid": performed, "attributes": performed_step(order)}),
        ("set", {"uid": performed, "attributes": ended("COMPLETED", study, [uid])}),
    ):
        assert [answer["status"] for answer in dcmjs(port, "OLD1", operation, value, timeout=SECONDS)] == [0], operation
    assert gateway.api("GET", f"/orders/{order['id']}").json()["status"] == "COMPLETED"


def test_the_largest_object_of_a_class_and_that_the_stock_association_does_not_bound_it(
    gateway: Program, tmp_path: Path
) -> None:
    path, uid = write_image(tmp_path, generate_uid(), "P-2", 1, rows=1024, columns=1024)  # two megabytes
    where = ("127.0.0.1", str(gateway.dicom_port), str(path))
    assert dcmtk("storescu", "-aet", "DX1", *where, timeout=SECONDS).returncode != 0
    assert gateway.api("GET", f"/instances/{uid}/file").status_code == 404
    assert dcmtk("storescu", "-aet", "OLD1", *where, timeout=SECONDS).returncode == 0
    assert gateway.api("GET", f"/instances/{uid}/file").status_code == 200
