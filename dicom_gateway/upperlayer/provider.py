"""pynetdicom's two service providers without threads: what they send goes out at once, what they wait for is read in
the caller's thread.

PS3.8 7 (the upper layer service), PS3.7 7 (the message service). pynetdicom's association control and service classes
call them as they call its own.
"""

import queue
import struct
import threading
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse import _RQ_TO_MESSAGE, _RSP_TO_MESSAGE, DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_ECHO, C_FIND
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_RELEASE_RP, A_RELEASE_RQ
from pynetdicom.pdu_primitives import A_ABORT, A_ASSOCIATE, A_P_ABORT, A_RELEASE, P_DATA
from pynetdicom.timer import Timer

from dicom_gateway.upperlayer.commands import C_ECHO_RSP, C_FIND_RSP, data_units, response
from dicom_gateway.upperlayer.units import P_DATA_TF

if TYPE_CHECKING:
    from dicom_gateway.upperlayer.association import StreamingAssociation

PLAIN = {C_ECHO: C_ECHO_RSP, C_FIND: C_FIND_RSP}  # responses that are encoded here, a fifth of the time it takes else
NOT_PLAIN = ("Identifier", "OffendingElement")
Primitive = A_ASSOCIATE | A_RELEASE | A_ABORT | A_P_ABORT | P_DATA


class DirectProvider:
    """Stands where pynetdicom's DULServiceProvider stands. `socket` is only there for those who look for it."""

    def __init__(self, association: "StreamingAssociation") -> None:
        self.assoc = association
        self.socket: Any = None
        self.artim_timer = Timer(None)  # deadlines are the connection's
        self._idle_timer = Timer(None)
        self.to_user_queue: queue.Queue[Primitive] = queue.Queue()

    def start(self) -> None:
        """There is no thread to start."""
        self.assoc._dul_ready.set()

    def is_alive(self) -> bool:
        """There is no thread that could be alive."""
        return False

    def kill_dul(self) -> None:
        """There is no thread to end."""

    def stop_dul(self) -> bool:
        """There is no thread to end."""
        return True

    def peek_next_pdu(self) -> Primitive | None:
        """Return what was read and belongs to association control."""
        return self.to_user_queue.queue[0] if self.to_user_queue.queue else None

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Primitive | None:
        """Return what was read and belongs to association control; nothing is waited for."""
        try:
            return self.to_user_queue.get(block=False)
        except queue.Empty:
            return None

    def send_pdu(self, primitive: Primitive) -> None:
        """Encode and send a primitive at once."""
        self.assoc.send(b"".join(_encoded(primitive)))


def _encoded(primitive: Primitive) -> list[bytes]:
    if isinstance(primitive, P_DATA):
        return [
            struct.pack(">BBIIB", P_DATA_TF, 0, len(value) + 5, len(value) + 1, context_id) + value
            for context_id, value in primitive.presentation_data_value_list
        ]  # a value begins with its control header
    if isinstance(primitive, A_ASSOCIATE):
        pdu: Any = A_ASSOCIATE_AC(primitive) if primitive.result == 0 else A_ASSOCIATE_RJ(primitive)
    elif isinstance(primitive, A_RELEASE):
        pdu = A_RELEASE_RQ(primitive) if primitive.result is None else A_RELEASE_RP(primitive)
    else:
        pdu = A_ABORT_RQ(primitive)
    return [pdu.encode()]


def _plain_response(primitive: Any) -> bytes:
    return response(
        PLAIN[type(primitive)],
        str(primitive.AffectedSOPClassUID or ""),
        primitive.MessageIDBeingRespondedTo,
        primitive.Status,
        str(getattr(primitive, "ErrorComment", "") or ""),
    )


class DirectMessages(DIMSEServiceProvider):
    """Sends each message with one call; what a request of ours waits for is handed over by the thread that reads."""

    _assoc: "StreamingAssociation"

    def __init__(self, association: "StreamingAssociation") -> None:
        super().__init__(association)
        self._awaited: set[int] = set()  # message ids of requests of ours

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Encode and send a message."""
        is_request = primitive.MessageIDBeingRespondedTo is None
        has_more = any(getattr(primitive, name, None) for name in NOT_PLAIN)
        if type(primitive) in PLAIN and not is_request and not has_more:
            command_set = _plain_response(primitive)
            self._assoc.send(b"".join(data_units(context_id, command_set, True, self.maximum_pdu_size)))
            return
        if is_request:
            self._awaited.add(primitive.MessageID)
        message = (_RQ_TO_MESSAGE if is_request else _RSP_TO_MESSAGE)[type(primitive)]()
        message.primitive_to_message(primitive)
        message.context_id = context_id
        parts = message.encode_msg(context_id, self.maximum_pdu_size)
        self._assoc.send(b"".join(unit for part in parts for unit in _encoded(part)))

    def take_response(self, context_id: int, primitive: Any) -> None:
        """Keep a response for whoever waits for it; one that nobody asked for is passed over."""
        if primitive.MessageIDBeingRespondedTo in self._awaited:
            self._awaited.remove(primitive.MessageIDBeingRespondedTo)
            self.msg_queue.put((context_id, primitive))

    def get_msg(self, block: bool = False) -> Any:
        """Return (context, message) that was read; waits for one when asked, in whichever thread."""
        if block and threading.current_thread() is self._assoc.reading_thread:
            self._assoc.read_response()
            block = False
        return super().get_msg(block)
