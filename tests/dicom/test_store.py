"""C-STORE: what is on disk afterwards is what was sent, in whatever syntax and character set (PS3.4 B)."""

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

from dicom_gateway.core.model import Instance
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_CLASS_UID
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import DX_IMAGE, image, reference
from tests.dicom.running import Running
from tests.dicom.wire import BIG_ENDIAN, EXPLICIT, IMPLICIT
from tests.peers import dcmtk

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
MPEG4 = "1.2.840.10008.1.2.4.102"


def only_instance(gateway: Running, data_set: pydicom.Dataset) -> Instance:
    """Return the only instance of a data set's study."""
    (instance,) = gateway.instances(data_set)
    return instance


def compressed(**attributes: object) -> pydicom.Dataset:
    """Return an image with something compressed as pixels."""
    made = image(**attributes)
    made.PixelData = encapsulate([b"\xff\xd8 one frame \xff\xd9"])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


@pytest.mark.parametrize(
    ("syntax", "make"),
    [
        pytest.param(EXPLICIT, image, id="explicit"),
        pytest.param(IMPLICIT, image, id="implicit"),
        pytest.param(BIG_ENDIAN, image, id="big endian"),
        pytest.param(JPEG_LOSSLESS, compressed, id="JPEG lossless"),
        pytest.param(MPEG4, compressed, id="video"),
    ],
)
def test_the_bytes_on_disk_are_those_sent(gateway: Running, syntax: str, make: Callable[[], pydicom.Dataset]) -> None:
    made = make()
    sent = wire.encode(made, syntax)
    answer = gateway.store(made, syntax)
    assert answer.status == 0x0000
    assert answer.command["AffectedSOPInstanceUID"] == made.SOPInstanceUID
    instance = only_instance(gateway, made)
    assert gateway.data_of(instance) == sent
    assert instance.stored.transfer_syntax_uid == syntax
    assert instance.flags == ()

    path = gateway.objects.path(instance.stored.name)
    assert path.read_bytes()[:132] == bytes(128) + b"DICM"
    read = pydicom.dcmread(path)
    assert read.file_meta.TransferSyntaxUID == syntax
    assert read.file_meta.MediaStorageSOPClassUID == DX_IMAGE
    assert read.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert read.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert read.file_meta.SourceApplicationEntityTitle == "DX1"
    assert read.PatientName == "Doe^Rex"
    assert read.PixelData == made.PixelData
    done = dcmtk("dcmdump", "+P", "0002,0010", "+P", "0010,0010", str(path))
    assert done.returncode == 0
    assert "[Doe^Rex]" in done.stdout


def test_dcmtk_stores_and_the_pixels_are_the_same(gateway: Running, tmp_path: Path) -> None:
    """Plain by default, and compressed when only that is offered."""
    plain, packed = tmp_path / "plain.dcm", tmp_path / "packed.dcm"
    made = image()
    pydicom.dcmwrite(plain, made, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert dcmtk("dcmconv", "-f", "-t=", "+te", str(plain), str(plain)).returncode == 0
    assert dcmtk("dcmodify", "-nb", "-gin", str(plain)).returncode == 0
    assert dcmtk("dcmcjpeg", "+e1", str(plain), str(packed)).returncode == 0
    assert "returned 0" in gateway.storescu(plain)
    assert "returned 0" in gateway.storescu(packed, options=["-xs"])
    first, second = gateway.instances(made)
    assert pydicom.dcmread(gateway.objects.path(first.stored.name)).PixelData == made.PixelData
    assert second.stored.transfer_syntax_uid == JPEG_LOSSLESS
    assert second.flags == ("re-encoded",)
    kept = pydicom.dcmread(gateway.objects.path(second.stored.name))
    assert kept.PixelData == pydicom.dcmread(packed).PixelData


def test_the_same_bytes_again_are_nothing_new(gateway: Running) -> None:
    made = image()
    assert gateway.store(made).status == 0x0000
    before = gateway.files()
    assert gateway.store(made).status == 0x0000
    assert gateway.files() == before
    assert len(gateway.instances(made)) == 1


def test_bytes_whose_file_is_gone_are_kept_again(gateway: Running) -> None:
    made = image()
    gateway.store(made)
    gateway.objects.path(only_instance(gateway, made).stored.name).unlink()
    assert gateway.store(made).status == 0x0000
    assert gateway.data_of(only_instance(gateway, made)) == wire.encode(made)


@pytest.mark.parametrize(
    ("syntax", "change", "flag"),
    [
        pytest.param(IMPLICIT, {}, "re-encoded", id="in another syntax"),
        pytest.param(EXPLICIT, {"PatientName": "Other^Name"}, "conflict", id="with other contents"),
    ],
)
def test_another_version_is_kept_flagged_and_not_current(
    gateway: Running, syntax: str, change: dict[str, str], flag: str
) -> None:
    made = image()
    gateway.store(made)
    again = image(**{keyword: made[keyword].value for keyword in UIDS}, **change)
    assert gateway.store(again, syntax).status == 0x0000
    first, second = gateway.instances(made)
    assert (first.current, first.version, first.flags) == (True, 1, ())
    assert (second.current, second.version, second.flags) == (False, 2, (flag,))
    assert gateway.data_of(second) == wire.encode(again, syntax)
    assert [row["kind"] for row in gateway.audit.alarms() if row["subject"] == made.SOPInstanceUID] == [
        f"instance {flag}"
    ]


UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        pytest.param({"PixelData": bytes(100)}, "pixel_data_length", id="pixel data too short"),
        pytest.param({"PixelData": bytes(200)}, "pixel_data_length", id="pixel data too long"),
        pytest.param({"SeriesInstanceUID": None}, "no_series_uid", id="no series"),
        pytest.param({"SeriesInstanceUID": "../../series"}, "no_series_uid", id="series is no UID"),
        pytest.param({"Rows": 0}, "pixel_description", id="no rows"),
        pytest.param({"PatientID": "../../../etc/passwd"}, None, id="patient id is a path"),
        pytest.param({"PatientID": None, "PatientName": None}, None, id="no patient"),
        pytest.param({"Modality": ""}, None, id="no modality"),
    ],
)
def test_what_is_odd_is_kept_and_flagged(gateway: Running, change: dict[str, object], flag: str | None) -> None:
    made = image(**change)
    assert gateway.store(made).status == 0x0000
    assert only_instance(gateway, made).flags == ((flag,) if flag else ())
    assert gateway.data_of(only_instance(gateway, made)) == wire.encode(made)


def test_a_leading_zero_is_kept_and_flagged(gateway: Running) -> None:
    uid = f"{generate_uid()[:40]}.007"
    made = image(SOPInstanceUID=uid)
    assert gateway.store(made).status == 0x0000
    instance = only_instance(gateway, made)
    assert instance.header.sop_instance_uid == uid
    assert instance.flags == ("leading_zero_uid",)


@pytest.mark.parametrize(
    ("declared", "encoded", "read", "flags"),
    [
        pytest.param(b"ISO_IR 100", "Müller^Jürgen".encode("latin-1"), "Müller^Jürgen", (), id="Latin-1"),
        pytest.param(b"ISO_IR 192", "山田^太郎".encode(), "山田^太郎", (), id="UTF-8"),
        pytest.param(b"ISO_IR 999", "Müller^J".encode(), "Müller^J", ("character_set",), id="unknown"),
        pytest.param(b"", "Müller^J".encode("latin-1"), "Müller^J", ("character_set",), id="none named"),
        pytest.param(b"ISO_IR 192", b"M\xfcller^J", "M\ufffdller^J", ("character_set",), id="wrong"),
    ],
)
def test_text_is_read_by_its_character_set_or_flagged(
    gateway: Running, declared: bytes, encoded: bytes, read: str, flags: tuple[str, ...]
) -> None:
    made = image(SpecificCharacterSet="ISO_IR 101", PatientName="#" * len(encoded))
    sent = wire.encode(made).replace(b"ISO_IR 101", declared.ljust(10)).replace(b"#" * len(encoded), encoded)
    assert gateway.store(sent, AffectedSOPInstanceUID=made.SOPInstanceUID).status == 0x0000
    instance = only_instance(gateway, made)
    assert instance.header.patient_name == read
    assert instance.flags == flags
    assert gateway.data_of(instance) == sent


def test_a_first_image_starts_its_step(gateway: Running) -> None:
    order = gateway.add_order()
    uid = order.procedures[0].study_instance_uid
    made = image(StudyInstanceUID=uid, PatientID=order.patient.id, AccessionNumber=order.accession_number)
    assert gateway.store(made).status == 0x0000
    assert only_instance(gateway, made).order_id == order.id
    assert gateway.order_status(order) == "STARTED"


def test_an_image_of_another_patient_is_kept_and_starts_nothing(gateway: Running) -> None:
    order = gateway.add_order()
    made = image(StudyInstanceUID=order.procedures[0].study_instance_uid, PatientID="SOMEBODY ELSE")
    assert gateway.store(made).status == 0x0000
    assert only_instance(gateway, made).order_id == ""
    assert gateway.order_status(order) == "SCHEDULED"


def test_an_image_may_name_its_step(gateway: Running) -> None:
    order = gateway.add_order()
    item = reference(order)
    made = image(StudyInstanceUID=item.StudyInstanceUID, PatientID=order.patient.id)
    made.RequestAttributesSequence = [item]
    assert gateway.store(made).status == 0x0000
    assert only_instance(gateway, made).step_id == order.procedures[0].steps[0].id


def test_many_objects_come_over_one_association(gateway: Running) -> None:
    images = [image() for _ in range(30)]
    with gateway.associate((DX_IMAGE, (EXPLICIT,))) as association:
        for one in images:
            command = {"AffectedSOPClassUID": DX_IMAGE, "AffectedSOPInstanceUID": one.SOPInstanceUID, "Priority": 0}
            answer = association.request(1, {"CommandField": wire.C_STORE, **command}, wire.encode(one))
            assert answer.status == 0x0000
            assert gateway.data_of(only_instance(gateway, one)) == wire.encode(one)
    assert gateway.files("spool") == set()


@pytest.mark.parametrize("fragment", [2, 254, 16_000])
def test_the_size_of_the_fragments_does_not_matter(gateway: Running, fragment: int) -> None:
    made = image()
    with gateway.associate((DX_IMAGE, (EXPLICIT,)), fragment=fragment) as association:
        command = {"AffectedSOPClassUID": DX_IMAGE, "AffectedSOPInstanceUID": made.SOPInstanceUID, "Priority": 0}
        assert association.request(1, {"CommandField": wire.C_STORE, **command}, wire.encode(made)).status == 0x0000
    assert gateway.data_of(only_instance(gateway, made)) == wire.encode(made)


def test_nothing_is_stored_without_room_and_dcmtk_is_told(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(reserve_bytes=1 << 62)
    made = image()
    answer = gateway.store(made)
    assert answer.status == 0xA700
    assert answer.command["ErrorComment"] == "the disk is nearly full"
    assert gateway.files() | gateway.files("spool") | gateway.files("quarantine") == set()
    plain = tmp_path / "plain.dcm"
    pydicom.dcmwrite(plain, made, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert dcmtk("dcmconv", "-f", "-t=", "+te", str(plain), str(plain)).returncode == 0
    assert "Refused: OutOfResources" in gateway.storescu(plain)


def test_a_locked_database_leaves_nothing_behind_and_recovers(serve: Serve) -> None:
    gateway = serve()
    made = image()
    with gateway.locked_database():
        assert gateway.store(made).status == 0xA700
        assert gateway.files() | gateway.files("spool") == set()
    assert gateway.store(made).status == 0x0000
    assert len(gateway.files()) == len(gateway.instances(made)) == 1
