"""Write two test images for an order, and what a device reports of them by MPPS.

Usage: python sample_data/make_images.py ORDER FOLDER
ORDER is the order as the API answered it. FOLDER gets image1.dcm, image2.dcm, mpps-create.json and mpps-set.json.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1"
ROWS, COLUMNS = 1024, 1280


def step_wedge(number: int) -> np.ndarray:
    """Return a 12-bit test picture: a step wedge, a disc, and as many bars as the image's number."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    picture = (x * 16 // COLUMNS) * 200 + 400
    picture[np.hypot(y - 350, x - COLUMNS // 2) < 220] = 3600
    for bar in range(number):
        picture[700 + bar * 90 : 750 + bar * 90, 200:-200] = 200
    return picture.astype("<u2")


def image(order: dict[str, Any], number: int, series: str, now: datetime) -> Dataset:
    """Return the image of that number, with the attributes that the worklist gave the device."""
    procedure, patient = order["procedures"][0], order["patient"]
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = DIGITAL_X_RAY, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = procedure["study_instance_uid"], series
    made.AccessionNumber, made.Modality = order["accession_number"], procedure["steps"][0]["modality"]
    made.PatientID, made.IssuerOfPatientID = patient["id"], patient["issuer"] or ""
    made.PatientName, made.PatientSex = patient["name"], patient["sex"] or ""
    made.PatientBirthDate = (patient["birth_date"] or "").replace("-", "")
    made.SeriesNumber, made.InstanceNumber, made.ViewPosition = 1, number, ("LL", "VD")[number % 2]
    made.StudyDate = made.AcquisitionDate = f"{now:%Y%m%d}"
    made.StudyTime = made.AcquisitionTime = f"{now:%H%M%S}"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PixelRepresentation = ROWS, COLUMNS, 1, 0
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.WindowCenter, made.WindowWidth = 2048, 4096
    made.PixelData = step_wedge(number).tobytes()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def reports(order: dict[str, Any], images: list[Dataset], now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the N-CREATE and the N-SET of a device that made the images."""
    procedure, uid = order["procedures"][0], str(generate_uid())
    step = procedure["steps"][0]
    create = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PatientID": order["patient"]["id"],
        "PatientName": order["patient"]["name"],
        "Modality": step["modality"],
        "PerformedProcedureStepID": "1",
        "PerformedStationAETitle": "DX1",
        "PerformedProcedureStepStartDate": f"{now:%Y%m%d}",
        "PerformedProcedureStepStartTime": f"{now:%H%M%S}",
        "ScheduledStepAttributesSequence": [
            {
                "StudyInstanceUID": procedure["study_instance_uid"],
                "AccessionNumber": order["accession_number"],
                "RequestedProcedureID": procedure["id"],
                "ScheduledProcedureStepID": step["id"],
            }
        ],
        "PerformedSeriesSequence": [],
    }
    named = [
        {"ReferencedSOPClassUID": str(i.SOPClassUID), "ReferencedSOPInstanceUID": str(i.SOPInstanceUID)} for i in images
    ]
    final = {
        "PerformedProcedureStepStatus": "COMPLETED",
        "PerformedProcedureStepEndDate": f"{now:%Y%m%d}",
        "PerformedProcedureStepEndTime": f"{now:%H%M%S}",
        "PerformedSeriesSequence": [
            {
                "SeriesInstanceUID": str(images[0].SeriesInstanceUID),
                "ProtocolName": "Thorax",
                "ReferencedImageSequence": named,
            }
        ],
    }
    return {"uid": uid, "attributes": create}, {"uid": uid, "attributes": final}


def main(order_file: str, folder_name: str) -> None:
    """Write everything."""
    order = json.loads(Path(order_file).read_text(encoding="utf-8"))
    folder, now, series = Path(folder_name), datetime.now(), str(generate_uid())
    folder.mkdir(parents=True, exist_ok=True)
    images = [image(order, number, series, now) for number in (1, 2)]
    for number, made in enumerate(images, 1):
        made.save_as(folder / f"image{number}.dcm", enforce_file_format=True)
    create, final = reports(order, images, now)
    (folder / "mpps-create.json").write_text(json.dumps(create))
    (folder / "mpps-set.json").write_text(json.dumps(final))
    print(f"{folder}: image1.dcm image2.dcm mpps-create.json mpps-set.json")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
