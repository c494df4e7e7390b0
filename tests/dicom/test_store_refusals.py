"""C-STORE: what cannot be kept as what it claims to be is refused with the right status, and a bounded copy and an
alarm say so (PS3.4 table B.2-1, PS3.7 9.1.1.1.9)."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from dicom_gateway.dicom.contexts import VERIFICATION
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import DX_IMAGE, image
from tests.dicom.running import Running
from tests.dicom.wire import BIG_ENDIAN, EXPLICIT, IMPLICIT

CT = "1.2.840.10008.5.1.4.1.1.2"
COPY_BYTES = 16 << 20
STORED_NAME = re.compile(r"(objects|quarantine)/[0-9a-f]{2}/[0-9a-f]{32}\.dcm")


def nested(levels: int) -> Dataset:
    """Return an image with sequences inside each other."""
    made = image()
    inner = Dataset()
    for _ in range(levels - 1):
        outer = Dataset()
        outer.ContentSequence = Items([inner])
        inner = outer
    made.ContentSequence = Items([inner])
    return made


def without(keyword: str) -> Dataset:
    """Return an image that lacks an attribute."""
    return image(**{keyword: None})


@pytest.mark.parametrize(
    ("make", "command", "status"),
    [
        pytest.param(lambda: image(SOPClassUID=CT), {}, 0xA900, id="class of the data set differs"),
        pytest.param(lambda: without("SOPClassUID"), {}, 0xA900, id="no class in the data set"),
        pytest.param(image, {"AffectedSOPInstanceUID": "1.2.3.4"}, 0xA900, id="instance differs"),
        pytest.param(lambda: without("SOPInstanceUID"), {"AffectedSOPInstanceUID": "1.2.3"}, 0xA900, id="no instance"),
        pytest.param(lambda: without("StudyInstanceUID"), {}, 0xA900, id="no study"),
        pytest.param(lambda: image(StudyInstanceUID=""), {}, 0xA900, id="empty study"),
        pytest.param(lambda: image(StudyInstanceUID="../../study"), {}, 0xA900, id="study is a path"),
        pytest.param(image, {"AffectedSOPInstanceUID": b""}, 0x0117, id="empty instance"),
        pytest.param(image, {"AffectedSOPInstanceUID": None}, 0x0117, id="absent instance"),
        pytest.param(image, {"AffectedSOPInstanceUID": "1." + "2" * 63}, 0x0117, id="65 characters"),
        pytest.param(image, {"AffectedSOPInstanceUID": "1.2.a"}, 0x0117, id="a letter"),
        pytest.param(image, {"AffectedSOPInstanceUID": "../../../../tmp/x"}, 0x0117, id="a path"),
        pytest.param(image, {"AffectedSOPInstanceUID": b"1.2\n3\0"}, 0x0117, id="a newline"),
        pytest.param(image, {"AffectedSOPInstanceUID": b"1.\xff.3\0"}, 0x0117, id="not ASCII"),
        pytest.param(image, {"AffectedSOPClassUID": CT}, 0x0122, id="class of another context"),
        pytest.param(image, {"AffectedSOPClassUID": VERIFICATION}, 0x0122, id="class of a service"),
        pytest.param(image, {"AffectedSOPClassUID": "1.2.3.4"}, 0x0122, id="unknown class"),
        pytest.param(image, {"AffectedSOPClassUID": None}, 0x0122, id="absent class"),
        pytest.param(lambda: nested(65), {}, 0xC000, id="65 levels"),
        pytest.param(image, {}, 0x0000, id="neighbour: an image"),
        pytest.param(lambda: nested(64), {}, 0x0000, id="neighbour: 64 levels"),
        pytest.param(
            lambda: image(SOPInstanceUID="1.2." + "3" * 60),
            {"AffectedSOPInstanceUID": "1.2." + "3" * 60},
            0x0000,
            id="neighbour: 64 characters",
        ),
        pytest.param(
            lambda: image(SOPInstanceUID="1.2.345"),
            {"AffectedSOPInstanceUID": b"1.2.345 "},
            0x0000,
            id="neighbour: padded with a space",
        ),
    ],
)
def test_a_refused_object_leaves_a_copy_and_an_alarm_only(
    gateway: Running, make: Callable[[], Dataset], command: dict[str, Any], status: int
) -> None:
    check_outcome(gateway, lambda gateway: gateway.store(make(), **command), status)


def check_outcome(gateway: Running, send: Callable[[Running], wire.Message], status: int) -> None:
    """Store something; check the status and what is left of it."""
    kept, aside, refused = gateway.files(), gateway.files("quarantine"), len(gateway.quarantined())
    alarms, counted = refusal_alarms(gateway), gateway.counted["refused"]
    answer = send(gateway)
    assert answer.status == status
    assert answer.command["CommandField"] == wire.C_STORE | 0x8000
    assert gateway.files("spool") == set()
    if status == 0x0000:
        assert len(gateway.files() - kept) == 1
        assert (gateway.files("quarantine"), refusal_alarms(gateway)) == (aside, alarms)
        return
    assert answer.command["ErrorComment"]
    assert gateway.files() == kept
    one = gateway.quarantined()[0]
    assert (one.calling_ae_title, one.address, one.dimse_status) == ("DX1", "127.0.0.1", status)
    assert len(gateway.quarantined()) == refused + 1
    assert gateway.files("quarantine") - aside == {gateway.objects.path(one.object_name)}
    assert refusal_alarms(gateway) == alarms + 1
    assert gateway.counted["refused"] == counted + 1


def refusal_alarms(gateway: Running) -> int:
    """Return how often an object of DX1 was refused, as the alarm has it."""
    found = (
        row["count"] for row in gateway.audit.alarms() if (row["kind"], row["subject"]) == ("object refused", "DX1")
    )
    return next(found, 0)


def element(tag: int, vr: bytes, length: int, data: bytes) -> bytes:
    """Return an element in explicit little endian with a 32-bit length, true or not."""
    return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, length) + data


def sent(change: Callable[[bytes], bytes], syntax: str = EXPLICIT) -> Callable[[Running], wire.Message]:
    """Return what sends the changed bytes of an image."""
    made = image()

    def send(gateway: Running) -> wire.Message:
        return gateway.store(change(wire.encode(made, syntax)), syntax, AffectedSOPInstanceUID=made.SOPInstanceUID)

    return send


@pytest.mark.parametrize(
    ("send", "status"),
    [
        pytest.param(sent(lambda data: data[:-50]), 0xC000, id="truncated in the pixels"),
        pytest.param(sent(lambda data: data[:30]), 0xC000, id="truncated in a value"),
        pytest.param(sent(lambda data: data[:-133]), 0xC000, id="truncated in a header"),
        pytest.param(sent(lambda data: data[:-50], IMPLICIT), 0xC000, id="truncated, implicit"),
        pytest.param(sent(lambda data: data[:-50], BIG_ENDIAN), 0xC000, id="truncated, big endian"),
        pytest.param(
            sent(lambda data: data + element(0x7FE10010, b"OB", 0x7FFFFFF0, b"x" * 100)), 0xC000, id="past the end"
        ),
        pytest.param(
            sent(lambda data: data + element(0x7FE11010, b"SQ", 0xFFFFFFFF, b"")), 0xC000, id="sequence without end"
        ),
        pytest.param(sent(lambda data: b"\xff" * 500), 0xC000, id="no elements"),
        pytest.param(sent(lambda data: bytes(128) + b"DICM" + data), 0xC000, id="a file with its preamble"),
        pytest.param(sent(lambda data: b""), 0xA900, id="empty"),
        pytest.param(sent(lambda data: data), 0x0000, id="neighbour: whole"),
        pytest.param(sent(lambda data: data + element(0xFFFCFFFC, b"OB", 8, bytes(8))), 0x0000, id="neighbour: padded"),
        pytest.param(sent(lambda data: data + bytes(10)), 0x0000, id="neighbour: zeros at the end"),
        pytest.param(sent(lambda data: data, BIG_ENDIAN), 0x0000, id="neighbour: big endian"),
    ],
)
def test_what_cannot_be_parsed_is_refused(
    gateway: Running, send: Callable[[Running], wire.Message], status: int
) -> None:
    check_outcome(gateway, send, status)


def test_twenty_thousand_levels_are_refused_in_bounded_time(gateway: Running) -> None:
    made = image()
    deep = (struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 20_000
    data = wire.encode(made) + deep
    check_outcome(gateway, lambda gateway: gateway.store(data, AffectedSOPInstanceUID=made.SOPInstanceUID), 0xC000)


def test_the_quarantined_copy_is_bounded(gateway: Running) -> None:
    data = b"\xff" * (COPY_BYTES + 1000)
    assert gateway.store(data, AffectedSOPInstanceUID="1.2.3").status == 0xC000
    one = gateway.quarantined()[0]
    assert one.data_length == len(data)
    kept = gateway.objects.path(one.object_name).read_bytes()
    assert kept[128:132] == b"DICM"  # what was said of it stands before it
    assert kept.endswith(data[:COPY_BYTES])
    assert len(kept) < COPY_BYTES + 1000


def test_an_object_in_a_verification_context_is_refused_and_kept_aside(gateway: Running) -> None:
    """Also when command and data set name Verification too."""
    made = image(SOPClassUID=VERIFICATION)
    check_outcome(gateway, lambda gateway: gateway.store(made, sop_class=VERIFICATION), 0x0122)


def test_a_store_without_a_data_set_is_refused(gateway: Running) -> None:
    with gateway.associate((DX_IMAGE, (EXPLICIT,))) as association:
        command = {"CommandField": wire.C_STORE, "AffectedSOPClassUID": DX_IMAGE, "AffectedSOPInstanceUID": "1.2.3"}
        assert association.request(1, {**command, "Priority": 0}).status == 0xA900


def test_a_refusal_is_answered_although_nothing_can_be_kept_aside(serve: Serve) -> None:
    """A locked database: the status stays, and no copy is left that nobody would know of."""
    gateway = serve()
    with gateway.locked_database():
        assert gateway.store(b"\xff" * 500, AffectedSOPInstanceUID="1.2.3").status == 0xC000
    assert gateway.quarantined() == []
    assert gateway.files("quarantine") | gateway.files("spool") == set()


HOSTILE = st.one_of(
    st.sampled_from(
        ["../" * 8 + "tmp/x", "/etc/passwd", "C:\\x", "1.2/../3", "..", ".", "CON", "%2e%2e%2f", "1.2;rm", "$(id)", "~"]
    ),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), min_size=1, max_size=70),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command_uid=HOSTILE, study_uid=HOSTILE, series_uid=HOSTILE, patient_id=HOSTILE)
def test_no_name_of_a_device_reaches_the_disk(
    gateway: Running, command_uid: str, study_uid: str, series_uid: str, patient_id: str
) -> None:
    made = image()
    data = wire.encode(made)
    for keyword, value in (("SeriesInstanceUID", series_uid), ("PatientID", patient_id)):
        data = data.replace(element_of(made, keyword), replaced(made, keyword, value))
    assert gateway.store(data, AffectedSOPInstanceUID=made.SOPInstanceUID).status == 0x0000
    hostile = data.replace(element_of(made, "StudyInstanceUID"), replaced(made, "StudyInstanceUID", study_uid))
    uid = command_uid.encode("latin-1")
    assert gateway.store(hostile, AffectedSOPInstanceUID=uid + b"\0" * (len(uid) % 2)).status in (0x0117, 0xA900)
    assert gateway.files("spool") == set()
    check_names(gateway.folder)


def element_of(made: Dataset, keyword: str) -> bytes:
    """Return an element of a data set, encoded."""
    alone = Dataset()
    alone[keyword] = made[keyword]
    return wire.encode(alone)


def replaced(made: Dataset, keyword: str, value: str) -> bytes:
    """Return an element with another value, whatever it is."""
    data = value.encode("latin-1")
    data += b" " * (len(data) % 2)
    return element_of(made, keyword)[:6] + struct.pack("<H", len(data)) + data


def check_names(folder: Path) -> None:
    """Check that everything below a gateway's folder has a name that the gateway made."""
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder / "data")) if path != folder / "data" else ""
        if path.is_file() and not name.startswith(("gateway.sqlite3", "spool/")):
            assert STORED_NAME.fullmatch(name), name
