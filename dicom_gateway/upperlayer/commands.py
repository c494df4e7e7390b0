"""Command sets as bytes (PS3.7 6.3.1 and annex E): always Implicit VR Little Endian, so they need no data set library.

Only what a busy path needs is here: to tell what a request is before its data set comes, and the plain responses. All
else goes through pynetdicom's messages.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from dicom_gateway.upperlayer.units import P_DATA_TF, InvalidUnit

C_STORE_RQ, C_STORE_RSP, C_FIND_RSP, C_ECHO_RSP, C_CANCEL_RQ = 0x0001, 0x8001, 0x8020, 0x8030, 0x0FFF
NO_DATA_SET, WITH_DATA_SET = 0x0101, 0x0001

_AFFECTED_SOP_CLASS, _COMMAND_FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0002, 0x0100, 0x0110, 0x0120
_DATA_SET_TYPE, _STATUS, _ERROR_COMMENT, _AFFECTED_SOP_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000
_ELEMENT = struct.Struct("<HHI")


@dataclass(frozen=True, slots=True)
class Command:
    """What a command set says; UIDs without padding, "" where it has none."""

    field: int
    message_id: int | None
    responded_to: int | None
    sop_class_uid: str
    sop_instance_uid: str
    has_data_set: bool


def parse(data: bytes) -> Command:
    """Return what a command set says; raises InvalidUnit for one that cannot be read or lacks what every one has."""
    elements: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if len(data) - at < _ELEMENT.size:
            raise InvalidUnit("command set ends within an element")
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        if group or length > len(data) - at:
            raise InvalidUnit("command set that is none")
        elements[element] = data[at : at + length]
        at += length
    field, kind = _number(elements, _COMMAND_FIELD), _number(elements, _DATA_SET_TYPE)
    if field is None or kind is None:
        raise InvalidUnit("command set without command field or data set type")
    return Command(
        field,
        _number(elements, _MESSAGE_ID),
        _number(elements, _RESPONDED_TO),
        _uid(elements, _AFFECTED_SOP_CLASS),
        _uid(elements, _AFFECTED_SOP_INSTANCE),
        kind != NO_DATA_SET,
    )


def _number(elements: dict[int, bytes], element: int) -> int | None:
    value = elements.get(element, b"")
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _uid(elements: dict[int, bytes], element: int) -> str:
    return elements.get(element, b"").rstrip(b"\0 ").decode("ascii", "replace")


def response(
    field: int, sop_class_uid: str, responded_to: int, status: int, comment: str = "", sop_instance_uid: str = ""
) -> bytes:
    """Return the command set of a response that no data set follows (PS3.7 9.3.1.2, 9.3.2.2, 9.3.5.2)."""
    return _command(
        (
            (_AFFECTED_SOP_CLASS, _padded(sop_class_uid, b"\0") if sop_class_uid else None),
            (_COMMAND_FIELD, field),
            (_RESPONDED_TO, responded_to),
            (_DATA_SET_TYPE, NO_DATA_SET),
            (_STATUS, status),
            (_ERROR_COMMENT, _padded(comment, b" ") if comment else None),
            (_AFFECTED_SOP_INSTANCE, _padded(sop_instance_uid, b"\0") if sop_instance_uid else None),
        )
    )


def store_response(request: Command, status: int, comment: str = "") -> bytes:
    """Return the command set of a C-STORE-RSP."""
    return response(
        C_STORE_RSP, request.sop_class_uid, request.message_id or 0, status, comment, request.sop_instance_uid
    )


def find_response(sop_class_uid: str, message_id: int, status: int) -> bytes:
    """Return the command set of a C-FIND-RSP that an identifier follows (PS3.7 9.3.2.2)."""
    return _command(
        (
            (_AFFECTED_SOP_CLASS, _padded(sop_class_uid, b"\0")),
            (_COMMAND_FIELD, C_FIND_RSP),
            (_RESPONDED_TO, message_id),
            (_DATA_SET_TYPE, WITH_DATA_SET),
            (_STATUS, status),
        )
    )


def _command(elements: Iterable[tuple[int, bytes | int | None]]) -> bytes:
    parts: list[bytes] = []
    for element, value in elements:
        if value is not None:
            encoded = struct.pack("<H", value) if isinstance(value, int) else value
            parts += (_ELEMENT.pack(0, element, len(encoded)), encoded)
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _padded(text: str, padding: bytes) -> bytes:
    data = text.encode("ascii", "replace")
    return data + padding * (len(data) % 2)


def data_units(context_id: int, data: bytes, is_command: bool, largest: int) -> Iterable[bytes]:
    """Yield a command set or data set as P-DATA-TF PDUs of at most `largest` bytes behind their header (0: any)."""
    size = max(largest - 6, 1) if largest else len(data)
    for at in range(0, len(data), size) if data else (0,):
        piece = data[at : at + size]
        control = int(is_command) | (2 if at + size >= len(data) else 0)
        yield struct.pack(">BBIIBB", P_DATA_TF, 0, len(piece) + 6, len(piece) + 2, context_id, control) + piece
