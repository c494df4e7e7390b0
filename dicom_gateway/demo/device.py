"""A device of the demo: asks its worklist, reports its steps, sends its images (PS3.4 K, F.7, B)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import Dataset

from dicom_gateway.demo.expecting import Unexpected, expect
from dicom_gateway.demo.objects import Shot, new_uid, take
from dicom_gateway.demo.timeline import Timeline
from dicom_gateway.dicom.scu import Call
from dicom_gateway.dicom.scu_files import read_file
from dicom_gateway.dicom.scu_find import USUAL_KEYS, find_worklist, worklist_identifier
from dicom_gateway.dicom.scu_mpps import create_step, creation, ending, set_step
from dicom_gateway.dicom.scu_store import Sent, send_files

_STATION = "ScheduledProcedureStepSequence[0].ScheduledStationAETitle"
_KEYS = ("IssuerOfPatientID", *(key for key in USUAL_KEYS if key != _STATION))
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Device:
    """A device that calls the gateway at `port` as `ae_title`; its images stay in `folder`."""

    ae_title: str
    modality: str
    port: int
    folder: Path
    timeline: Timeline

    @property
    def _call(self) -> Call:
        return Call("127.0.0.1", self.port, self.ae_title, "DCMGATEWAY", _ANSWER_SECONDS)

    def worklist(self) -> list[Dataset]:
        """Return the lines of its own worklist."""
        found = list(find_worklist(self._call, worklist_identifier((*_KEYS, f"{_STATION}={self.ae_title}"))))
        shown = ", ".join(f"{name_of(item)} ({item.RequestedProcedureDescription})" for item in found)
        self.timeline.say(self.ae_title, f"asks its worklist: {shown or 'nothing'}")
        return found

    def pick(self, patient_id: str) -> Dataset:
        """Return the line of a patient from its worklist; raise Unexpected when there is none."""
        found = [item for item in self.worklist() if item.PatientID == patient_id]
        if not found:
            raise Unexpected(f"expected: {patient_id} on the worklist of {self.ae_title}")
        return found[0]

    def start(self, item: Dataset) -> str:
        """Report a step as started; return the performed step's UID."""
        uid = new_uid()
        attributes = creation(item, self.ae_title, datetime.now(), self.modality)
        answer = create_step(self._call, uid, attributes)
        self.timeline.say(self.ae_title, f"starts with {name_of(item)} (MPPS N-CREATE: {answer.words})")
        return uid

    def shoot(
        self, item: Dataset, count: int, series_uid: str = "", views: Sequence[str] = (), first: int = 1
    ) -> list[Shot]:
        """Take `count` images, the first with instance number `first`, and send them; each must be stored."""
        series = series_uid or new_uid()
        named = [*views, *[""] * (count - len(views))]
        shots = [
            take(item, self.modality, series, first + number, self.folder, view) for number, view in enumerate(named)
        ]
        results = list(send_files(self._call, [read_file(shot.path) for shot in shots]))
        for number, result in enumerate(results, start=first):
            expect(result.sent is Sent.STORED, f"image {number} of {self.ae_title} stored, not: {result.words}")
        self.timeline.say(
            self.ae_title, f"sends {count} image{'s' * (count > 1)} of {name_of(item)} (C-STORE: Success)"
        )
        return shots

    def end(self, uid: str, shots: Sequence[Shot]) -> None:
        """Report a step as completed, with its images."""
        answer = set_step(self._call, uid, ending("COMPLETED", datetime.now(), [s.image for s in shots], new_uid()))
        self.timeline.say(self.ae_title, f"is done, {len(shots)} made (MPPS N-SET COMPLETED: {answer.words})")


def name_of(item: Dataset) -> str:
    """Return a patient's name as a person reads it."""
    family, _, given = str(item.PatientName).partition("^")
    return f"{given} {family}".strip()
