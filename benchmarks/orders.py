"""The orders of the worklist benchmark, for both servers, and what a device asks."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dsutils import encode

from benchmarks.scu import WORKLIST_FIND
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.storage import order_rows
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.migrate import migrate

DAYS, DEVICES, STEPS_A_DAY = 100, 10, 10  # of 10,000 orders
FIRST_DAY = date(2030, 1, 7)
UID_ROOT = "1.2.826.0.1.3680043.8.498.77"
BATCH = 5000
STEP = "ScheduledProcedureStepSequence"
USUAL_KEYS = (
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
)
USUAL_STEP_KEYS = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledProcedureStepID",
)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One order with one step."""

    number: int

    @property
    def start(self) -> datetime:
        """Days go round first, then devices, then a quarter of an hour later each; every 10,000 orders fill later
        days, so that a device has as many a day however many there are."""
        block, within = divmod(self.number, DAYS * DEVICES * STEPS_A_DAY)
        day = FIRST_DAY + timedelta(days=block * DAYS + within % DAYS)
        minutes = 15 * (within // (DAYS * DEVICES))
        return datetime(day.year, day.month, day.day, 8) + timedelta(minutes=minutes)

    @property
    def station(self) -> str:
        return f"DX{self.number // DAYS % DEVICES}"

    @property
    def accession_number(self) -> str:
        return f"A{self.number:08}"

    @property
    def patient(self) -> tuple[str, str]:
        return f"P{self.number:06}", f"Family{self.number % 997}^Given{self.number}"

    @property
    def study_instance_uid(self) -> str:
        return f"{UID_ROOT}.{self.number + 1}"


def order_document(one: Scheduled) -> dict[str, object]:
    """Return the order as the gateway takes it."""
    patient_id, name = one.patient
    step = {
        "id": f"S{one.number:07}",
        "modality": "DX",
        "station_ae_titles": [one.station],
        "start": one.start.isoformat(),
        "description": "Thorax 2 views",
        "performer": "Roe^Ann",
    }
    return {
        "source": "benchmark",
        "placer_order_number": f"N{one.number}",
        "referring_physician": "Doe^Jane",
        "accession_number": one.accession_number,
        "patient": {"id": patient_id, "name": name, "birth_date": "1980-05-01", "sex": "F"},
        "procedures": [
            {
                "id": f"R{one.number:07}",
                "description": "Thorax 2 views",
                "study_instance_uid": one.study_instance_uid,
                "steps": [step],
            }
        ],
    }


def worklist_file(one: Scheduled) -> Dataset:
    """Return the same order as a file that wlmscpfs serves."""
    step = Dataset()
    step.Modality = "DX"
    step.ScheduledStationAETitle = one.station
    step.ScheduledProcedureStepStartDate = one.start.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = one.start.strftime("%H%M%S")
    step.ScheduledPerformingPhysicianName = "Roe^Ann"
    step.ScheduledProcedureStepDescription = "Thorax 2 views"
    step.ScheduledProcedureStepID = f"S{one.number:07}"
    found = Dataset()
    found.PatientID, found.PatientName = one.patient
    found.PatientBirthDate, found.PatientSex = "19800501", "F"
    found.AccessionNumber = one.accession_number
    found.ReferringPhysicianName = "Doe^Jane"
    found.StudyInstanceUID = one.study_instance_uid
    found.RequestedProcedureID = f"R{one.number:07}"
    found.RequestedProcedureDescription = "Thorax 2 views"
    found.ScheduledProcedureStepSequence = Sequence([step])
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = UID(WORKLIST_FIND)
    found.file_meta.MediaStorageSOPInstanceUID = UID(one.study_instance_uid)
    return found


def identifier(**values: str) -> bytes:
    """Return an encoded query with the keys that devices ask for; `values` narrow it."""
    step, keys = Dataset(), Dataset()
    for asked, keywords in ((keys, USUAL_KEYS), (step, USUAL_STEP_KEYS)):
        for keyword in keywords:
            setattr(asked, keyword, values.get(keyword, ""))
    setattr(keys, STEP, Sequence([step]))
    encoded = encode(keys, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    return encoded


def of_a_device(number_of_query: int, orders: int) -> bytes:
    """Return the query of one device for one day: the same again only after all devices and days of the orders."""
    which = Scheduled(number_of_query * 7919 % orders)
    return identifier(
        ScheduledStationAETitle=which.station, ScheduledProcedureStepStartDate=which.start.strftime("%Y%m%d")
    )


def write_files(folder: Path, orders: int) -> None:
    """Write the orders as wlmscpfs serves them: BENCHMARK/*.wl with the lock file."""
    files = folder / "BENCHMARK"
    files.mkdir(parents=True)
    (files / "lockfile").touch()
    for number in range(orders):
        worklist_file(Scheduled(number)).save_as(files / f"{number:06}.wl", enforce_file_format=True)


def put_orders(database: Path, first: int, last: int) -> None:
    """Put orders into a gateway's database, as its own stores do, thousands a transaction."""
    migrate(database)
    store, zone = Database(database), ZoneInfo("Europe/Berlin")
    try:
        for start in range(first, last, BATCH):
            numbers = range(start, min(last, start + BATCH))
            made = [parse_order(order_document(Scheduled(n)), zone).evolve(id=f"order-{n}") for n in numbers]
            store.write(partial(_put, made))
        store.checkpoint()
    finally:
        store.close()


def _put(orders: list[Order], tx: Transaction) -> None:
    for order in orders:
        order_rows.put(tx, order, 0)
