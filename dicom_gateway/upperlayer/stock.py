"""pynetdicom's own association, for a device that works with nothing else: its threads, queues and timers.

It lacks what the streaming association has: deadlines within a PDU, bounds while a message comes in, objects that are
never in memory. Adds only what makes it answer rightly: dispatch by presentation context, messages that cannot be
decoded end their own association, a C-CANCEL is seen while answers go out, larger reads, prompt acknowledgement.
"""

import time
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import DIMSEPrimitive
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from dicom_gateway.operating_system import acknowledge_at_once
from dicom_gateway.upperlayer.services import answer

log = structlog.get_logger()

ABORT_SECONDS = 1.0
UNSENT = 32  # parts of messages
READ_BYTES = 256 << 10


class ReplayingSocket(AssociationSocket):
    """The socket of an association whose request was read already; reads large pieces, acknowledged at once."""

    _replay = b""

    def replay(self, data: bytes) -> None:
        """Let the next reads have `data` first."""
        self._replay = data

    @property
    def ready(self) -> bool:
        """Whether something can be read."""
        return bool(self._replay) or bool(super().ready)

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, or fewer when the peer has closed the connection."""
        data = bytearray(self._replay[:nr_bytes])
        self._replay = self._replay[nr_bytes:]
        assert self.socket is not None
        while len(data) < nr_bytes:
            piece = self.socket.recv(min(nr_bytes - len(data), READ_BYTES))
            if not piece:
                break
            data += piece
            acknowledge_at_once(self.socket)
        return data


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


class StockAssociation(Association):
    """An association in pynetdicom's own threads, whose presentation contexts decide what is answered."""

    dimse: GuardedMessages

    def __init__(self, ae: Any, connected: Any, request: bytes) -> None:
        """`connected` is the socket, `request` the A-ASSOCIATE-RQ that was read from it."""
        super().__init__(ae, "acceptor")
        self.dul.__class__ = AlternatingUnits  # pynetdicom makes both itself; same fields
        self.dimse.__class__ = GuardedMessages
        connected.settimeout(None)
        wrapped = ReplayingSocket(self, client_socket=connected)
        wrapped.replay(request)
        self.set_socket(wrapped)
        self._is_serving = False

    @property
    def is_busy(self) -> bool:
        """Whether a message is half received, waits, or is being answered."""
        return self._is_serving or self.dimse.message is not None or not self.dimse.msg_queue.empty()

    def serve(self, request: Any) -> None:
        """Negotiate and serve until the association ends; it reads its request itself."""
        self.start()
        self.join()

    def queue_message(self, context_id: int, command_set: bytes, data_set: bytes) -> None:
        """Send a message, once few parts of earlier ones are waiting."""
        self.dimse.wait_for_room()
        largest = self.dimse.maximum_pdu_size
        for control, data in ((1, command_set), (0, data_set)):
            size = largest - 6 if largest else len(data)
            for at in range(0, len(data), size):
                last = 2 if at + size >= len(data) else 0
                fragment = P_DATA()
                value: Any = [context_id, bytes((control | last,)) + data[at : at + size]]
                fragment.presentation_data_value_list = [value]
                self.dul.send_pdu(fragment)

    def end(self) -> None:
        """Abort; when its peer stands in the middle of a PDU and does not go on, cut it off."""
        if self.is_established:
            self.abort(block=False)
        deadline = time.monotonic() + ABORT_SECONDS
        while time.monotonic() < deadline and self.dul.is_alive() and self.dul.state_machine.current_state != "Sta1":
            time.sleep(0.01)
        wrapped = self.dul.socket
        if wrapped and wrapped.socket:
            wrapped._shutdown_socket()
        self.kill()

    def _serve_request(self, msg: DIMSEPrimitive, context_id: int) -> None:
        if msg.MessageID is None:
            log.info("message without an id passed over", kind=type(msg).__name__)
            return
        context = self._accepted_cx.get(context_id)
        if context is None or self._sent_release:
            self.abort()
            return
        self._is_serving = True
        try:
            cancels = self.dimse.cancel_req
            self.dimse.cancel_req = {id_: cancel for id_, cancel in cancels.items() if id_ == msg.MessageID}
            answer(self, msg, context, context_id)
        except Exception as error:
            log.error("message not answered", exc_info=error)
            self.abort()
        finally:
            self._is_serving = False
