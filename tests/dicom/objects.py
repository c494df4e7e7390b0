"""What devices send: images, worklist keys, performed steps; each attribute may be changed, None leaves it out."""

from datetime import datetime
from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from dicom_gateway.core.model import Order

DX_IMAGE = "1.2.840.10008.5.1.4.1.1.1.1"


def changed(made: Dataset, attributes: dict[str, Any]) -> Dataset:
    """Change attributes of a data set and return it."""
    for keyword, value in attributes.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def image(**attributes: Any) -> Dataset:
    """Return a small image, 8 x 8 pixels of 16 bits, with identifiers of its own."""
    made = Dataset()
    made.SOPClassUID = DX_IMAGE
    made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID = generate_uid()
    made.SeriesInstanceUID = generate_uid()
    made.PatientID = "P-1"
    made.PatientName = "Doe^Rex"
    made.Modality = "DX"
    made.Rows = made.Columns = 8
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = bytes(range(128))
    made["PixelData"].VR = "OW"
    return changed(made, attributes)


def keys(order: Order | None = None, **attributes: Any) -> Dataset:
    """Return worklist keys: of one order's accession number, or of everything; a step's keywords go into its item."""
    made, step = Dataset(), Dataset()
    made.AccessionNumber = order.accession_number if order else ""
    made.PatientName = ""
    for keyword, value in attributes.items():
        setattr(step if keyword.startswith("Scheduled") or keyword == "Modality" else made, keyword, value)
    made.ScheduledProcedureStepSequence = Items([step])
    return made


def performed(*references: Dataset, **attributes: Any) -> Dataset:
    """Return what an N-CREATE says; without references an unscheduled examination."""
    made = Dataset()
    made.ScheduledStepAttributesSequence = Items(references or [reference()])
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Doe^Rex", "P-1", "", ""
    made.PerformedProcedureStepID = "PPS1"
    made.PerformedStationAETitle, made.PerformedStationName, made.PerformedLocation = "DX1", "", ""
    made.PerformedProcedureStepStartDate, made.PerformedProcedureStepStartTime = "20261123", "101500"
    made.PerformedProcedureStepStatus = "IN PROGRESS"
    made.PerformedProcedureStepDescription = made.PerformedProcedureTypeDescription = ""
    made.PerformedProcedureStepEndDate = made.PerformedProcedureStepEndTime = ""
    made.Modality, made.StudyID = "DX", ""
    made.ProcedureCodeSequence = made.PerformedProtocolCodeSequence = made.PerformedSeriesSequence = Items([])
    return changed(made, attributes)


def reference(order: Order | None = None, **attributes: Any) -> Dataset:
    """Return an item of ScheduledStepAttributesSequence: the first step of an order, or an unscheduled one."""
    made = Dataset()
    procedure = order.procedures[0] if order else None
    made.StudyInstanceUID = procedure.study_instance_uid if procedure else generate_uid()
    made.AccessionNumber = order.accession_number if order else ""
    made.RequestedProcedureID = procedure.id if procedure else ""
    made.ScheduledProcedureStepID = procedure.steps[0].id if procedure else ""
    return changed(made, attributes)


def ended(status: str = "COMPLETED", **attributes: Any) -> Dataset:
    """Return what the last N-SET of a performed step says."""
    made = Dataset()
    made.PerformedProcedureStepStatus = status
    at = datetime(2026, 11, 23, 10, 30)
    made.PerformedProcedureStepEndDate, made.PerformedProcedureStepEndTime = f"{at:%Y%m%d}", f"{at:%H%M%S}"
    series = Dataset()
    series.SeriesInstanceUID, series.ProtocolName = generate_uid(), "Thorax"
    series.ReferencedImageSequence = Items([])
    made.PerformedSeriesSequence = Items([series])
    return changed(made, attributes)
