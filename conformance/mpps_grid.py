"""The statuses of MPPS: each situation of PS3.4 F.7.2 and F.8.2 and PS3.7 10.1, by dcmjs-dimse over the wire.

A row says what is done before, what is asked, the status that must come, elements of the command that must come with
it, and what an N-GET must show afterwards (None: that there is nothing).
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.uid import generate_uid

from conformance.bench import Bench
from conformance.mpps_device import Device, ended, performed, unscheduled
from conformance.peers import Dcmjs
from conformance.results import Outcome, Result

GROUP = "MPPS"
STATUS = "PerformedProcedureStepStatus"
SEQUENCE = "ScheduledStepAttributesSequence"
NO_LONGER = {"ErrorID": 0xA710, "ErrorComment": "Performed Procedure Step Object may no longer be updated"}
OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.1.1"
MPPS, MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.3.1.2.3.4"
NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """One situation. `uid` "" stands for a new one; `created` and `set_before` are what the device did before."""

    name: str
    operation: str
    status: int
    attributes: object = None
    created: bool = False
    set_before: dict[str, Any] | None = None
    uid: str | None = ""
    more: Mapping[str, object] = field(default_factory=dict)
    command: Mapping[str, object] = field(default_factory=dict)
    kept: Mapping[str, object] | None = field(default_factory=dict)
    is_minted: bool = False


def _create(name: str, status: int, **more: Any) -> Row:
    """Return a row of an N-CREATE; `changes` are those to a whole one. A refused one must not be kept."""
    changes = more.pop("changes", {})
    references = more.pop("references", [unscheduled()])
    kept = more.pop("kept", NOTHING if status == 0 else None)
    return Row(f"N-CREATE {name}", "create", status, performed(references, **changes), kept=kept, **more)


def _set(name: str, status: int, said: dict[str, Any], **more: Any) -> Row:
    return Row(f"N-SET {name}", "set", status, said, created=more.pop("created", True), **more)


def _without(key: str) -> list[dict[str, Any]]:
    return [{keyword: value for keyword, value in unscheduled().items() if keyword != key}]


DONE, BROKEN_OFF = ended("COMPLETED"), ended("DISCONTINUED")
JAW, MUELLER = {"BodyPartExamined": "JAW"}, {"PatientName": "Müller^Jürgen"}
UTF_8 = {"SpecificCharacterSet": "ISO_IR 192"}
OPEN = {STATUS: "IN PROGRESS"}
ROWS = (
    _create("as it should be", 0x0000, kept=OPEN),
    _create("with the status COMPLETED", 0x0106, changes={STATUS: "COMPLETED"}),
    _create("with the status DISCONTINUED", 0x0106, changes={STATUS: "DISCONTINUED"}),
    _create("with a status of another text", 0x0106, changes={STATUS: "STARTED"}),
    _create("without a status", 0x0120, changes={STATUS: None}),
    _create("with an empty status", 0x0121, changes={STATUS: ""}),
    _create("without a step sequence", 0x0120, changes={SEQUENCE: None}),
    _create("with an empty step sequence", 0x0121, references=[]),
    _create("without a study UID", 0x0120, references=_without("StudyInstanceUID")),
    _create("with an empty study UID", 0x0121, references=[{**unscheduled(), "StudyInstanceUID": ""}]),
    _create("with a study UID that is none", 0x0106, references=[{**unscheduled(), "StudyInstanceUID": "1.2.x"}]),
    _create("without others of type 1 and 2", 0, changes={"Modality": None, "PatientName": None, "StudyID": None}),
    _create("with other type 1 attributes empty", 0, changes={"PerformedProcedureStepID": "", "Modality": ""}),
    _create("without a patient id", 0x0000, changes={"PatientID": ""}),
    _create("with an attribute that is not of MPPS", 0, changes=JAW, kept=JAW),
    _create("with a date that is none", 0x0000, changes={"PerformedProcedureStepStartDate": "tomorrow"}),
    _create("with umlauts", 0, changes={**MUELLER, **UTF_8}, kept=MUELLER),
    _create("of a UID that is known, the same data set", 0x0111, created=True, kept=OPEN),
    _create("of a UID that is known and COMPLETED", 0x0111, created=True, set_before=DONE, kept={STATUS: "COMPLETED"}),
    _create("without a UID: one is minted", 0x0000, uid=None, is_minted=True),
    _create("with a UID of other characters", 0x0117, uid="1.2.x", kept=NOTHING),
    _create("with a leading zero in the UID", 0x0000, uid="1.2.826.0.1.03.77", kept=OPEN),
    _create("naming another SOP class", 0x0118, more={"class": OTHER_CLASS}),
    _create("on MPPS Retrieve", 0x0211, more={"class": MPPS_RETRIEVE, "context": MPPS_RETRIEVE}),
    _set("COMPLETED", 0x0000, DONE, kept={STATUS: "COMPLETED"}),
    _set("DISCONTINUED", 0x0000, BROKEN_OFF, kept={STATUS: "DISCONTINUED"}),
    _set("without a status: intermediate", 0x0000, {"StudyID": "7", "PerformedLocation": "x"}, kept=OPEN),
    _set("with the status IN PROGRESS", 0x0000, {**OPEN, "CommentsOnThePerformedProcedureStep": "one view"},
         kept={**OPEN, "CommentsOnThePerformedProcedureStep": "one view"}),
    _set("with a status of another text", 0x0106, {**DONE, STATUS: "DONE"}, kept=OPEN),
    _set("of an unknown UID", 0x0112, DONE, created=False, kept=None),
    _set("of a UID of other characters", 0x0117, DONE, created=False, uid="1.2.x", kept=NOTHING),
    _set("after COMPLETED", 0x0110, DONE, set_before=DONE, command=NO_LONGER, kept={STATUS: "COMPLETED"}),
    _set("after COMPLETED, without a status", 0x0110, {"StudyID": "7"}, set_before=DONE, command=NO_LONGER),
    _set("after DISCONTINUED", 0x0110, DONE, set_before=BROKEN_OFF, command=NO_LONGER, kept={STATUS: "DISCONTINUED"}),
    _set("COMPLETED without a series", 0x0000, ended("COMPLETED", PerformedSeriesSequence=None),
         kept={STATUS: "COMPLETED"}),
    _set("COMPLETED with an empty series sequence", 0, ended("COMPLETED", PerformedSeriesSequence=[]),
         kept={STATUS: "COMPLETED"}),
    _set("COMPLETED without an end", 0x0000,
         ended("COMPLETED", PerformedProcedureStepEndDate=None, PerformedProcedureStepEndTime=None),
         kept={STATUS: "COMPLETED"}),
    _set("of attributes that an N-SET may not change", 0x0000, {**DONE, "PatientID": "OTHER", "Modality": "CT"},
         kept={STATUS: "COMPLETED", "PatientID": "P-1", "Modality": "DX"}),
    _set("of an attribute that was never created", 0x0000, {**OPEN, **JAW}, kept=JAW),
    _set("with umlauts", 0x0000, {"PerformedProcedureStepDescription": "Schädel, übrig", **UTF_8},
         kept={"PerformedProcedureStepDescription": "Schädel, übrig"}),
    _set("naming another SOP class", 0x0118, DONE, more={"class": OTHER_CLASS}, kept=OPEN),
    _set("on MPPS Retrieve", 0x0211, DONE, more={"class": MPPS_RETRIEVE, "context": MPPS_RETRIEVE}, kept=OPEN),
    Row("N-GET of everything", "get", 0x0000, created=True, kept=OPEN),
    Row("N-GET of attributes that are kept", "get", 0x0000, ["PatientID", STATUS], created=True),
    Row("N-GET of an attribute that is not kept", "get", 0x0001, ["PatientID", "PatientWeight"], created=True),
    Row("N-GET of an unknown UID", "get", 0x0112),
    Row("N-GET on MPPS itself", "get", 0x0211, created=True, more={"class": MPPS}),
    Row("N-ACTION", "action", 0x0211, created=True, kept=OPEN),
    Row("N-DELETE", "delete", 0x0211, created=True, kept=OPEN),
)  # fmt: skip
UNREACHABLE = {
    "N-CREATE from a calling AE that is not allowed: 0124": "unknown devices are refused at the association (RJ 1/1/3)",
    "N-SET in a character set that cannot be converted: 0106": "dcmjs-dimse writes UTF-8 only",
    "any: Message ID in use: 0210": "dcmjs-dimse waits for each response before it asks again",
}


def run(bench: Bench) -> None:
    """Run every row, and what a locked database answers."""
    if bench.dcmjs is None:
        return
    for row in ROWS:
        with bench.results.case(Dcmjs.name, bench.dcmjs.version, GROUP, f"{row.name}: {row.status:04X}"):
            _check(Device(bench, bench.dcmjs), row)
    if not bench.quick:
        with bench.results.case(Dcmjs.name, bench.dcmjs.version, GROUP, "N-CREATE and N-SET while it is busy: 0213"):
            _busy(Device(bench, bench.dcmjs))
    for name, why in UNREACHABLE.items():
        bench.results.add(Result(Dcmjs.name, bench.dcmjs.version, GROUP, name, Outcome.UNREACHABLE, why))


def _check(device: Device, row: Row) -> None:
    uid = str(generate_uid()) if row.uid == "" else row.uid
    if row.created and uid:
        _expect(device.answer("create", uid, performed([unscheduled()])), 0x0000)
    if row.set_before and uid:
        _expect(device.answer("set", uid, row.set_before), 0x0000)
    answer = device.answer(row.operation, uid or "", row.attributes, **row.more)
    _expect(answer, row.status, row.command)
    if row.is_minted:
        uid = answer["command"]["AffectedSOPInstanceUID"]
        assert uid.startswith("2.25."), uid
    if row.kept is None:
        _expect(device.answer("get", uid or ""), 0x0112)
    elif row.kept:
        stored = device.answer("get", uid or "")
        _expect(stored, 0x0000)
        for keyword, value in row.kept.items():
            assert _text(stored["dataset"].get(keyword)) == value, f"{keyword}: {stored['dataset'].get(keyword)}"


def _text(value: Any) -> Any:
    """Return a value; of a person name its alphabetic group."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.get("Alphabetic", value) if isinstance(value, dict) else value


def _expect(answer: dict[str, Any], status: int, command: Mapping[str, object] = NOTHING) -> None:
    assert answer["status"] == status, f"{answer['status']:04X} {answer.get('comment')}, not {status:04X}"
    for keyword, value in command.items():
        assert answer["command"].get(keyword) == value, f"{keyword} is {answer['command'].get(keyword)!r}"


def _busy(device: Device) -> None:
    """Another program holds the database: a lack of resources that will pass, and nothing is kept."""
    known, new = str(generate_uid()), str(generate_uid())
    _expect(device.answer("create", known, performed([unscheduled()])), 0x0000)
    database = sqlite3.connect(device.bench.program.data / "gateway.db", isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        _expect(device.answer("create", new, performed([unscheduled()])), 0x0213)
        _expect(device.answer("set", known, DONE), 0x0213)
    finally:
        database.close()
    _expect(device.answer("get", new), 0x0112)
    _expect(device.answer("set", known, DONE), 0x0000)
