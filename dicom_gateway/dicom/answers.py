"""Sends pending C-FIND responses: the answer encoded straight to bytes, the command set once for all answers.

PS3.7 9.3.2.2 and 6.3.1 (the response's command set), PS3.5 6.2, 7.1 and 7.5.1 (elements and items), PS3.8 E
(fragments). The bytes are those that pynetdicom sends; it builds and encodes two data sets for each answer, which is
half of the time that a query takes.
"""

import struct
from typing import Any, Final

from pydicom import Dataset
from pydicom.multival import MultiValue
from pynetdicom.pdu_primitives import P_DATA

_LONG_LENGTH: Final = frozenset({"SQ", "UC", "UN", "UR", "UT"})
_CODECS: Final = {"": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}
_COMMAND, _LAST = 1, 2
_C_FIND_RSP = 0x8020
_WITH_DATA_SET = 0x0001


class PendingResponses:
    """Sends the pending responses to one C-FIND request."""

    def __init__(self, event: Any) -> None:
        self._dimse = event.assoc.dimse
        self._context_id: int = event.context.context_id
        self._explicit = not event.context.transfer_syntax.is_implicit_VR
        self._largest = event.assoc.dimse.maximum_pdu_size  # that the peer takes; 0: any
        self._request = event.request

    def send(self, status: int, answer: Dataset) -> None:
        """Send one answer, once few parts of earlier ones are waiting."""
        self._dimse.wait_for_room()
        for control, data in ((_COMMAND, self._command(status)), (0, encode(answer, self._explicit))):
            size = self._largest - 6 if self._largest else len(data)
            for at in range(0, len(data), size):
                last = _LAST if at + size >= len(data) else 0
                fragment = P_DATA()
                value: Any = [self._context_id, bytes((control | last,)) + data[at : at + size]]
                fragment.presentation_data_value_list = [value]
                self._dimse.dul.send_pdu(fragment)

    def _command(self, status: int) -> bytes:
        sop_class = str(self._request.AffectedSOPClassUID).encode()
        body = _head(0x0000, 0x0002, "", _even(len(sop_class))) + sop_class + b"\0" * (len(sop_class) % 2)
        for element, value in (
            (0x0100, _C_FIND_RSP),
            (0x0120, self._request.MessageID),
            (0x0800, _WITH_DATA_SET),
            (0x0900, status),
        ):
            body += _head(0x0000, element, "", 2) + struct.pack("<H", value)
        return _head(0x0000, 0x0000, "", 4) + struct.pack("<I", len(body)) + body


def encode(answer: Dataset, explicit: bool) -> bytes:
    """Return a worklist answer in Explicit or Implicit VR Little Endian, by its own SpecificCharacterSet."""
    return _encode(answer, explicit, _CODECS[answer.get("SpecificCharacterSet", "")])


def _encode(dataset: Dataset, explicit: bool, codec: str) -> bytes:
    parts = []
    for element in sorted(dataset.values(), key=lambda element: element.tag):
        value: Any = element.value
        vr = str(element.VR)
        if vr == "SQ":
            encoded = b"".join(_item(_encode(item, explicit, codec)) for item in value)
        elif vr == "US":
            encoded = b"" if value is None or value == "" else struct.pack("<H", value)
        else:
            values = value if isinstance(value, MultiValue | list) else [] if value is None else [value]
            encoded = "\\".join(map(str, values)).encode(codec)
            if len(encoded) % 2:
                encoded += b"\0" if vr == "UI" else b" "
        parts.append(_head(element.tag >> 16, element.tag & 0xFFFF, vr if explicit else "", len(encoded)))
        parts.append(encoded)
    return b"".join(parts)


def _item(encoded: bytes) -> bytes:
    return _head(0xFFFE, 0xE000, "", len(encoded)) + encoded


def _head(group: int, element: int, vr: str, length: int) -> bytes:
    if not vr:
        return struct.pack("<HHI", group, element, length)
    if vr in _LONG_LENGTH:
        return struct.pack("<HH2sHI", group, element, vr.encode(), 0, length)
    return struct.pack("<HH2sH", group, element, vr.encode(), length)


def _even(length: int) -> int:
    return length + length % 2
