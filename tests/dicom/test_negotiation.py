"""Which presentation contexts are accepted, and in which transfer syntax (PS3.8 9.3.3, PS3.5 10)."""

import pytest

from dicom_gateway.dicom.contexts import MPPS, MPPS_RETRIEVE, VERIFICATION, WORKLIST_FIND, storage_classes
from tests.dicom.conftest import Serve
from tests.dicom.objects import DX_IMAGE, image
from tests.dicom.running import Running
from tests.dicom.wire import BIG_ENDIAN, EXPLICIT, IMPLICIT
from tests.peers import dcmtk

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
J2K_LOSSY = "1.2.840.10008.1.2.4.91"
MPEG4 = "1.2.840.10008.1.2.4.102"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPIP = "1.2.840.10008.1.2.4.94"
JPIP_DEFLATED = "1.2.840.10008.1.2.4.95"

INTRAORAL, CT, SR, PDF = (
    "1.2.840.10008.5.1.4.1.1.1.3",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.104.1",
)
US_RETIRED, US_MULTIFRAME_RETIRED = "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3"
RESULT_ACCEPTED, RESULT_NO_CLASS, RESULT_NO_SYNTAX = 0, 3, 4
GROUP = 128  # a context id is an odd byte


@pytest.mark.parametrize("storage_class", [DX_IMAGE, INTRAORAL, CT, SR, PDF, US_RETIRED])
@pytest.mark.parametrize(
    ("proposed", "chosen"),
    [
        pytest.param((BIG_ENDIAN, JPEG_LOSSLESS, IMPLICIT, EXPLICIT), EXPLICIT, id="explicit before all"),
        pytest.param((BIG_ENDIAN, JPEG_LOSSLESS, IMPLICIT), IMPLICIT, id="implicit before compressed"),
        pytest.param((BIG_ENDIAN, J2K_LOSSLESS, JPEG_LOSSLESS), JPEG_LOSSLESS, id="JPEG lossless before big endian"),
        pytest.param((BIG_ENDIAN, RLE), RLE, id="RLE before big endian"),
        pytest.param((JPEG_BASELINE, J2K_LOSSY, BIG_ENDIAN), BIG_ENDIAN, id="big endian before lossy"),
        pytest.param((JPEG_BASELINE, J2K_LOSSY, JPEG_LS), JPEG_LS, id="lossless before lossy"),
        pytest.param((JPEG_BASELINE,), JPEG_BASELINE, id="lossy alone"),
        pytest.param((MPEG4,), MPEG4, id="video alone"),
        pytest.param((DEFLATED, IMPLICIT), IMPLICIT, id="implicit before deflated"),
        pytest.param((DEFLATED,), None, id="deflated"),
        pytest.param((JPIP, JPIP_DEFLATED), None, id="JPIP"),
        pytest.param(("1.2.3.4",), None, id="unknown"),
        pytest.param(("1.2.840.113619.5.2",), None, id="private"),
    ],
)
def test_the_preferred_transfer_syntax_is_chosen(
    gateway: Running, storage_class: str, proposed: tuple[str, ...], chosen: str | None
) -> None:
    with gateway.associate((storage_class, proposed)) as association:
        assert association.results[1] == (RESULT_NO_SYNTAX if chosen is None else RESULT_ACCEPTED)
        assert association.accepted.get(1) == chosen


def test_every_storage_class_is_accepted(gateway: Running) -> None:
    classes = storage_classes()
    assert len(classes) > 190
    for start in range(0, len(classes), GROUP):
        group = classes[start : start + GROUP]
        with gateway.associate(*((uid, (EXPLICIT,)) for uid in group)) as association:
            refused = [uid for index, uid in enumerate(group) if association.results[2 * index + 1]]
            assert refused == []


@pytest.mark.parametrize(
    "retired",
    [
        pytest.param(US_RETIRED, id="ultrasound"),
        pytest.param(US_MULTIFRAME_RETIRED, id="ultrasound multi-frame"),
        pytest.param("1.2.840.10008.5.1.4.1.1.5", id="nuclear medicine"),
        pytest.param("1.2.840.10008.5.1.4.1.1.77.1", id="VL, trial"),
    ],
)
def test_an_object_of_a_retired_class_is_stored(gateway: Running, retired: str) -> None:
    made = image(SOPClassUID=retired)
    assert gateway.store(made, sop_class=retired).status == 0x0000
    assert len(gateway.instances(made)) == 1


@pytest.mark.parametrize(
    "uid",
    [
        pytest.param("1.2.840.10008.5.1.4.38.1", id="hanging protocol"),
        pytest.param("1.2.840.10008.5.1.4.39.1", id="colour palette"),
        pytest.param("1.2.840.10008.5.1.4.43.1", id="implant template"),
        pytest.param("1.2.840.10008.5.1.4.1.1.200.1", id="CT protocol"),
        pytest.param("1.2.840.10008.5.1.4.1.1.201.1", id="inventory"),
        pytest.param("1.2.840.10008.1.3.10", id="media directory"),
        pytest.param("1.2.840.10008.1.20.1", id="storage commitment"),
        pytest.param("1.2.840.10008.5.1.4.1.2.2.1", id="study root query"),
        pytest.param("1.2.840.10008.3.1.2.3.5", id="MPPS notification"),
        pytest.param("1.2.840.113619.4.30", id="private"),
        pytest.param("1.2.3", id="made up"),
    ],
)
def test_what_is_no_storage_class_of_a_study_is_refused_alone(gateway: Running, uid: str) -> None:
    with gateway.associate((uid, (EXPLICIT, IMPLICIT)), (DX_IMAGE, (EXPLICIT,))) as association:
        assert association.results == {1: RESULT_NO_CLASS, 3: RESULT_ACCEPTED}


def test_a_private_class_is_stored_where_the_settings_name_it(gateway: Running, serve: Serve) -> None:
    private = "1.2.840.113619.4.27"
    made = image(SOPClassUID=private)
    other = serve(extra_storage_classes=(private, DX_IMAGE))
    assert other.store(made, sop_class=private).status == 0x0000
    assert len(other.instances(made)) == 1
    assert other.store(image()).status == 0x0000  # named although known: no harm
    with gateway.associate((private, (EXPLICIT,))) as association:
        assert association.results == {1: RESULT_NO_CLASS}


@pytest.mark.parametrize("service", [VERIFICATION, WORKLIST_FIND, MPPS, MPPS_RETRIEVE])
@pytest.mark.parametrize(
    ("proposed", "chosen"), [((IMPLICIT, EXPLICIT), EXPLICIT), ((IMPLICIT,), IMPLICIT), ((BIG_ENDIAN,), None)]
)
def test_services_speak_little_endian(
    gateway: Running, service: str, proposed: tuple[str, ...], chosen: str | None
) -> None:
    with gateway.associate((service, proposed)) as association:
        assert association.accepted.get(1) == chosen


def test_one_class_in_several_contexts_keeps_each_syntax(gateway: Running) -> None:
    """How a device lets the acceptor choose nothing: one context for each syntax."""
    proposals = [(DX_IMAGE, (syntax,)) for syntax in (IMPLICIT, JPEG_BASELINE, DEFLATED, EXPLICIT)]
    with gateway.associate(*proposals) as association:
        assert association.accepted == {1: IMPLICIT, 3: JPEG_BASELINE, 7: EXPLICIT}


def test_dcmtk_is_told_our_largest_pdu_and_name(gateway: Running) -> None:
    done = dcmtk("echoscu", "-d", "-aet", "DX1", "127.0.0.1", str(gateway.port))
    assert done.returncode == 0
    shown = done.stdout + done.stderr
    assert "Their Max PDU Receive Size:  131072" in shown
    assert "DCMGATEWAY_" in shown
