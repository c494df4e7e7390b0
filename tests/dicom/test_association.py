"""Who may associate, and that everybody who may is served (PS3.8 7.1.1)."""

import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from dicom_gateway.dicom.contexts import VERIFICATION
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import DX_IMAGE, image
from tests.dicom.running import AE_TITLE, Running, wait_for
from tests.dicom.wire import EXPLICIT
from tests.peers import dcmtk


def echo(association: wire.Association) -> int:
    """Return the status of a C-ECHO."""
    command = {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION}
    return association.request(association.context(VERIFICATION), command).status


@pytest.mark.parametrize(
    ("calling", "rejected"),
    [
        pytest.param("DX1", None, id="configured"),
        pytest.param("US1", None, id="configured, from anywhere"),
        pytest.param(AE_TITLE, None, id="the gateway itself, from loopback"),
        pytest.param("NOBODY", (1, 1, 3), id="unknown"),
        pytest.param("dx1", (1, 1, 3), id="other case"),
        pytest.param("FOREIGN", (1, 1, 3), id="configured, from a foreign network"),
    ],
)
def test_a_device_that_is_not_configured_is_rejected(
    gateway: Running, calling: str, rejected: tuple[int, int, int] | None
) -> None:
    with gateway.associate(calling=calling) as association:
        assert association.rejected == rejected
        assert rejected or echo(association) == 0x0000


def test_dcmtk_sees_why_it_is_rejected(gateway: Running) -> None:
    assert gateway.echo(calling="DX1")
    done = dcmtk("echoscu", "-aet", "NOBODY", "127.0.0.1", str(gateway.port))
    assert done.returncode != 0
    assert "Calling AE Title Not Recognized" in done.stderr


def test_the_rejection_always_arrives(gateway: Running) -> None:
    assert {gateway.associate(calling="AGAIN").rejected for _ in range(30)} == {(1, 1, 3)}


def test_who_was_rejected_is_recorded_once_a_device(serve: Serve) -> None:
    gateway = serve()
    for calling in ("NOBODY", "NOBODY", "FOREIGN"):
        gateway.associate(calling=calling, called="OTHER").close()
    gateway.associate(calling="DX1").close()
    wait_for(lambda: sum(row["attempts"] for row in gateway.unknown_devices.all()) == 3, "the attempts are recorded")
    found = {row["ae_title"]: row for row in gateway.unknown_devices.all()}
    assert found.keys() == {"NOBODY", "FOREIGN"}
    assert found["NOBODY"]["attempts"] == 2
    assert found["NOBODY"]["address"] == "127.0.0.1"
    assert found["NOBODY"]["called_ae_title"] == "OTHER"
    assert gateway.counted["refused"] == 3


def test_control_characters_in_an_ae_title_reach_no_record(serve: Serve) -> None:
    gateway = serve()
    for title in (b"A\nB\x1b[31m        ", b"\xff\xfe\x00            ", b" " * 16):
        with pytest.raises(ConnectionError):
            gateway.associate(calling_bytes=title.ljust(16))
    gateway.associate(calling_bytes=b"<b>'; DROP--    ").close()
    wait_for(gateway.unknown_devices.all, "the attempt is recorded")
    assert [row["ae_title"] for row in gateway.unknown_devices.all()] == ["<b>'; DROP--"]
    assert gateway.echo()


def test_a_rejection_stands_when_it_cannot_be_recorded(serve: Serve) -> None:
    gateway = serve()
    with gateway.locked_database():
        assert gateway.associate(calling="NOBODY").rejected == (1, 1, 3)
        wait_for(lambda: not gateway.service.open_associations(), "the association is gone")
    assert gateway.unknown_devices.all() == []


def test_unknown_devices_are_served_where_the_settings_say_so(serve: Serve) -> None:
    gateway = serve(accept_unknown=True)
    with gateway.associate(calling="NOBODY") as association:
        assert echo(association) == 0x0000
    assert gateway.associate(calling="FOREIGN").rejected == (1, 1, 3)


@pytest.mark.parametrize(
    ("check", "called", "rejected"),
    [
        pytest.param(False, "WHATEVER", None, id="not checked"),
        pytest.param(True, "WHATEVER", (1, 1, 7), id="checked, another"),
        pytest.param(True, AE_TITLE, None, id="checked, ours"),
    ],
)
def test_the_called_ae_title_is_checked_only_when_set(
    serve: Serve, check: bool, called: str, rejected: tuple[int, int, int] | None
) -> None:
    with serve(check_called_ae_title=check).associate(called=called) as association:
        assert association.rejected == rejected


def test_twenty_associations_are_served_at_once(gateway: Running) -> None:
    opened = [gateway.associate() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(echo, opened)) == [0x0000] * 20
    for association in opened:
        association.close()
    wait_for(lambda: not gateway.service.open_associations(), "the associations are gone")


def test_twenty_devices_store_at_once(gateway: Running) -> None:
    images = [image() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        statuses = {message.status for message in pool.map(gateway.store, images)}
    assert statuses == {0x0000}
    assert all(len(gateway.instances(one)) == 1 for one in images)


@pytest.mark.parametrize(
    "first_bytes",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS hello"),
        pytest.param(struct.pack(">BBL", 1, 0, 4) + b"\0\0\0\0", id="association request without contents"),
        pytest.param(struct.pack(">BBL", 4, 0, 6) + b"\0\0\0\2\1\3", id="data before an association"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_dicom_ends_and_harms_nobody(gateway: Running, first_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(first_bytes)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = connection.recv(100)
        except ConnectionResetError:
            answer = b""
        assert answer[:1] in (b"", b"\x07")  # closed, or A-ABORT
    with gateway.associate() as association:
        assert echo(association) == 0x0000


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(b"\xff" * 40, "no elements", id="garbage"),
        pytest.param(wire.encode_command({"CommandField": 0x7777, "CommandDataSetType": 0x0101}), "", id="unknown"),
        pytest.param(wire.encode_command({"MessageID": 1}), "", id="without a command field"),
        pytest.param(wire.encode_command({"CommandField": wire.C_ECHO}), "", id="without a data set type"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_a_command_set_that_cannot_be_decoded_aborts_its_association_alone(
    gateway: Running, command: bytes, why: str
) -> None:
    with gateway.associate() as neighbour, gateway.associate() as association:
        association.send_command(1, command)
        kind, _ = association.read_pdu()
        assert kind == 7
        assert echo(neighbour) == 0x0000


def test_a_response_that_nobody_asked_for_is_passed_over(gateway: Running) -> None:
    with gateway.associate() as association:
        response = {"CommandField": 0x8030, "MessageID": None, "MessageIDBeingRespondedTo": 77, "Status": 0}
        association.send(1, response)
        assert echo(association) == 0x0000


def test_a_message_in_a_context_that_was_not_accepted_aborts(gateway: Running) -> None:
    with gateway.associate((VERIFICATION, (EXPLICIT,)), ("1.2.3.4", (EXPLICIT,))) as association:
        assert association.results == {1: 0, 3: 3}
        association.send(3, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION})
        assert association.read_pdu()[0] == 7


@pytest.mark.parametrize(
    ("context", "operation", "status"),
    [
        pytest.param(VERIFICATION, wire.C_ECHO, 0x0000, id="C-ECHO where it belongs"),
        pytest.param(DX_IMAGE, wire.C_ECHO, 0x0211, id="C-ECHO in a storage context"),
        pytest.param(VERIFICATION, wire.C_FIND, 0x0211, id="C-FIND in a Verification context"),
        pytest.param(DX_IMAGE, wire.C_FIND, 0x0211, id="C-FIND in a storage context"),
        pytest.param(VERIFICATION, wire.C_STORE, 0x0122, id="C-STORE in a Verification context"),
        pytest.param(VERIFICATION, wire.N_CREATE, 0x0211, id="N-CREATE in a Verification context"),
        pytest.param(DX_IMAGE, wire.N_SET, 0x0211, id="N-SET in a storage context"),
        pytest.param(VERIFICATION, wire.N_ACTION, 0x0211, id="N-ACTION"),
        pytest.param(VERIFICATION, wire.N_DELETE, 0x0211, id="N-DELETE"),
        pytest.param(DX_IMAGE, 0x0010, 0x0211, id="C-GET"),
        pytest.param(DX_IMAGE, 0x0021, 0x0211, id="C-MOVE"),
    ],
)
@pytest.mark.parametrize("named", [VERIFICATION, DX_IMAGE, "1.2.3.4"])
def test_the_context_decides_which_operation_is_answered(
    gateway: Running, context: str, operation: int, status: int, named: str
) -> None:
    """Whatever SOP class the command names; the answer is of the operation that was asked."""
    command = {"CommandField": operation, "AffectedSOPClassUID": named, "RequestedSOPClassUID": named}
    uids = {"AffectedSOPInstanceUID": "1.2.3", "RequestedSOPInstanceUID": "1.2.3", "ActionTypeID": 1}
    with gateway.associate((context, (EXPLICIT,))) as association:
        answer = association.request(1, {**command, **uids, "Priority": 0, "MoveDestination": "X"}, b"")
        assert answer.status == status
        assert answer.command["CommandField"] == operation | 0x8000
