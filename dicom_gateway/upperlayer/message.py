"""A message while it comes in: an object goes to its receiver piece by piece, any other data set is collected."""

from typing import Any, Protocol

from pydicom import Dataset
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext

from dicom_gateway.upperlayer.commands import Command
from dicom_gateway.upperlayer.units import InvalidUnit


class ObjectReceiver(Protocol):
    """Takes one object of a C-STORE as it comes. Neither write nor finish raises."""

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set; the view ends with the call."""

    def finish(self) -> Dataset | int:
        """Keep the object that is whole now; return its status, durable when it is success."""

    def discard(self) -> None:
        """Forget an object that will not become whole."""


class ReceiveObject(Protocol):
    """Begins to receive the object of a C-STORE request."""

    def __call__(self, association: Any, context: PresentationContext, request: Command) -> ObjectReceiver:
        """Return what takes its data set; does not raise."""


class LimitPassed(Exception):
    """The peer sent more than it may."""


class Message:
    """A message whose data set is still coming: into `receiver` when it is an object, else collected."""

    __slots__ = ("command_set", "context", "context_id", "data", "largest", "length", "receiver", "request")

    def __init__(
        self, context_id: int, context: PresentationContext, request: Command, command_set: bytes, largest: int,
        receiver: ObjectReceiver | None,
    ) -> None:  # fmt: skip
        self.context_id = context_id
        self.context = context
        self.request = request
        self.command_set = command_set
        self.largest = largest
        self.receiver = receiver
        self.data = bytearray()
        self.length = 0

    def write(self, piece: memoryview) -> None:
        """Take the next bytes of the data set; raises LimitPassed."""
        self.length += len(piece)
        if self.length > self.largest:
            raise LimitPassed(f"a data set of more than {self.largest} bytes")
        if self.receiver is None:
            self.data += piece
        else:
            self.receiver.write(piece)

    def decoded(self, association: Any) -> Any:
        """Return the whole message as pynetdicom's service classes take it; raises InvalidUnit."""
        decoding = DIMSEMessage()
        parts = [(b"\x03", self.command_set)]
        if self.request.has_data_set:
            parts.append((b"\x02", bytes(self.data)))
        try:
            for control, data in parts:
                primitive = P_DATA()
                primitive.presentation_data_value_list = [[self.context_id, control + data]]  # type: ignore[list-item]
                decoding.decode_msg(primitive, association)
            return decoding.message_to_primitive()
        except Exception as error:
            raise InvalidUnit(f"message not understood: {type(error).__name__}") from error
