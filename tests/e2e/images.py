"""Images to send: Part 10 files with a bright disc on a dark ground, in the middle of the upper half."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

DX = "1.2.840.10008.5.1.4.1.1.1.1"


def series_of(study: str) -> str:
    """Return the UID of the one series of a study."""
    return str(generate_uid(entropy_srcs=[study]))


def write_image(
    folder: Path, study: str, patient_id: str, number: int, issuer: str = "MYPMS", rows: int = 400, columns: int = 300
) -> tuple[Path, str]:
    """Write an image; return its path and SOP Instance UID."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = DX, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = study, series_of(study)
    made.PatientID, made.IssuerOfPatientID, made.PatientName = patient_id, issuer, "Doe^Rex"
    made.Modality, made.SeriesNumber, made.InstanceNumber = "DX", 1, number
    made.ViewPosition, made.AcquisitionDateTime = ("LL", "VD")[number % 2], "20261123101600"
    y, x = np.mgrid[0:rows, 0:columns]
    pixels = np.where(np.hypot(y - rows // 4, x - columns // 2) < columns // 6, 3000, 100).astype("<u2")
    made.Rows, made.Columns, made.SamplesPerPixel = rows, columns, 1
    made.PhotometricInterpretation, made.PixelRepresentation = "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.WindowCenter, made.WindowWidth = 1500, 3000
    made.PixelData = pixels.tobytes()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{made.SOPInstanceUID}.dcm"
    made.save_as(path, enforce_file_format=True)
    return path, str(made.SOPInstanceUID)


def order_body(number: str = "A-1001", patient_id: str = "P-78", expected: int | None = 2) -> dict[str, object]:
    """Return an order of one step for the station DX1."""
    step = {
        "modality": "DX",
        "station_ae_titles": ["DX1"],
        "start": "2026-11-23T10:15:00",
        "description": "Thorax 2 views",
        "expected_instances": expected,
    }
    code = {"value": "THX2", "scheme": "99LOCAL", "meaning": "Thorax 2 views"}
    return {
        "source": "mypms",
        "placer_order_number": number,
        "patient": {"id": patient_id, "issuer": "MYPMS", "name": "Doe^Rex", "species": "Canine"},
        "procedures": [{"code": code, "description": "Thorax 2 views", "steps": [step]}],
    }


def performed_step(order: dict[str, object], **changes: object) -> dict[str, object]:
    """Return the attributes of an N-CREATE for the first step of an order as the API shows it."""
    procedure = order["procedures"][0]  # type: ignore[index]
    return {
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PatientID": order["patient"]["id"],  # type: ignore[index]
        "PatientName": "Doe^Rex",
        "PatientBirthDate": "",
        "PatientSex": "",
        "Modality": "DX",
        "PerformedProcedureStepID": "1",
        "PerformedStationAETitle": "DX1",
        "PerformedProcedureStepStartDate": "20261123",
        "PerformedProcedureStepStartTime": "101500",
        "ScheduledStepAttributesSequence": [
            {
                "StudyInstanceUID": procedure["study_instance_uid"],
                "AccessionNumber": order["accession_number"],
                "RequestedProcedureID": procedure["id"],
                "ScheduledProcedureStepID": procedure["steps"][0]["id"],
            }
        ],
        "PerformedSeriesSequence": [],
        **changes,
    }


def ended(status: str, study: str, image_uids: list[str], **changes: object) -> dict[str, object]:
    """Return the attributes of a final N-SET that names images."""
    images = [{"ReferencedSOPClassUID": DX, "ReferencedSOPInstanceUID": uid} for uid in image_uids]
    series = {"SeriesInstanceUID": series_of(study), "ProtocolName": "Thorax", "ReferencedImageSequence": images}
    return {
        "PerformedProcedureStepStatus": status,
        "PerformedProcedureStepEndDate": "20261123",
        "PerformedProcedureStepEndTime": "101700",
        "PerformedSeriesSequence": [series],
        **changes,
    }
