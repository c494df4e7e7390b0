"""The gateway plays the device of a test order itself: it asks for the worklist, reports, sends a drawn picture, ends.

It calls its own port over the network as any device does, with its own AE title, which is admitted from this machine
whatever devices there are. What it sends is a Secondary Capture (PS3.3 A.8) that says what it is.
"""

import secrets
import tempfile
from datetime import datetime
from pathlib import Path

from PIL import Image as Picture
from PIL import ImageDraw
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from dicom_gateway.core.identifiers import mint_uid
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order
from dicom_gateway.dicom.scu import Call, log_for_a_person
from dicom_gateway.dicom.scu_files import read_file
from dicom_gateway.dicom.scu_find import USUAL_KEYS, find_worklist, worklist_identifier
from dicom_gateway.dicom.scu_mpps import Image, create_step, creation, ending, set_step
from dicom_gateway.dicom.scu_store import Sent, send_files
from dicom_gateway.errors import Conflict
from dicom_gateway.gateway import clock
from dicom_gateway.settings import Settings

SECONDS = 10.0
SIDE = 512
_STATION = "ScheduledProcedureStepSequence[0].ScheduledStationAETitle"
_OTHER_KEYS = tuple(key for key in USUAL_KEYS if key not in (_STATION, "AccessionNumber"))
_OF_THE_ORDER = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "AccessionNumber")
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where a listener on all is called
_WORDS = ("TEST", "sent by the gateway itself", "not of a patient")


def play(settings: Settings, order: Order) -> None:
    """Do with a test order what its device would do. Raises Conflict when it is not on the worklist or the picture is
    not taken, NoAssociation or PeerFailed when the gateway does not serve devices."""
    log_for_a_person(debug=False)
    call = _call(settings)
    step = order.steps()[0]
    keys = (*_OTHER_KEYS, f"AccessionNumber={order.accession_number}")
    if step.station_ae_titles:
        keys = (*keys, f"{_STATION}={step.station_ae_titles[0]}")
    found = list(find_worklist(call, worklist_identifier(keys)))
    if not found:
        raise Conflict("the test order is not on the worklist")
    station = step.station_ae_titles[0] if step.station_ae_titles else call.calling_ae_title
    performed_uid, series_uid = _new_uid(), _new_uid()
    create_step(call, performed_uid, creation(found[0], station, _now(settings), step.modality))
    image = _sent(call, found[0], step.modality, series_uid, _now(settings))
    set_step(call, performed_uid, ending("COMPLETED", _now(settings), [image], series_uid))


def _call(settings: Settings) -> Call:
    dicom = settings.dicom
    return Call(_HERE.get(dicom.host, dicom.host), dicom.port, dicom.ae_title, dicom.ae_title, SECONDS)


def _now(settings: Settings) -> datetime:
    return local_now(clock(), settings.zone())


def _new_uid() -> str:
    return mint_uid(secrets.randbits)


def _sent(call: Call, item: Dataset, modality: str, series_uid: str, now: datetime) -> Image:
    with tempfile.TemporaryDirectory(prefix="dicom-gateway-test-") as folder:
        made = _object(item, modality, series_uid, now)
        path = Path(folder) / "test.dcm"
        made.save_as(path, enforce_file_format=True)
        result = next(iter(send_files(call, [read_file(path)])))
    if result.sent not in (Sent.STORED, Sent.WARNING):
        raise Conflict(f"the test image was not taken: {result.words}")
    return Image(made.SOPClassUID, made.SOPInstanceUID, series_uid)


def _object(item: Dataset, modality: str, series_uid: str, now: datetime) -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _OF_THE_ORDER:
        setattr(made, keyword, item.get(keyword, ""))
    made.StudyInstanceUID, made.SeriesInstanceUID = item.StudyInstanceUID, series_uid
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, _new_uid()
    made.Modality, made.ConversionType = modality, "WSD"
    made.SeriesNumber = made.InstanceNumber = 1
    made.SeriesDescription = "Test of the connection"
    made.StudyID = made.ReferringPhysicianName = made.Laterality = made.PatientOrientation = ""
    made.StudyDate = made.ContentDate = f"{now:%Y%m%d}"
    made.StudyTime = made.ContentTime = f"{now:%H%M%S}"
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows = made.Columns = SIDE
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelData = _picture()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _picture() -> bytes:
    """Return SIDE x SIDE grey pixels, one byte each: a ramp, a frame and words."""
    picture = Picture.linear_gradient("L").resize((SIDE, SIDE)).point(lambda value: 24 + value // 3)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((16, 16, SIDE - 17, SIDE - 17), outline=220, width=3)
    draw.ellipse((176, 96, 336, 256), outline=180, width=6)
    for line, words in enumerate(_WORDS):
        lettering = Picture.new("L", (round(draw.textlength(words)) + 2, 14))
        ImageDraw.Draw(lettering).text((1, 1), words, fill=255)
        scale = 5 if line == 0 else 2
        large = lettering.resize((lettering.width * scale, lettering.height * scale))
        picture.paste(255, ((SIDE - large.width) // 2, 300 + (0, 80, 120)[line]), large)
    return picture.tobytes()
