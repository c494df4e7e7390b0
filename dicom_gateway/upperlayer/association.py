"""An accepted association in one blocking thread: it reads, sorts what came by its presentation context, and answers.

PS3.8 7 and 9.2, PS3.7 8 and annex E. Negotiation, messages, service classes and their handlers are pynetdicom's; its
reactors, queues and timers are not used. A C-STORE's data set goes to a receiver piece by piece as it comes; the data
set of any other message is collected, within bounds. One message is in work at a time: what a peer sends meanwhile
waits in its own buffers, except a C-CANCEL, which is looked for between pages of answers.

A protocol error, a deadline or a limit ends the association with A-ABORT; the receiver of a half object is told.
"""

import threading
import time
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu import A_ABORT_RQ

from dicom_gateway.upperlayer import commands
from dicom_gateway.upperlayer.commands import Command, data_units
from dicom_gateway.upperlayer.connection import Connection, Late, Lost
from dicom_gateway.upperlayer.limits import Limits
from dicom_gateway.upperlayer.message import LimitPassed, Message, ReceiveObject
from dicom_gateway.upperlayer.provider import DirectMessages, DirectProvider
from dicom_gateway.upperlayer.services import answer
from dicom_gateway.upperlayer.shares import Share
from dicom_gateway.upperlayer.units import (
    ABORT,
    RELEASE_RP,
    RELEASE_RQ,
    UNEXPECTED_PDU,
    Fragment,
    InvalidUnit,
    Unit,
    UnitReader,
)

log = structlog.get_logger()

PAGE_BYTES = 64 << 10  # of answers that go out together
ABORTED_BY_USER, ABORTED_BY_PROVIDER = 0, 2  # sources of an A-ABORT, PS3.8 table 9-26


class StreamingAssociation(Association):
    """An association that we accepted. Served by `serve` in the calling thread; never started as a thread itself."""

    dul: Any
    dimse: DirectMessages

    def __init__(
        self, ae: Any, connection: Connection, reader: UnitReader, limits: Limits, receive_object: ReceiveObject,
        share: Share,
    ) -> None:  # fmt: skip
        super().__init__(ae, "acceptor")
        self.connection = connection
        self.dul = DirectProvider(self)
        self.dimse = DirectMessages(self)
        self.reading_thread: threading.Thread | None = None
        self._limits = limits
        self._reader = reader
        self._receive_object = receive_object
        self._share = share
        self._sending = threading.Lock()
        self._page = bytearray()
        self._command = bytearray()
        self._command_context = 0
        self._message: Message | None = None
        self._is_serving = False
        self._answering: int | None = None
        self._is_paused = True  # pynetdicom waits for this before it sends a request of ours
        self._pdu = -1
        self._deadline = 0.0

    # What the server and the services use.

    @property
    def is_busy(self) -> bool:
        """Whether a message is half received or being answered."""
        return self._is_serving or self._message is not None or bool(self._command)

    def send(self, data: bytes) -> None:
        """Send PDUs, and what was queued before them; when the peer takes nothing more the association ends."""
        try:
            with self._sending:
                if self._page:
                    data, self._page = bytes(self._page) + data, bytearray()
                with self._share.resting():
                    self.connection.send(data, self._limits.send_seconds)
        except (Late, Lost) as error:
            self._end_silently(error)

    def queue_message(self, context_id: int, command_set: bytes, data_set: bytes) -> None:
        """Let a message go out with the next page, and see, page by page, whether the peer cancels."""
        largest = self.dimse.maximum_pdu_size
        for unit in data_units(context_id, command_set, True, largest):
            self._page += unit
        for unit in data_units(context_id, data_set, False, largest):
            self._page += unit
        if len(self._page) >= PAGE_BYTES:
            self.send(b"")
            self._look_for_cancel()

    def end(self) -> None:
        """Tell the peer that it ends, if it can be told at once, and cut the connection; from another thread."""
        if self._sending.acquire(timeout=0.1):
            try:
                self.connection.send_at_once(abort_unit(ABORTED_BY_USER, 0))
            finally:
                self._sending.release()
        self.connection.cut()

    def serve(self, request: Any) -> None:
        """Negotiate what `request` (A-ASSOCIATE, received) asks for, and serve until the association ends."""
        self.reading_thread = threading.current_thread()
        self.requestor.primitive = request
        try:
            evt.trigger(self, evt.EVT_REQUESTED, {})
            if not self.is_aborted and not self.is_rejected:
                self.acse.negotiate_association()
            self._reader.may_carry_data = self.is_established
            while self.is_established:
                self._take(self._next())
        except InvalidUnit as error:
            self._abort("association invalid", str(error), error.reason)
        except Late as error:
            self._abort("association late", str(error), 0)
        except LimitPassed as error:
            self._abort("association over its limit", str(error), 0)
        except Lost as error:
            self._end_silently(error)
        finally:
            self._drop_message()

    def read_response(self) -> None:
        """Read until a response to a request of ours is there, or the association ends."""
        deadline = time.monotonic() + (self.dimse_timeout or self._limits.idle_seconds)
        while self.is_established and self.dimse.msg_queue.empty() and time.monotonic() < deadline:
            self._take(self._next())

    # Reading.

    def _next(self) -> Fragment | Unit:
        while (found := self._reader.next()) is None:
            self._fill()
        return found

    def _fill(self) -> None:
        """Read once. A PDU has its deadline from its first byte on, however slowly the rest drips."""
        reader, limits, now = self._reader, self._limits, time.monotonic()
        what, deadline = "idle", now + limits.idle_seconds
        if reader.is_inside:
            if self._pdu != reader.completed:
                self._pdu, self._deadline = reader.completed, now + limits.pdu_seconds
            what, deadline = "within a PDU", self._deadline
        seconds = limits.pdu_seconds if reader.is_inside else limits.idle_seconds
        with self._share.resting():
            count = self.connection.read_into(reader.space(), seconds) if now <= deadline else None
        if count is not None:
            reader.received(count)
        elif time.monotonic() >= deadline:
            raise Late(what)

    def _take(self, found: Fragment | Unit) -> None:
        if isinstance(found, Fragment):
            (self._take_command if found.is_command else self._take_data)(found)
        elif found.kind == RELEASE_RQ:
            self._release()
        elif found.kind == ABORT:
            self._ended("aborted", aborted=True)
        elif found.kind == RELEASE_RP and self._sent_release:
            self._ended("released", aborted=False)
        else:
            raise InvalidUnit(f"PDU of type {found.kind} within an association", UNEXPECTED_PDU)

    def _take_command(self, fragment: Fragment) -> None:
        if self._message is not None or (self._command and fragment.context_id != self._command_context):
            raise InvalidUnit("a command set within another message")
        self._command_context = fragment.context_id
        self._command += fragment.data
        if len(self._command) > self._limits.command_bytes:
            raise LimitPassed(f"a command set of more than {self._limits.command_bytes} bytes")
        if fragment.is_last:
            self._begin(fragment.context_id, bytes(self._command))

    def _begin(self, context_id: int, command_set: bytes) -> None:
        request = commands.parse(command_set)
        context = self._accepted_cx.get(context_id)
        if context is None:
            raise InvalidUnit(f"a message in context {context_id}, which was not accepted")
        receiver, largest = None, self._limits.identifier_bytes
        if request.field == commands.C_STORE_RQ and request.message_id is not None:
            largest = self._limits.largest_object(request.sop_class_uid)
            receiver = self._receive_object(self, context, request)
        self._message = Message(context_id, context, request, command_set, largest, receiver)
        self._command.clear()
        if not request.has_data_set:
            self._finish()

    def _take_data(self, fragment: Fragment) -> None:
        message = self._message
        if message is None or fragment.context_id != message.context_id:
            raise InvalidUnit("a data set without its command set")
        message.write(fragment.data)
        if fragment.is_last:
            self._finish()

    # Answering.

    def _finish(self) -> None:
        message = self._message
        assert message is not None
        self._is_serving = True
        self._message = None
        try:
            if message.receiver is None:
                self._serve_whole(message)
            else:
                with self._share.resting():
                    status = message.receiver.finish()
                self._answer_store(message.request, message.context_id, status)
        finally:
            self._is_serving = False

    def _answer_store(self, request: Command, context_id: int, status: Dataset | int) -> None:
        code, comment = (status, "") if isinstance(status, int) else (status.Status, status.get("ErrorComment", ""))
        response = commands.store_response(request, code, comment)
        self.send(b"".join(data_units(context_id, response, True, self.dimse.maximum_pdu_size)))

    def _serve_whole(self, message: Message) -> None:
        """Hand a message to its service class, or to whoever waits for it."""
        primitive = message.decoded(self)
        if isinstance(primitive, C_CANCEL):
            return  # of something that has been answered
        if message.request.field & 0x8000:
            self.dimse.take_response(message.context_id, primitive)
            return
        if primitive.MessageID is None:
            log.info("message without an id passed over", kind=type(primitive).__name__)
            return
        self.dimse.cancel_req = {}
        self._answering = primitive.MessageID
        try:
            answer(self, primitive, message.context, message.context_id)
        except (InvalidUnit, Late, Lost, LimitPassed):
            raise
        except Exception as error:
            log.error("message not answered", exc_info=error)
            self.abort()
        if self._page:
            self.send(b"")

    def _look_for_cancel(self) -> None:
        """Take in C-CANCELs that came while answers went out; anything else waits for its turn."""
        reader = self._reader
        reader.received(self.connection.read_waiting(reader.space()))
        while (unit := reader.peek()) is not None:
            if (cancel := _cancel_in(unit)) is not None:
                reader.skip()
                if cancel == self._answering:
                    self.dimse.cancel_req[cancel] = C_CANCEL()
            elif unit[0] == ABORT:
                self._take(self._next())
            else:
                return

    # Ending.

    def abort(self, block: bool = True) -> None:
        """Abort as the service user; returns once the peer is told."""
        self._abort("association aborted by us", "", 0, ABORTED_BY_USER)

    _abort_blocking = _abort_nonblocking = abort

    def _release(self) -> None:
        self.acse.send_release(is_response=True)
        self._ended("released", aborted=False)

    def _abort(self, what: str, why: str, reason: int, source: int = ABORTED_BY_PROVIDER) -> None:
        if self._sent_abort or self.is_aborted or self.is_released or self.is_rejected:
            return
        self._sent_abort = True
        log.info(what, why=why, address=self.connection.address)
        self._page = bytearray()
        self.send(abort_unit(source, reason))
        self._ended("aborted", aborted=True)

    def _end_silently(self, error: Exception) -> None:
        """The peer is gone, or takes nothing more."""
        log.info("association lost", why=str(error), address=self.connection.address)
        self.connection.cut()
        self._ended("aborted", aborted=True)

    def _ended(self, how: str, aborted: bool) -> None:
        was_established, self.is_established = self.is_established, False
        if self.is_aborted or self.is_released:
            return
        self.is_aborted, self.is_released = aborted, not aborted
        if was_established:
            evt.trigger(self, evt.EVT_ABORTED if aborted else evt.EVT_RELEASED, {})
        if threading.current_thread() is not self.reading_thread:
            self.connection.cut()  # so that the thread that reads sees it

    def _drop_message(self) -> None:
        message, self._message = self._message, None
        if message is not None and message.receiver is not None:
            message.receiver.discard()
        self._command = bytearray()


def abort_unit(source: int, reason: int) -> bytes:
    """Return an A-ABORT PDU (PS3.8 9.3.8)."""
    pdu = A_ABORT_RQ()
    pdu.source = source
    pdu.reason_diagnostic = reason
    return bytes(pdu.encode())


def _cancel_in(unit: bytes) -> int | None:
    """Return the message id that a PDU cancels when it holds a C-CANCEL and nothing else."""
    length = int.from_bytes(unit[6:10], "big")
    if len(unit) < 12 or unit[0] != 4 or length != len(unit) - 10 or unit[11] & 3 != 3:
        return None
    try:
        request = commands.parse(unit[12:])
    except InvalidUnit:
        return None
    return request.responded_to if request.field == commands.C_CANCEL_RQ else None
