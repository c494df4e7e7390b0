"""An accepted association: which service answers a message, and how it ends.

PS3.7 9, 10, annex C. pynetdicom takes the service from the SOP class that a command names, so that a C-STORE which
names Verification is answered as a C-ECHO, and aborts or says nothing where it finds none. Here the presentation
context decides: an operation that it does not have gets 0x0211, all else goes to pynetdicom's service classes, whose
handlers compare the command with the context. A C-STORE always goes to its handler, which keeps what it refuses.
"""

import socket
import time
from collections.abc import Sequence
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_STORE, N_CREATE, N_GET, N_SET, DIMSEPrimitive
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import (
    BasicWorklistManagementServiceClass,
    ServiceClass,
    StorageServiceClass,
    VerificationServiceClass,
)
from pynetdicom.service_class_n import ProcedureStepServiceClass
from pynetdicom.sop_class import uid_to_service_class

log = structlog.get_logger()

UNRECOGNIZED_OPERATION = 0x0211
UNABLE_TO_PROCESS = 0xC000
ABORT_SECONDS = 1.0
UNSENT = 32  # parts of messages
OPERATIONS: dict[type[ServiceClass], tuple[type[DIMSEPrimitive], ...]] = {
    VerificationServiceClass: (C_ECHO,),
    BasicWorklistManagementServiceClass: (C_FIND,),
    ProcedureStepServiceClass: (N_CREATE, N_SET, N_GET),
    StorageServiceClass: (C_STORE,),
}


class AlternatingUnits(DULServiceProvider):
    """Reads what has come between what it sends; pynetdicom's reads nothing, no C-CANCEL, while it has to send."""

    _has_sent = False

    def _process_recv_primitive(self) -> bool:
        if self._has_sent and self.socket and self.socket.ready:
            self._has_sent = False  # and what has come is read next
        else:
            self._has_sent = super()._process_recv_primitive()
        return self._has_sent


class GuardedMessages(DIMSEServiceProvider):
    """Decodes messages; one that cannot be decoded ends its association, not the thread that reads it. Does not run
    ahead of what is sent, so that a C-CANCEL still finds something to cancel."""

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take in a part of a message."""
        try:
            super().receive_primitive(primitive)
        except Exception as error:
            log.warning("message not understood", error=type(error).__name__)
            self.dul.event_queue.put("Evt19")  # PS3.8 9.2: invalid PDU, A-ABORT

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send a message, once few parts of earlier ones are waiting."""
        self.wait_for_room()
        super().send_msg(primitive, context_id)

    def wait_for_room(self) -> None:
        """Return once few parts of earlier messages are waiting, or there is nobody to send them to."""
        dul = self.dul
        while dul.to_provider_queue.qsize() > UNSENT and dul.is_alive() and dul.state_machine.current_state == "Sta6":
            time.sleep(0.001)


class ServedAssociation(Association):
    """An association whose presentation contexts decide what is answered. Made of an Association by `serve`."""

    is_serving = False

    @classmethod
    def serve(cls, association: Association) -> "ServedAssociation":
        """Turn a new association into one of this class: same fields; its maker cannot be told which class to make."""
        association.__class__ = cls
        association.dimse.__class__ = GuardedMessages
        association.dul.__class__ = AlternatingUnits
        assert isinstance(association, ServedAssociation)
        return association

    @property
    def is_busy(self) -> bool:
        """Whether a message is half received, waits, or is being answered."""
        dimse = self.dimse
        return self.is_serving or dimse.message is not None or not dimse.msg_queue.empty()

    def cut(self) -> None:
        """Close the connection under whatever reads or writes it."""
        wrapped = self.dul.socket
        connection = wrapped.socket if wrapped else None
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already

    def _serve_request(self, msg: DIMSEPrimitive, context_id: int) -> None:
        if msg.MessageID is None:
            log.info("message without an id passed over", kind=type(msg).__name__)
            return
        context = self._accepted_cx.get(context_id)
        if context is None or self._sent_release:
            self.abort()
            return
        self.is_serving = True
        try:
            self._answer(msg, context, context_id)
        except Exception as error:
            log.error("message not answered", exc_info=error)
            self.abort()
        finally:
            self.is_serving = False

    def _answer(self, msg: DIMSEPrimitive, context: PresentationContext, context_id: int) -> None:
        cancels = self.dimse.cancel_req
        self.dimse.cancel_req = {id_: cancel for id_, cancel in cancels.items() if id_ == msg.MessageID}
        kind = StorageServiceClass if isinstance(msg, C_STORE) else uid_to_service_class(str(context.abstract_syntax))
        if not isinstance(msg, OPERATIONS.get(kind, ())):
            self.dimse.send_msg(_refusal(msg, UNRECOGNIZED_OPERATION), context_id)  # type: ignore[arg-type]
        elif isinstance(msg, C_FIND) and not (msg.Identifier and msg.Identifier.getvalue()):
            # pynetdicom says 0xC312 here, which PS3.4 K.4.1.1.4 does not know.
            self.dimse.send_msg(_refusal(msg, UNABLE_TO_PROCESS), context_id)  # type: ignore[arg-type]
        else:
            kind(self).SCP(msg, context)


def _refusal(msg: DIMSEPrimitive, status: int) -> DIMSEPrimitive:
    refusal = type(msg)()
    refusal.MessageIDBeingRespondedTo = msg.MessageID
    refusal.Status = status
    return refusal


def end(associations: Sequence[ServedAssociation]) -> None:
    """Abort associations; those whose peer stands in the middle of a PDU, and does not go on, are cut off."""
    for association in associations:
        if association.is_established:
            association.abort(block=False)
    deadline = time.monotonic() + ABORT_SECONDS
    while time.monotonic() < deadline and any(map(_is_open, associations)):
        time.sleep(0.01)
    for association in associations:
        association.cut()
        association.kill()


def _is_open(association: ServedAssociation) -> bool:
    return bool(association.dul.is_alive() and association.dul.state_machine.current_state != "Sta1")
