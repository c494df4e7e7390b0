"""Every private thing of pynetdicom 3.0.x that the upper layer relies upon: one that moves fails here, by name.

pynetdicom is pinned to 3.0.x in pyproject.toml; a later version must not be taken unseen.
"""

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from pynetdicom import AE, _config, dimse, evt
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.presentation import build_context
from pynetdicom.service_class import ServiceClass
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler


def acceptor() -> Association:
    """Return an association as pynetdicom makes it."""
    return Association(AE("TEST"), "acceptor")


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("pynetdicom").startswith("3.0.")


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        pytest.param(
            acceptor(),
            "_accepted_cx _rejected_cx _sent_abort _sent_release _is_paused _reactor_checkpoint _handlers _server "
            "_dul_ready acse acceptor requestor is_established is_aborted is_released is_rejected dimse_timeout",
            id="association",
        ),
        pytest.param(
            acceptor(), "_serve_request abort _abort_blocking _abort_nonblocking kill set_socket start", id="methods"
        ),
        pytest.param(
            acceptor().acceptor,
            "maximum_length ae_title address_info implementation_class_uid implementation_version_name "
            "supported_contexts",
            id="acceptor",
        ),
        pytest.param(acceptor().requestor, "primitive address_info maximum_length user_identity", id="requestor"),
        pytest.param(
            acceptor().dimse,
            "receive_primitive send_msg get_msg message msg_queue cancel_req dul maximum_pdu_size",
            id="messages",
        ),
        pytest.param(
            acceptor().dul,
            "event_queue to_provider_queue state_machine socket _process_recv_primitive artim_timer _idle_timer "
            "to_user_queue start is_alive kill_dul stop_dul peek_next_pdu receive_pdu send_pdu",
            id="PDUs",
        ),
        pytest.param(ACSE, "negotiate_association send_accept send_reject send_release", id="association control"),
        pytest.param(dimse, "_RQ_TO_MESSAGE _RSP_TO_MESSAGE", id="message tables"),
        pytest.param(DIMSEMessage(), "decode_msg encode_msg message_to_primitive primitive_to_message", id="message"),
        pytest.param(RequestHandler, "_create_association", id="handler"),
        pytest.param(
            AssociationServer,
            "active_associations server_bind server_activate",
            id="server",
        ),
        pytest.param(AssociationSocket, "recv send close ready _shutdown_socket", id="socket"),
        pytest.param(AE("TEST"), "_servers maximum_associations maximum_pdu_size", id="AE"),
        pytest.param(_config, "VALIDATORS LOG_HANDLER_LEVEL LOG_REQUEST_IDENTIFIERS", id="settings"),
    ],
)
def test_what_is_relied_upon_is_there(owner: object, names: str) -> None:
    assert [name for name in names.split() if not hasattr(owner, name)] == []


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (Association._serve_request, "self msg context_id"),
        (Association.abort, "self block"),
        (DIMSEServiceProvider.receive_primitive, "self primitive"),
        (DIMSEServiceProvider.send_msg, "self primitive context_id"),
        (DIMSEServiceProvider.get_msg, "self block"),
        (DULServiceProvider.receive_pdu, "self wait timeout"),
        (DULServiceProvider.send_pdu, "self primitive"),
        (DIMSEMessage.decode_msg, "self primitive assoc"),
        (DIMSEMessage.encode_msg, "self context_id max_pdu_length"),
        (AssociationSocket.recv, "self nr_bytes"),
        (ServiceClass.SCP, "self req context"),
        (evt.trigger, "assoc event attrs"),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else "",
)
def test_the_signatures_are_those(function: Any, parameters: str) -> None:
    assert list(inspect.signature(function).parameters) == parameters.split()


def test_a_server_keeps_its_handlers_as_associations_do() -> None:
    """Associations get a copy of the server's table instead of one bind() an event."""
    server = AssociationServer(AE("TEST"), ("127.0.0.1", 0), "TEST", [build_context("1.2.840.10008.1.1")])
    try:
        bound, own = server._handlers, acceptor()._handlers
        assert bound.keys() == own.keys()
        assert {type(handlers) for handlers in bound.values()} == {type(handlers) for handlers in own.values()}
    finally:
        assert server.socket is not None
        server.socket.close()


def test_an_acceptor_is_made_of_what_we_set() -> None:
    """RequestHandler._create_association sets these; another field there would be one that we do not set."""
    source = inspect.getsource(RequestHandler._create_association)
    fields = {
        line.split("=")[0].strip()
        for line in source.splitlines()
        if line.strip().startswith("assoc.") and " = " in line
    }
    assert fields == {
        "assoc._server", "assoc.name", "assoc.acceptor.maximum_length", "assoc.acceptor.ae_title",
        "assoc.acceptor.address_info", "assoc.acceptor.implementation_class_uid",
        "assoc.acceptor.implementation_version_name", "assoc.acceptor.supported_contexts",
        "assoc.requestor.address_info",
    }  # fmt: skip


def test_contexts_are_sorted_before_the_acceptance_is_sent() -> None:
    """What a device may not use is moved from one to the other when the acceptance is to be sent."""
    source = inspect.getsource(ACSE._negotiate_as_acceptor)
    assert 0 < source.index("self.assoc._accepted_cx = ") < source.index("self.send_accept()")
    assert 0 < source.index("self.assoc._rejected_cx = ") < source.index("self.send_accept()")
    sent = inspect.getsource(ACSE.send_accept)
    assert "self.assoc.accepted_contexts + self.assoc.rejected_contexts" in sent


def test_the_service_providers_are_made_by_the_association_itself() -> None:
    source = inspect.getsource(Association.__init__)
    assert "self.dul: DULServiceProvider = DULServiceProvider(self)" in source
    assert "self.dimse: DIMSEServiceProvider = DIMSEServiceProvider(self)" in source


def test_a_request_is_decoded_without_a_connection() -> None:
    assert {"decode", "to_primitive", "protocol_version"} <= set(dir(A_ASSOCIATE_RQ()))


def test_the_state_that_the_end_waits_for() -> None:
    assert "Sta1" in inspect.getsource(DULServiceProvider.stop_dul)
