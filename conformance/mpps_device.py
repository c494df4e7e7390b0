"""A device that reports performed steps and sends images by dcmjs-dimse, for the grids of MPPS and of orders."""

import itertools
from pathlib import Path
from typing import Any

from pydicom.uid import generate_uid

from conformance.bench import Bench
from conformance.peers import Dcmjs
from tests.e2e.images import DX, write_image
from tests.e2e.program import wait_for

NUMBERS = itertools.count(1)
END = {"PerformedProcedureStepEndDate": "20270301", "PerformedProcedureStepEndTime": "103000"}
WRONG_ENTRY = ("110514", "DCM", "Incorrect worklist entry selected")
EQUIPMENT = ("110501", "DCM", "Equipment failure")

Attributes = dict[str, Any]


def code(value: str, scheme: str, meaning: str) -> Attributes:
    """Return an item of a code sequence."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def performed(references: list[Attributes], **changes: object) -> Attributes:
    """Return what a whole N-CREATE says; a change to None leaves an attribute out."""
    whole = {
        "ScheduledStepAttributesSequence": references,
        "PatientName": "Doe^Rex",
        "PatientID": "P-1",
        "PatientBirthDate": "",
        "PatientSex": "",
        "PerformedProcedureStepID": "PPS1",
        "PerformedStationAETitle": "DCMJS",
        "PerformedStationName": "",
        "PerformedLocation": "",
        "PerformedProcedureStepStartDate": "20270301",
        "PerformedProcedureStepStartTime": "101500",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PerformedProcedureStepDescription": "",
        "PerformedProcedureTypeDescription": "",
        "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "",
        "Modality": "DX",
        "StudyID": "",
        "ProcedureCodeSequence": [],
        "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [],
    }
    return {keyword: value for keyword, value in {**whole, **changes}.items() if value is not None}


def unscheduled() -> Attributes:
    """Return an item of ScheduledStepAttributesSequence that belongs to no order."""
    return {"StudyInstanceUID": str(generate_uid()), "AccessionNumber": "", "RequestedProcedureID": ""} | {
        "ScheduledProcedureStepID": ""
    }


def ended(status: str, study: str = "1.2.3", images: tuple[str, ...] = (), **changes: object) -> Attributes:
    """Return what the last N-SET says."""
    named = [{"ReferencedSOPClassUID": DX, "ReferencedSOPInstanceUID": uid} for uid in images]
    series = {"SeriesInstanceUID": f"{study}.1", "ProtocolName": "Thorax", "ReferencedImageSequence": named}
    whole = {"PerformedProcedureStepStatus": status, **END, "PerformedSeriesSequence": [series], **changes}
    return {keyword: value for keyword, value in whole.items() if value is not None}


class Device:
    """One device and the order that it works on: its verbs fail when the gateway does not answer success."""

    def __init__(self, bench: Bench, dcmjs: Dcmjs) -> None:
        self.bench = bench
        self._dcmjs = dcmjs
        self.order: dict[str, Any] = {}

    def answer(self, operation: str, uid: str, attributes: object = None, **more: object) -> dict[str, Any]:
        """Return the one response to an N-service."""
        value = {"uid": uid, "attributes": attributes, **more}
        responses = self._dcmjs.responses(operation, {name: one for name, one in value.items() if one is not None})
        assert len(responses) == 1, f"{len(responses)} responses to {operation}"
        return responses[0]

    def add_order(self, *procedures: int, expected: int | None = None, patient_id: str = "P-1") -> dict[str, Any]:
        """Put in an order; each number is how many steps a procedure has."""
        number = next(NUMBERS)
        step = {"modality": "DX", "station_ae_titles": ["DCMJS"], "start": "2027-03-01T10:15:00"}
        steps = [[{**step, "expected_instances": expected} for _ in range(count)] for count in procedures or (1,)]
        document = {
            "source": "mpps",
            "placer_order_number": f"M-{number}",
            "patient": {"id": patient_id, "name": "Doe^Rex"},
            "procedures": [{"description": "Thorax", "steps": own} for own in steps],
        }
        self.order = self.bench.add_order(document)
        return self.order

    def shown(self) -> dict[str, Any]:
        """Return the order as it is now."""
        shown: dict[str, Any] = self.bench.api("GET", f"/orders/{self.order['id']}").json()
        return shown

    @property
    def status(self) -> str:
        """The order's status."""
        return str(self.shown()["status"])

    @property
    def step_statuses(self) -> list[str]:
        """The status of every step, in order."""
        return [step["status"] for procedure in self.shown()["procedures"] for step in procedure["steps"]]

    @property
    def study(self) -> str:
        """The study of the first procedure."""
        return str(self.order["procedures"][0]["study_instance_uid"])

    def references(self) -> list[Attributes]:
        """Return an item for each step of the order."""
        return [
            {
                "StudyInstanceUID": procedure["study_instance_uid"],
                "AccessionNumber": self.order["accession_number"],
                "RequestedProcedureID": procedure["id"],
                "ScheduledProcedureStepID": step["id"],
            }
            for procedure in self.order["procedures"]
            for step in procedure["steps"]
        ]

    def begin(self, *steps: int, **changes: object) -> str:
        """N-CREATE for the steps of these positions (the first one); return the performed step's UID."""
        uid = str(generate_uid())
        all_steps = self.references()
        answer = self.answer("create", uid, performed([all_steps[n] for n in steps or (0,)], **changes))
        assert answer["status"] == 0, f"N-CREATE: {answer['status']:04X} {answer.get('comment')}"
        return uid

    def end(
        self, uid: str, status: str, images: tuple[str, ...] = (), reason: tuple[str, str, str] | None = None
    ) -> None:
        """Send the last N-SET."""
        why = [code(*reason)] if reason else None
        said = ended(status, self.study, images, PerformedProcedureStepDiscontinuationReasonCodeSequence=why)
        answer = self.answer("set", uid, said)
        assert answer["status"] == 0, f"N-SET: {answer['status']:04X} {answer.get('comment')}"

    def send_image(self, patient_id: str = "P-1", study: str = "") -> str:
        """Send an image of the order's study; return its SOP Instance UID."""
        folder: Path = self.bench.folder / "images"
        folder.mkdir(exist_ok=True)
        path, uid = write_image(folder, study or self.study, patient_id, next(NUMBERS), issuer="", rows=16, columns=16)
        (response,) = self._dcmjs.responses("store", [str(path)])
        assert response["status"] == 0, f"C-STORE: {response['status']:04X}"
        return uid

    def change(self, **changes: object) -> Any:
        """Send the order again with changes; return the answer of the API."""
        return self.bench.api("POST", "/orders", json={**self.shown(), **changes})

    def cancel(self) -> int:
        """Cancel the order; return the HTTP status."""
        return self.bench.api("POST", f"/orders/{self.order['id']}/cancel").status_code

    def told(self, kind: str) -> dict[str, Any]:
        """Wait until the PMS has an event of this order, and return it."""

        def mine() -> list[dict[str, Any]]:
            return [one for one in self.bench.receiver.of(kind) if (one["order"] or {}).get("id") == self.order["id"]]

        return wait_for(mine, what=f"the event {kind}")[0]

    def becomes(self, status: str) -> None:
        """Wait until the order has a status."""
        wait_for(lambda: self.status == status, what=f"the order {status}")
