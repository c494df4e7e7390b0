"""The accepting server by itself, with its own associations and with those of pynetdicom."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SCP_SCU_RoleSelectionNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import build_context

from dicom_gateway.operating_system import QUICK_ACK, acknowledge_at_once
from dicom_gateway.upperlayer.association import StreamingAssociation
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, MAX_PDU_BYTES, Limits
from dicom_gateway.upperlayer.server import DicomServer, Gate
from dicom_gateway.upperlayer.stock import READ_BYTES, ReplayingSocket, StockAssociation
from dicom_gateway.upperlayer.terms import Terms
from tests.dicom import wire
from tests.dicom.running import wait_for

VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
N_EVENT_REPORT = 0x0100

Start = Callable[..., DicomServer]


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start servers for Verification; the fixture's parameter says whether their associations are pynetdicom's."""
    started: list[DicomServer] = []

    def begin(handlers: list[Any] | None = None, limits: Limits = DEFAULT_LIMITS, **options: Any) -> DicomServer:
        listening = socket.create_server(("127.0.0.1", 0))
        contexts = [build_context(VERIFICATION), build_context(COMMITMENT)]
        is_stock = getattr(request, "param", False)
        server = DicomServer(
            AE("TEST"), listening, contexts, handlers or [], lambda *_: pytest.fail("no object was sent"),
            Gate(limits), limits,
            terms_of=lambda ae_title: Terms(limits, is_stock=is_stock), **options,
        )  # fmt: skip
        server.start()
        started.append(server)
        return server

    yield begin
    for server in started:
        server.stop_accepting()
        server.end_associations()


both = pytest.mark.parametrize("start", [False, True], ids=["streaming", "stock"], indirect=True)


def associate(server: DicomServer, *contexts: str, **options: Any) -> wire.Association:
    """Open an association."""
    proposals = [(uid, (wire.IMPLICIT,)) for uid in contexts or (VERIFICATION,)]
    return wire.Association(server.server_address[1], proposals, **options)


def echo(association: wire.Association) -> int:
    """Return the status of a C-ECHO."""
    return association.request(1, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION}).status


@both
def test_the_sockets_of_associations_do_not_delay(start: Start) -> None:
    server = start()
    with associate(server) as association:
        assert echo(association) == 0x0000
        (served,) = server.active_associations
        connected = served.connection.socket if isinstance(served, StreamingAssociation) else served.dul.socket.socket
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize(
    ("start", "kind"), [(False, StreamingAssociation), (True, StockAssociation)], ids=["streaming", "stock"],
    indirect=["start"],
)  # fmt: skip
def test_a_setting_gives_a_device_the_association_of_pynetdicom(start: Start, kind: type) -> None:
    server = start()
    with associate(server) as association:
        assert echo(association) == 0x0000
        assert [type(served) for served in server.active_associations] == [kind]


@both
def test_all_associations_share_the_presentation_contexts(start: Start) -> None:
    server = start()
    with associate(server) as first, associate(server) as second:
        assert echo(first) == echo(second) == 0x0000
        served = server.active_associations
        assert len(served) == 2
        assert all(one.acceptor.supported_contexts is server.contexts for one in served)


@both
def test_negotiation_leaves_the_shared_contexts_alone(start: Start) -> None:
    server = start()
    before = [(context.abstract_syntax, list(context.transfer_syntax)) for context in server.contexts]
    for syntaxes in ((wire.EXPLICIT,), (wire.IMPLICIT, "1.2.3"), ("1.2.3",)):
        with wire.Association(server.server_address[1], [(VERIFICATION, syntaxes), ("1.2.3.4", syntaxes)]):
            pass
    assert [(context.abstract_syntax, list(context.transfer_syntax)) for context in server.contexts] == before
    assert all(context.context_id is None and context.result is None for context in server.contexts)


@both
def test_the_longest_pdu_that_we_take_is_told(start: Start) -> None:
    with associate(start()) as association:
        assert association.maximum == MAX_PDU_BYTES


@both
def test_it_stops_once_and_leaves_no_thread(start: Start) -> None:
    server = start()
    before = threading.active_count()
    with associate(server) as association:
        assert echo(association) == 0x0000
        wait_for(lambda: not server.is_busy(), "the answer is done")
        server.end_associations()
        assert association.read_pdu()[0] == 7
    wait_for(lambda: not server.active_associations, "the association is gone")
    wait_for(lambda: threading.active_count() <= before, "its threads are gone")


@both
def test_the_end_of_an_association_is_told_once(start: Start) -> None:
    heard: Counter[str] = Counter()
    handlers = [
        (event, lambda event: heard.update([event.event.name]))
        for event in (evt.EVT_ACCEPTED, evt.EVT_RELEASED, evt.EVT_ABORTED)
    ]
    server = start(handlers)
    with associate(server) as association:
        assert echo(association) == 0x0000
    wait_for(lambda: heard["EVT_RELEASED"], "the release is told")
    aborted = associate(server)
    aborted.send_pdu(7, bytes(4))
    aborted.socket.close()
    wait_for(lambda: heard["EVT_ABORTED"], "the abort is told")
    wait_for(lambda: not server.active_associations, "the associations are gone")
    assert heard == {"EVT_ACCEPTED": 2, "EVT_RELEASED": 1, "EVT_ABORTED": 1}


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        pytest.param(1, (2,), id="version 1"),
        pytest.param(3, (2,), id="version 1 among others"),
        pytest.param(2, (3, 1, 2, 2), id="another version"),
    ],
)
def test_only_bit_0_of_the_protocol_version_counts(start: Start, version: int, answer: tuple[int, ...]) -> None:
    server = start()
    with associate(server) as known:
        request = bytearray(known._request())
    request[6:8] = struct.pack(">H", version)
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall(request)
        received = connection.recv(1000)
    assert (received[0], *received[7:10])[: len(answer)] == answer


def test_a_user_identity_reaches_the_handlers(start: Start) -> None:
    heard: list[Any] = []

    def handle(event: Any) -> tuple[bool, None]:
        heard.append((event.user_id_type, event.primary_field))
        return True, None

    server = start([(evt.EVT_USER_ID, handle)])
    ae = AE("DX1")
    ae.add_requested_context(VERIFICATION)
    identity = UserIdentityNegotiation()
    identity.user_identity_type = 1
    identity.primary_field = b"roe"
    association = ae.associate("127.0.0.1", server.server_address[1], ext_neg=[identity])
    assert association.is_established
    association.release()
    assert heard == [(1, b"roe")]


def test_the_window_of_asynchronous_operations_is_one(start: Start) -> None:
    server = start([(evt.EVT_ASYNC_OPS, lambda event: (1, 1))])
    ae = AE("DX1")
    ae.add_requested_context(VERIFICATION)
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = 8
    window.maximum_number_operations_performed = 8
    association = ae.associate("127.0.0.1", server.server_address[1], ext_neg=[window])
    assert association.acceptor.asynchronous_operations == (1, 1)
    association.release()


@both
def test_a_role_that_is_asked_for_is_answered(start: Start) -> None:
    server = start()
    ae = AE("DX1")
    ae.add_requested_context(VERIFICATION)
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid = VERIFICATION
    role.scu_role = role.scp_role = True
    association = ae.associate("127.0.0.1", server.server_address[1], ext_neg=[role])
    assert association.is_established
    association.release()


def _event_report(association: wire.Association) -> None:
    """Take an N-EVENT-REPORT and answer it."""
    report = association.receive()
    assert report.command["CommandField"] == N_EVENT_REPORT
    answer = {
        "CommandField": N_EVENT_REPORT | 0x8000, "MessageID": None, "Status": 0,
        "MessageIDBeingRespondedTo": report.command["MessageID"],
    }  # fmt: skip
    association.send(3, answer)


def _report(association: Any) -> int:
    information = Dataset()
    information.TransactionUID = "1.2.3"
    status, _ = association.send_n_event_report(information, 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
    return int(status.get("Status", -1))


@both
def test_an_event_report_goes_out_on_the_same_association_from_another_thread(start: Start) -> None:
    server = start()
    with associate(server, VERIFICATION, COMMITMENT) as association:
        assert echo(association) == 0x0000
        (served,) = server.active_associations
        statuses: list[int] = []
        thread = threading.Thread(target=lambda: statuses.append(_report(served)))
        thread.start()
        _event_report(association)
        thread.join(20)
        assert statuses == [0x0000]
        assert echo(association) == 0x0000


def test_an_event_report_goes_out_while_a_request_is_answered(start: Start) -> None:
    statuses: list[int] = []

    def handle_echo(event: Any) -> int:
        statuses.append(_report(event.assoc))
        return 0x0000

    server = start([(evt.EVT_C_ECHO, handle_echo)])
    with associate(server, VERIFICATION, COMMITMENT) as association:
        association.send(1, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION})
        _event_report(association)
        assert association.receive().status == 0x0000
        assert statuses == [0x0000]


def test_a_report_that_is_never_answered_ends_its_association(start: Start) -> None:
    server = start()
    with associate(server, VERIFICATION, COMMITMENT) as association:
        assert echo(association) == 0x0000
        (served,) = server.active_associations
        served.dimse_timeout = 0.2
        statuses: list[int] = []
        thread = threading.Thread(target=lambda: statuses.append(_report(served)))
        thread.start()
        assert association.receive().command["CommandField"] == N_EVENT_REPORT
        assert association.read_pdu()[0] == 7
        thread.join(20)
        assert statuses == [-1]
    wait_for(lambda: not server.active_associations, "the association is gone")


def test_acknowledging_at_once_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as connection:
            acknowledge_at_once(connection)


@pytest.mark.skipif(QUICK_ACK is None, reason="this system has no TCP_QUICKACK")
def test_acknowledging_at_once_is_asked_of_the_socket() -> None:
    """The neighbour: on a socket that is not TCP it is an error, so something is set."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError):
        acknowledge_at_once(ours)


@pytest.mark.parametrize(
    ("replayed", "sent", "asked", "read"),
    [
        pytest.param(b"", b"abc", 3, 3, id="all"),
        pytest.param(b"", b"abcdef", 3, 3, id="no more than asked"),
        pytest.param(b"", b"ab", 3, 2, id="closed before"),
        pytest.param(b"", b"", 3, 0, id="closed at once"),
        pytest.param(b"ab", b"", 2, 2, id="replayed"),
        pytest.param(b"ab", b"cd", 3, 3, id="replayed and read"),
        pytest.param(b"", b"x" * (2 * READ_BYTES + 1), 2 * READ_BYTES + 1, 2 * READ_BYTES + 1, id="in pieces"),
    ],
)
def test_a_stock_socket_is_read_to_the_length_or_the_end(replayed: bytes, sent: bytes, asked: int, read: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    association = StockAssociation(AE("TEST"), ours, replayed)
    wrapped = association.dul.socket
    assert isinstance(wrapped, ReplayingSocket)

    def send() -> None:
        with theirs:
            theirs.sendall(sent)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert bytes(wrapped.recv(asked)) == (replayed + sent)[:read]
    finally:
        sender.join(10)
        ours.close()
