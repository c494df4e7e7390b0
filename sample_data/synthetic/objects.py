"""What every object of a study says: patient, study, series, equipment, times, and the order that it was made for.

PS3.3 C.7.1 to C.7.5; the veterinary attributes C.7.1.1 and C.7.2.2. UIDs are derived from names (2.25, PS3.5 B.2),
so that a second run makes the same objects.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

Json = Mapping[str, Any]

_SPECIES = {"Canine": codes.cid7454.CanisLupusFamiliaris, "Feline": codes.cid7454.FelisCatus}
_BREEDS = {"Labrador Retriever": codes.cid7480.LabradorRetrieverDogBreed}
_ID_TYPES = {"microchip": "RFID", "rfid": "RFID", "barcode": "BARCODE"}  # else TEXT


def uid(*names: object) -> str:
    """Return the UID that belongs to these names."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(['sample data', *map(str, names)])).int}"


def code(entry: Any) -> Dataset:
    """Return the item of a code sequence; `entry` is pydicom's or the gateway's."""
    item = Dataset()
    item.CodeValue = entry.value
    item.CodingSchemeDesignator = getattr(entry, "scheme_designator", None) or entry.scheme
    item.CodeMeaning = entry.meaning
    return item


@dataclass(frozen=True)
class Device:
    """The device that made a study."""

    modality: str
    model: str
    station: str
    serial: str


@dataclass(frozen=True)
class Made:
    """A study that is being made: its name here, its device, the order (as the API takes or answers it), the seed."""

    name: str
    device: Device
    description: str
    body_part: str
    order: Json
    seed: int

    @property
    def procedure(self) -> Json:
        """The requested procedure with a step of this modality, else the first."""
        procedures: Sequence[Json] = self.order["procedures"]
        fits = (p for p in procedures if any(s["modality"] == self.device.modality for s in p["steps"]))
        return next(fits, procedures[0])

    @property
    def step(self) -> Json:
        """The scheduled step of this modality, else the first."""
        steps: Sequence[Json] = self.procedure["steps"]
        return next((step for step in steps if step["modality"] == self.device.modality), steps[0])

    @property
    def study_uid(self) -> str:
        """The order's StudyInstanceUID, else one of our own."""
        return str(self.procedure.get("study_instance_uid") or uid("study", self.name))

    def random(self, *names: object) -> np.random.Generator:
        """Return the random numbers of one object: they do not depend on what else is made."""
        return np.random.default_rng([self.seed, *"/".join(map(str, (self.name, *names))).encode()])

    def time(self, seconds: float) -> datetime:
        """Return a moment of the examination."""
        return datetime.fromisoformat(str(self.step["start"])).replace(tzinfo=None) + timedelta(seconds=seconds)


def _patient(made: Dataset, patient: Json, day: date) -> None:
    made.PatientName, made.PatientID = patient["name"], patient["id"]
    made.IssuerOfPatientID = patient.get("issuer") or ""
    made.PatientBirthDate = (patient.get("birth_date") or "").replace("-", "")
    made.PatientSex = patient.get("sex") or ""
    if patient.get("birth_date"):
        born = date.fromisoformat(patient["birth_date"])
        made.PatientAge = f"{day.year - born.year - ((day.month, day.day) < (born.month, born.day)):03}Y"
    if patient.get("weight_kg"):
        made.PatientWeight = patient["weight_kg"]
    others = []
    for other in patient.get("other_ids") or []:
        item = Dataset()
        item.PatientID, item.TypeOfPatientID = other["id"], _ID_TYPES.get((other.get("type") or "").lower(), "TEXT")
        others.append(item)
    if others:
        made.OtherPatientIDsSequence = others
    if patient.get("species"):
        _animal(made, patient)


def _animal(made: Dataset, patient: Json) -> None:
    species, breed = patient["species"], patient.get("breed") or ""
    made.PatientSpeciesDescription = species
    if species in _SPECIES:
        made.PatientSpeciesCodeSequence = [code(_SPECIES[species])]
    made.PatientBreedDescription = breed
    made.PatientBreedCodeSequence = [code(_BREEDS[breed])] if breed in _BREEDS else []
    made.BreedRegistrationSequence = []
    if patient.get("neutered") is not None:
        made.PatientSexNeutered = "ALTERED" if patient["neutered"] else "UNALTERED"
    made.ResponsiblePerson = patient.get("responsible_person") or ""
    if made.ResponsiblePerson:
        made.ResponsiblePersonRole = "OWNER"
    made.AnatomicalOrientationType = "QUADRUPED"


def _request(made: Dataset, study: Made) -> None:
    item = Dataset()
    item.AccessionNumber = made.AccessionNumber
    item.StudyInstanceUID = study.study_uid
    item.RequestedProcedureID = study.procedure.get("id") or ""
    item.RequestedProcedureDescription = study.procedure.get("description") or study.description
    item.ScheduledProcedureStepID = study.step.get("id") or ""
    item.ScheduledProcedureStepDescription = study.step.get("description") or study.description
    if item.RequestedProcedureID and item.ScheduledProcedureStepID:
        made.RequestAttributesSequence = [item]


def new_object(study: Made, sop_class: str, number: int, seconds: float, description: str = "") -> Dataset:
    """Return object `number` of the only series of a study, made `seconds` after its beginning; no pixels yet."""
    made, device = Dataset(), study.device
    start, moment = study.time(0), study.time(seconds)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, uid("object", study.name, study.study_uid, number)
    made.StudyInstanceUID, made.SeriesInstanceUID = study.study_uid, uid("series", study.name, study.study_uid)
    _patient(made, study.order["patient"], start.date())
    made.AccessionNumber = study.order.get("accession_number") or ""
    made.ReferringPhysicianName = study.order.get("referring_physician") or ""
    made.StudyID, made.SeriesNumber, made.InstanceNumber = "1", 1, number
    made.StudyDescription = study.procedure.get("description") or study.description
    made.SeriesDescription = description or study.description
    made.StudyDate, made.StudyTime = f"{start:%Y%m%d}", f"{start:%H%M%S}"
    made.SeriesDate, made.SeriesTime = made.StudyDate, made.StudyTime
    made.AcquisitionDate = made.ContentDate = f"{moment:%Y%m%d}"
    made.AcquisitionTime = made.ContentTime = f"{moment:%H%M%S.%f}"[:10]
    made.Modality, made.Manufacturer, made.ManufacturerModelName = device.modality, "Sample data", device.model
    made.StationName, made.DeviceSerialNumber, made.SoftwareVersions = device.station, device.serial, "1"
    made.InstitutionName = "Sample practice"
    made.PerformedProcedureStepStartDate, made.PerformedProcedureStepStartTime = made.StudyDate, made.StudyTime
    made.BodyPartExamined = study.body_part
    made.BurnedInAnnotation, made.LossyImageCompression = "NO", "00"
    _request(made, study)
    return made


def put_pixels(made: Dataset, pixels: NDArray[Any], bits: int) -> Dataset:
    """Put pixels in: (rows, columns), (rows, columns, 3), or (frames, rows, columns, 3); `bits` are stored."""
    colour = pixels.shape[-1] == 3 and pixels.ndim >= 3
    made.Rows, made.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PlanarConfiguration, made.PhotometricInterpretation = 0, "RGB"
    made.BitsAllocated = pixels.dtype.itemsize * 8
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB" if made.BitsAllocated == 8 else "OW"
    return made


def put_x_ray(made: Dataset, pixels: NDArray[np.uint16], bits: int, spacing: float, inverse: bool = False) -> Dataset:
    """Put the pixels of a projection in (PS3.3 C.8.11.3, C.8.11.4); black is 0, and 2**bits - 1 where `inverse`."""
    made.PresentationIntentType, made.ImageType = "FOR PRESENTATION", ["ORIGINAL", "PRIMARY", ""]
    made.PixelIntensityRelationship, made.PixelIntensityRelationshipSign = "LOG", 1 if inverse else -1
    made.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    made.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = 0, 1, "US"
    made.WindowCenter, made.WindowWidth = 1 << (bits - 1), 1 << bits
    made.WindowCenterWidthExplanation = "NORMAL"
    made.ImagerPixelSpacing = [spacing, spacing]
    made.AcquisitionContextSequence = []
    largest = (1 << bits) - 1
    return put_pixels(made, (largest - pixels if inverse else pixels).astype(np.uint16), bits)
