"""Command sets as bytes: any are understood or refused, and what is built is what pydicom reads."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_FIND, C_STORE
from pynetdicom.pdu_primitives import P_DATA

from dicom_gateway.upperlayer.commands import (
    C_CANCEL_RQ,
    C_STORE_RQ,
    NO_DATA_SET,
    Command,
    find_response,
    parse,
    store_response,
)
from dicom_gateway.upperlayer.provider import _encoded
from dicom_gateway.upperlayer.units import InvalidUnit
from tests.dicom import wire
from tests.upperlayer.attack import DX_IMAGE, echo_command, find_command, store_command

numbers = st.integers(0, 0xFFFF)
digits = st.from_regex(r"[0-9.]{0,64}", fullmatch=True)
uids = st.from_regex(r"1(\.(0|[1-9][0-9]{0,5})){0,8}", fullmatch=True)


def element(number: int, value: bytes, group: int = 0, length: int | None = None) -> bytes:
    """Return an element of a command set."""
    return struct.pack("<HHL", group, number, len(value) if length is None else length) + value


elements = st.builds(element, st.sampled_from((0, 2, 0x100, 0x110, 0x120, 0x800, 0x900, 0x1000)), st.binary(max_size=8))


def understood(data: bytes) -> Command | None:
    """Return what is understood, None for what is refused; anything else is a failure."""
    try:
        return parse(data)
    except InvalidUnit:
        return None


@settings(deadline=None)
@given(st.binary(max_size=200) | st.lists(elements, max_size=8).map(b"".join))
def test_any_bytes_are_a_command_or_refused(data: bytes) -> None:
    command = understood(data)
    assert command is None or 0 <= command.field <= 0xFFFF
    assert command is None or (command.message_id is None or 0 <= command.message_id <= 0xFFFF)


def ends_of_elements(data: bytes) -> list[int]:
    """Return where the elements of a command set end."""
    found = [0]
    while found[-1] < len(data):
        found.append(found[-1] + 8 + int.from_bytes(data[found[-1] + 4 : found[-1] + 8], "little"))
    return found


@pytest.mark.parametrize(
    "whole", [echo_command(), find_command(), store_command("1.2.3")], ids=["echo", "find", "store"]
)
def test_a_command_cut_anywhere_within_an_element_is_refused(whole: bytes) -> None:
    ends = ends_of_elements(whole)
    assert all(understood(whole[:cut]) is None for cut in range(len(whole)) if cut not in ends)
    assert understood(whole) is not None


@settings(deadline=None)
@given(numbers, st.none() | numbers, st.none() | numbers, digits, digits, numbers)
def test_what_a_request_says_is_read(
    field: int, message_id: int | None, responded: int | None, sop_class: str, sop_instance: str, kind: int
) -> None:
    data = wire.encode_command(
        {
            "CommandField": field, "MessageID": message_id, "MessageIDBeingRespondedTo": responded,
            "AffectedSOPClassUID": sop_class, "AffectedSOPInstanceUID": sop_instance, "CommandDataSetType": kind,
        }
    )  # fmt: skip
    assert parse(data) == Command(field, message_id, responded, sop_class, sop_instance, kind != NO_DATA_SET)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(element(0x100, b"\x30\x00"), id="no data set type"),
        pytest.param(element(0x800, b"\x01\x01"), id="no command field"),
        pytest.param(element(0x100, b"\x30") + element(0x800, b"\x01\x01"), id="command field of one byte"),
        pytest.param(element(0x100, b"\x30\x00", group=8) + element(0x800, b"\x01\x01"), id="another group"),
        pytest.param(echo_command() + element(0x902, b"x", length=0xFFFFFFFF), id="length of 4 GB"),
        pytest.param(echo_command() + element(0x902, b"x", length=2), id="length one byte too long"),
        pytest.param(echo_command() + b"\0" * 7, id="ends in the head of an element"),
    ],
)
def test_what_is_no_command_set(data: bytes) -> None:
    with pytest.raises(InvalidUnit):
        parse(data)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param(
            element(0x800, b"\x01\x01") + element(0x100, b"\x30\x00"), 0x30, id="out of order, no group length"
        ),
        pytest.param(echo_command() + element(0x902, b""), 0x30, id="an empty element more"),
        pytest.param(echo_command() + element(0x7FFF, b"odd"), 0x30, id="an unknown element of odd length"),
        pytest.param(store_command("1.2\0\0"), C_STORE_RQ, id="padded twice"),
        pytest.param(
            wire.encode_command(
                {"CommandField": C_CANCEL_RQ, "MessageIDBeingRespondedTo": 7, "CommandDataSetType": NO_DATA_SET}
            ),
            C_CANCEL_RQ,
            id="C-CANCEL",
        ),
    ],
)
def test_its_harmless_neighbours_are_read(data: bytes, field: int) -> None:
    assert parse(data).field == field


def decoded(data: bytes) -> Dataset:
    """Return a command set by pydicom, the group's length checked."""
    found = wire.decode(data, wire.IMPLICIT)
    assert found.CommandGroupLength == len(data) - 12
    assert [element.tag for element in found] == sorted(element.tag for element in found)
    return found


def primitive_of(data: bytes) -> Any:
    """Return what pynetdicom makes of a command set."""
    part, message = P_DATA(), DIMSEMessage()
    part.presentation_data_value_list = [[1, b"\x03" + data]]  # type: ignore[list-item]
    message.decode_msg(part)
    return message.message_to_primitive()


comments = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=64)


@settings(deadline=None)
@given(numbers, uids, uids, numbers, comments)
def test_a_store_response_is_what_pydicom_reads(
    message_id: int, sop_class: str, sop_instance: str, status: int, comment: str
) -> None:
    request = Command(C_STORE_RQ, message_id, None, sop_class, sop_instance, True)
    found = decoded(store_response(request, status, comment))
    assert found.CommandField == 0x8001
    assert (found.MessageIDBeingRespondedTo, found.Status) == (message_id, status)
    assert found.CommandDataSetType == NO_DATA_SET
    assert (found.AffectedSOPClassUID, found.AffectedSOPInstanceUID) == (sop_class, sop_instance)
    assert found.get("ErrorComment", "") == comment.rstrip(" ")


@settings(deadline=None)
@given(st.integers(0, 0xFFFF), st.sampled_from((0xFF00, 0xFF01)))
def test_a_find_response_is_what_pydicom_reads(message_id: int, status: int) -> None:
    found = decoded(find_response("1.2.840.10008.5.1.4.31", message_id, status))
    assert (found.CommandField, found.CommandDataSetType != NO_DATA_SET) == (0x8020, True)
    assert (found.MessageIDBeingRespondedTo, found.Status) == (message_id, status)
    assert found.AffectedSOPClassUID == "1.2.840.10008.5.1.4.31"


def test_pynetdicom_takes_our_responses() -> None:
    stored = primitive_of(store_response(Command(C_STORE_RQ, 5, None, DX_IMAGE, "1.2.3", True), 0xA700, "disk full"))
    assert isinstance(stored, C_STORE)
    assert (stored.Status, stored.MessageIDBeingRespondedTo, stored.AffectedSOPInstanceUID) == (0xA700, 5, "1.2.3")
    assert stored.ErrorComment == "disk full"
    found = primitive_of(find_response("1.2.840.10008.5.1.4.31", 6, 0xFF00))
    assert isinstance(found, C_FIND)
    assert (found.Status, found.MessageIDBeingRespondedTo) == (0xFF00, 6)


def test_a_response_to_bytes_that_are_no_uid_is_built_nevertheless() -> None:
    request = parse(store_command("x").replace(b"x\0", b"\xff\xfe"))
    assert wire.decode_command(store_response(request, 0x0117))["Status"] == 0x0117


@pytest.mark.parametrize("control", [0, 1, 2, 3], ids=["data", "command", "last data", "last command"])
def test_a_fragment_of_pynetdicom_keeps_its_control_header(control: int) -> None:
    """A long N-GET response goes out as several fragments, of which only the last one is marked so."""
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[5, bytes((control,)) + b"abcd"]]  # type: ignore[list-item]
    (unit,) = _encoded(primitive)
    assert unit == b"\x04\x00\x00\x00\x00\x0a\x00\x00\x00\x06\x05" + bytes((control,)) + b"abcd"
