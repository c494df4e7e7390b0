"""The accepting server on its own: socket options, shared contexts, and what of pynetdicom it relies upon."""

import copy
import inspect
import socket
import threading
from collections.abc import Iterator

import pytest
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.presentation import build_context
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler

from dicom_gateway.operating_system import QUICK_ACK, acknowledge_at_once
from dicom_gateway.upperlayer.association import ServedAssociation
from dicom_gateway.upperlayer.server import READ_BYTES, DicomServer, PromptSocket, SharedContexts
from tests.dicom import wire
from tests.dicom.running import wait_for

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture
def server() -> Iterator[DicomServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = DicomServer(AE("TEST"), listening, [build_context(VERIFICATION)], [])
    server.start()
    yield server
    server.stop_accepting()
    server.end_associations()


def associate(server: DicomServer) -> wire.Association:
    """Open an association for Verification."""
    return wire.Association(server.server_address[1], [(VERIFICATION, (wire.IMPLICIT,))])


def echo(association: wire.Association) -> int:
    """Return the status of a C-ECHO."""
    return association.request(1, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION}).status


def test_the_sockets_of_associations_do_not_delay(server: DicomServer) -> None:
    with associate(server) as association:
        assert echo(association) == 0x0000
        (served,) = server.active_associations
        assert isinstance(served, ServedAssociation)
        assert isinstance(served.dul.socket, PromptSocket)
        assert served.dul.socket.socket is not None
        assert served.dul.socket.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_all_associations_share_the_presentation_contexts(server: DicomServer) -> None:
    with associate(server) as first, associate(server) as second:
        assert echo(first) == echo(second) == 0x0000
        served = server.active_associations
        assert len(served) == 2
        assert all(one.acceptor.supported_contexts is server.contexts for one in served)
        assert [context.abstract_syntax for context in server.contexts] == [VERIFICATION]


def test_negotiation_leaves_the_shared_contexts_alone(server: DicomServer) -> None:
    before = [(context.abstract_syntax, list(context.transfer_syntax)) for context in server.contexts]
    for syntaxes in ((wire.EXPLICIT,), (wire.IMPLICIT, "1.2.3"), ("1.2.3",)):
        with wire.Association(server.server_address[1], [(VERIFICATION, syntaxes), ("1.2.3.4", syntaxes)]):
            pass
    assert [(context.abstract_syntax, list(context.transfer_syntax)) for context in server.contexts] == before
    assert all(context.context_id is None and context.result is None for context in server.contexts)


def test_only_shared_contexts_are_not_copied() -> None:
    contexts = [build_context(VERIFICATION)]
    shared = SharedContexts(contexts)
    assert copy.deepcopy(shared) is shared
    assert copy.deepcopy(contexts)[0] is not contexts[0]


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
    ("sent", "asked", "read"),
    [
        pytest.param(b"abc", 3, 3, id="all"),
        pytest.param(b"abcdef", 3, 3, id="no more than asked"),
        pytest.param(b"ab", 3, 2, id="closed before"),
        pytest.param(b"", 3, 0, id="closed at once"),
        pytest.param(b"x" * (2 * READ_BYTES + 1), 2 * READ_BYTES + 1, 2 * READ_BYTES + 1, id="in several pieces"),
    ],
)
def test_a_socket_is_read_to_the_length_or_the_end(sent: bytes, asked: int, read: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    association = Association(AE("TEST"), "acceptor")
    wrapped = PromptSocket(association, client_socket=ours)

    def send() -> None:
        with theirs:
            theirs.sendall(sent)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert bytes(wrapped.recv(asked)) == sent[:read]
    finally:
        sender.join(10)
        ours.close()


def test_it_stops_once_and_leaves_no_thread(server: DicomServer) -> None:
    with associate(server) as association:
        assert echo(association) == 0x0000
        assert not server.is_busy()
        server.end_associations()
        assert association.read_pdu()[0] == 7
    wait_for(lambda: not server.active_associations, "the association is gone")


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        pytest.param(
            Association(AE("TEST"), "acceptor"),
            ("_serve_request", "_accepted_cx", "_sent_release", "abort", "kill", "dimse", "dul", "is_established"),
            id="association",
        ),
        pytest.param(
            Association(AE("TEST"), "acceptor").dimse,
            ("receive_primitive", "send_msg", "message", "msg_queue", "cancel_req", "dul"),
            id="messages",
        ),
        pytest.param(
            Association(AE("TEST"), "acceptor").dul,
            ("event_queue", "to_provider_queue", "state_machine", "socket", "_process_recv_primitive"),
            id="PDUs",
        ),
        pytest.param(RequestHandler, ("_create_association",), id="handler"),
        pytest.param(
            AssociationServer, ("active_associations", "server_bind", "server_activate", "shutdown"), id="server"
        ),
        pytest.param(AssociationSocket, ("recv", "send", "close"), id="socket"),
        pytest.param(AE("TEST"), ("_servers", "require_called_aet"), id="AE"),
        pytest.param(_config, ("VALIDATORS", "LOG_HANDLER_LEVEL"), id="settings"),
    ],
)
def test_what_is_relied_upon_is_there(owner: object, names: tuple[str, ...]) -> None:
    """pynetdicom is pinned to 3.0.x; a later one that lacks one of these must not be taken unseen."""
    assert [name for name in names if not hasattr(owner, name)] == []


def test_the_signatures_relied_upon_are_those() -> None:
    assert list(inspect.signature(Association._serve_request).parameters) == ["self", "msg", "context_id"]
    assert list(inspect.signature(DIMSEServiceProvider.receive_primitive).parameters) == ["self", "primitive"]
    assert list(inspect.signature(AssociationSocket.recv).parameters) == ["self", "nr_bytes"]
    assert "Sta1" in inspect.getsource(DULServiceProvider.stop_dul)  # the state that end() waits for
