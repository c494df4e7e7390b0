"""Character sets there and back through a running service: queries, answers, reports and images, bytes by hand."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from dicom_gateway.core.devices import Device, Unencodable
from dicom_gateway.dicom.contexts import WORKLIST_FIND
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import image, performed
from tests.dicom.running import LOOPBACK, Running, Settings
from tests.dicom.text_samples import EACH, SAMPLES, Sample
from tests.dicom.wire import EXPLICIT
from tests.peers import dcmjs, dcmtk

NOT_IN_DCMTK = {"ISO_IR 203", "ISO 2022 IR 87", "ISO 2022 IR 159"}


def text(tag: int, vr: str, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return (
        (tag >> 16).to_bytes(2, "little")
        + (tag & 0xFFFF).to_bytes(2, "little")
        + vr.encode()
        + len(value).to_bytes(2, "little")
        + value
    )


def asked(name: bytes, terms: str = "", accession_number: str = "") -> bytes:
    """Return a query: name and accession number, the character set if there is one."""
    return (
        (text(0x00080005, "CS", terms.encode()) if terms else b"")
        + text(0x00080050, "SH", accession_number.encode())
        + text(0x00100010, "PN", name)
    )


def answers(gateway: Running, query: bytes, calling: str = "DX1") -> tuple[list[bytes], wire.Message]:
    """Return the answers as they come, and the last response."""
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
    found: list[bytes] = []
    with gateway.associate((WORKLIST_FIND, (EXPLICIT,)), calling=calling) as association:
        association.send(1, command, query)
        while (message := association.receive()).status in (0xFF00, 0xFF01):
            found.append(message.data)
    return found, message


@EACH
def test_a_name_is_found_and_answered_in_the_set_that_the_query_names(gateway: Running, sample: Sample) -> None:
    order = gateway.add_order(patient_name=sample.name)
    gateway.add_order(patient_name=f"{sample.name}x")
    found, last = answers(gateway, asked(sample.encoded, sample.terms, order.accession_number))
    assert last.status == 0x0000
    assert found == [
        (text(0x00080005, "CS", sample.terms.encode()) if sample.name != "Doe^Rex" else b"")
        + text(0x00080050, "SH", order.accession_number.encode())
        + text(0x00100010, "PN", sample.encoded)
    ]


@EACH
def test_text_is_compared_whatever_the_two_sets(gateway: Running, sample: Sample) -> None:
    """The name asked for in UTF-8, unnamed and by a pattern, and in its own set."""
    order = gateway.add_order(patient_name=sample.name)
    pattern = sample.name[:2] + "*"
    for query in (
        asked(sample.name.encode(), "ISO_IR 192", order.accession_number),
        asked(sample.name.encode(), "", order.accession_number),
        asked(pattern.encode(), "GB18030" if pattern.isascii() else "ISO_IR 192", order.accession_number),
        asked(sample.encoded, sample.terms, order.accession_number),
    ):
        assert len(answers(gateway, query)[0]) == 1
    other = asked("Жук*".encode("iso8859-5"), "ISO_IR 144", order.accession_number)
    assert answers(gateway, other)[0] == []


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with a device for each sample, that reads its sets, and two of Latin-1, one of which refuses."""
    devices = [
        Device(f"D{number}", allowed_from=LOOPBACK, character_sets=tuple(t for t in sample.terms.split("\\") if t))
        for number, sample in enumerate(SAMPLES.values())
    ]
    latin = Device("LATIN", allowed_from=LOOPBACK, character_sets=("ISO_IR 100",))
    devices += [latin, replace(latin, ae_title="STRICT", unencodable=Unencodable.REFUSE)]
    running = Running(tmp_path_factory.mktemp("profiles"), Settings(devices=devices))
    yield running
    running.stop()


@EACH
def test_a_device_is_answered_in_the_set_that_its_profile_lists(profiles: Running, sample: Sample) -> None:
    order = profiles.add_order(patient_name=sample.name)
    calling = f"D{list(SAMPLES.values()).index(sample)}"
    query = asked(b"", "ISO_IR 144", order.accession_number)  # what the query names does not count
    (answer,), last = answers(profiles, query, calling)
    assert last.status == 0x0000
    assert text(0x00100010, "PN", sample.encoded) in answer
    assert answer.startswith(text(0x00080005, "CS", sample.terms.encode())) or not sample.terms


def test_text_outside_the_listed_sets_is_written_in_latin_letters(profiles: Running) -> None:
    order = profiles.add_order(patient_name="Wiśniewski^Jürgen=山田", patient_id="Ł 12")
    (answer,), last = answers(profiles, asked(b"", "", order.accession_number), "LATIN")
    assert last.status == 0x0000
    assert answer.startswith(text(0x00080005, "CS", b"ISO_IR 100"))
    assert answer.endswith(text(0x00100010, "PN", b"Wisniewski^J\xfcrgen"))


def test_text_outside_the_listed_sets_is_refused_where_that_is_wanted(profiles: Running) -> None:
    latin = profiles.add_order(patient_name="Müller", accession_number="STRICT1")
    assert len(answers(profiles, asked(b"", "", latin.accession_number), "STRICT")[0]) == 1
    profiles.add_order(patient_name="山田", accession_number="STRICT2")
    found, last = answers(profiles, asked(b"", "", "STRICT*"), "STRICT")
    assert found == []  # not even the one before it
    assert last.status == 0xC000
    assert last.command["ErrorComment"] == "cannot encode PatientName in this device's sets"
    assert len(answers(profiles, asked(b"", "", "STRICT*"), "LATIN")[0]) == 2


@EACH
def test_dcmtk_reads_the_answers(gateway: Running, sample: Sample, tmp_path: Path) -> None:
    """findscu asks in the set, dcmdump converts the answer to UTF-8, but for sets that its iconv does not have."""
    order = gateway.add_order(patient_name=sample.name)
    options = [b"-k", b"SpecificCharacterSet=" + sample.terms.encode(), b"-k", b"PatientName=" + sample.encoded]
    options += [b"-k", b"AccessionNumber=" + order.accession_number.encode()]
    arguments = ["findscu", "-W", "-X", "-od", str(tmp_path), "-aet", "DX1", "-aec", "DCMGATEWAY", "127.0.0.1"]
    done = dcmtk(*arguments, str(gateway.port), *(option.decode("utf-8", "surrogateescape") for option in options))
    assert done.returncode == 0, done.stderr
    (answer,) = tmp_path.iterdir()
    assert text(0x00100010, "PN", sample.encoded) in answer.read_bytes()
    if not NOT_IN_DCMTK & set(sample.terms.split("\\")):
        shown = dcmtk("dcmdump", "+U8", "+P", "PatientName", str(answer)).stdout
        assert shown.split("[", 1)[1].split("]")[0] == sample.name


def test_dcmjs_reads_the_answers(serve: Serve) -> None:
    """It asks and reads in UTF-8, whatever the orders hold."""
    gateway = serve()
    for sample in SAMPLES.values():
        gateway.add_order(patient_name=sample.name)
    query = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "", "AccessionNumber": ""}
    *found, last = dcmjs(gateway.port, "DX1", "query", query)
    assert last["status"] == 0x0000
    names = json.dumps([answer["dataset"]["PatientName"] for answer in found], ensure_ascii=False)
    for sample in SAMPLES.values():
        for group in sample.name.split("="):
            assert f'"{group}"' in names


@EACH
def test_a_report_is_kept_as_unicode(gateway: Running, sample: Sample) -> None:
    uid = generate_uid()
    said = wire.encode(performed(SpecificCharacterSet="ISO_IR 101", PatientName="#"))
    head = text(0x00080005, "CS", b"ISO_IR 101")
    named = text(0x00080005, "CS", sample.terms.encode()) if sample.terms else b""
    said = said.replace(head, named).replace(text(0x00100010, "PN", b"#"), text(0x00100010, "PN", sample.encoded))
    assert gateway.create_mpps(uid, said).status == 0x0000
    status, stored = gateway.get_mpps(uid)
    assert status == 0x0000
    assert stored.PatientName == sample.name


@EACH
def test_the_header_of_an_image_is_read(gateway: Running, sample: Sample) -> None:
    made = image(SpecificCharacterSet="ISO_IR 101", PatientName="#")
    named = text(0x00080005, "CS", sample.terms.encode()) if sample.terms else b""
    sent = wire.encode(made).replace(text(0x00080005, "CS", b"ISO_IR 101"), named)
    sent = sent.replace(text(0x00100010, "PN", b"#"), text(0x00100010, "PN", sample.encoded))
    assert gateway.store(sent, AffectedSOPInstanceUID=made.SOPInstanceUID).status == 0x0000
    (instance,) = gateway.instances(made)
    assert instance.header.patient_name == sample.name
    assert instance.flags == ()


@pytest.mark.parametrize(
    "terms", ["KLINGON", "ISO_IR 999", "rot13", "ISO\0IR 100", "\\\\", "ISO_IR 192\\ISO 2022 IR 87", "\\ISO_IR 192"]
)
def test_a_set_that_is_unknown_or_misplaced_fails_nothing(gateway: Running, terms: str) -> None:
    order = gateway.add_order(patient_name="Müller^Jürgen")
    for name in ("Müller^Jürgen".encode(), b"M*"):
        found, last = answers(gateway, asked(name, terms, order.accession_number))
        assert (len(found), last.status) == (1, 0x0000)
    uid = generate_uid()
    said = wire.encode(performed(SpecificCharacterSet="ISO_IR 101"))
    said = said.replace(text(0x00080005, "CS", b"ISO_IR 101"), text(0x00080005, "CS", terms.encode()))
    assert gateway.create_mpps(uid, said).status == 0x0000
