"""What performed steps, images and a PMS make of an order: every row of the state table, over the wire.

core/status.py holds the table; here each row is brought about by a real N-CREATE, N-SET or C-STORE of dcmjs-dimse and
by the API, and read from the API and from the events that a PMS receives.
"""

from collections.abc import Callable

from conformance.bench import Bench
from conformance.mpps_device import EQUIPMENT, WRONG_ENTRY, Device, performed, unscheduled
from conformance.peers import Dcmjs
from conformance.results import Outcome, Result

GROUP = "orders and performed steps"
Row = Callable[[Device], None]
ROWS: dict[str, Row] = {}
NO_ARRIVAL = "no interface of this version reports that a patient has arrived, is ready or has left"
UNREACHABLE = {
    "SCHEDULED, patient checked in: ARRIVED": NO_ARRIVAL,
    "ARRIVED, PMS says ready: READY": NO_ARRIVAL,
    "ARRIVED or READY, order changed: same": NO_ARRIVAL,
    "ARRIVED or READY, order cancelled: CANCELED": NO_ARRIVAL,
    "ARRIVED or READY, N-CREATE: STARTED": NO_ARRIVAL,
    "STARTED, PMS says departed: DEPARTED": NO_ARRIVAL,
    "DEPARTED, cancelled: stays": NO_ARRIVAL,
    "SCHEDULED, discontinued by the PMS: DISCONTINUED": "no interface of this version discontinues an order that has not "
    "begun; cancelling is what there is",
}


def run(bench: Bench) -> None:
    """Run every row."""
    if bench.dcmjs is None:
        return
    for name, row in ROWS.items():
        with bench.results.case(Dcmjs.name, bench.dcmjs.version, GROUP, name):
            row(Device(bench, bench.dcmjs))
    for name, why in UNREACHABLE.items():
        bench.results.add(Result(Dcmjs.name, bench.dcmjs.version, GROUP, name, Outcome.UNREACHABLE, why))


def _row(name: str) -> Callable[[Row], Row]:
    def keep(row: Row) -> Row:
        ROWS[name] = row
        return row

    return keep


def _is(found: object, expected: object) -> None:
    assert found == expected, f"{found!r}, not {expected!r}"


@_row("none, new order: SCHEDULED")
def _new(device: Device) -> None:
    order = device.add_order()
    _is((order["status"], order["version"], device.step_statuses), ("SCHEDULED", 1, ["SCHEDULED"]))


@_row("SCHEDULED, changed order: same, next version")
def _changed(device: Device) -> None:
    device.add_order()
    _is(device.change(reason="cough").status_code, 200)
    _is((device.status, device.shown()["version"]), ("SCHEDULED", 2))


@_row("SCHEDULED, order cancelled: CANCELED")
def _cancelled(device: Device) -> None:
    device.add_order()
    _is(device.cancel(), 200)
    _is((device.status, device.step_statuses), ("CANCELED", ["CANCELED"]))
    device.told("order.canceled")


@_row("SCHEDULED, step left out of a changed order: CANCELED")
def _left_out(device: Device) -> None:
    device.add_order(2)
    (procedure,) = device.shown()["procedures"]
    _is(device.change(procedures=[{**procedure, "steps": procedure["steps"][:1]}]).status_code, 200)
    _is((device.status, device.step_statuses), ("SCHEDULED", ["SCHEDULED", "CANCELED"]))


@_row("SCHEDULED, N-CREATE: STARTED")
def _started(device: Device) -> None:
    device.add_order()
    device.begin()
    _is((device.status, device.step_statuses), ("STARTED", ["STARTED"]))
    device.told("order.started")


@_row("SCHEDULED, first image without MPPS: STARTED")
def _started_by_image(device: Device) -> None:
    device.add_order(expected=9)
    device.send_image()
    _is(device.status, "STARTED")


@_row("SCHEDULED, N-CREATE by accession number alone: STARTED")
def _by_accession(device: Device) -> None:
    device.add_order()
    reference = {**unscheduled(), "AccessionNumber": device.order["accession_number"]}
    device.begin(ScheduledStepAttributesSequence=[reference])
    _is(device.status, "STARTED")


@_row("SCHEDULED, N-CREATE with an empty patient id: STARTED")
def _empty_patient(device: Device) -> None:
    device.add_order()
    device.begin(PatientID="")
    _is(device.status, "STARTED")


@_row("SCHEDULED, N-CREATE for another patient: stays, success to the device")
def _other_patient(device: Device) -> None:
    device.add_order()
    device.begin(PatientID="P-2")
    _is(device.status, "SCHEDULED")


@_row("SCHEDULED, image of another patient: stays, the image is kept")
def _other_image(device: Device) -> None:
    device.add_order()
    uid = device.send_image(patient_id="P-2")
    _is(device.status, "SCHEDULED")
    device.bench.stored(uid)


@_row("STARTED, N-SET without a status: stays")
def _intermediate(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    _is(device.answer("set", uid, {"PerformedProcedureStepDescription": "one view done"})["status"], 0)
    _is(device.status, "STARTED")


@_row("STARTED, MPPS COMPLETED: COMPLETED")
def _completed(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "COMPLETED")
    _is((device.status, device.step_statuses), ("COMPLETED", ["COMPLETED"]))
    device.told("order.completed")


@_row("STARTED, MPPS COMPLETED while another is open: stays, then COMPLETED")
def _two_performed(device: Device) -> None:
    device.add_order()
    first, second = device.begin(), device.begin()
    device.end(first, "COMPLETED")
    _is(device.status, "STARTED")
    device.end(second, "COMPLETED")
    _is(device.status, "COMPLETED")


@_row("STARTED, last MPPS DISCONTINUED while another is COMPLETED: COMPLETED")
def _one_of_two(device: Device) -> None:
    device.add_order()
    first, second = device.begin(), device.begin()
    device.end(first, "COMPLETED")
    device.end(second, "DISCONTINUED", reason=EQUIPMENT)
    _is(device.status, "COMPLETED")


@_row("STARTED, no MPPS and quiet, all expected images here: COMPLETED")
def _inferred(device: Device) -> None:
    device.add_order(expected=1)
    device.send_image()
    device.becomes("COMPLETED")
    _is(device.told("study.received")["evidence"], "count+quiet")


@_row("STARTED, quiet and fewer images than expected: stays, the PMS is told")
def _incomplete(device: Device) -> None:
    device.add_order(expected=2)
    device.send_image()
    event = device.told("order.incomplete")
    _is((event["study"]["expected"], event["study"]["received"], device.status), (2, 1, "STARTED"))


@_row("STARTED, MPPS DISCONTINUED for the wrong worklist entry: SCHEDULED, images wait to be matched")
def _wrong_entry(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    image = device.send_image()
    device.end(uid, "DISCONTINUED", (image,), WRONG_ENTRY)
    _is((device.status, device.step_statuses), ("SCHEDULED", ["SCHEDULED"]))
    _is(device.bench.api("GET", f"/studies/{device.study}").json()["order_id"], None)
    device.bench.stored(image)


@_row("STARTED, MPPS DISCONTINUED for another reason: DISCONTINUED")
def _discontinued(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "DISCONTINUED", reason=EQUIPMENT)
    _is((device.status, device.step_statuses), ("DISCONTINUED", ["DISCONTINUED"]))
    device.told("order.discontinued")


@_row("STARTED, cancelled: stays, the PMS is told")
def _cancel_started(device: Device) -> None:
    device.add_order()
    device.begin()
    _is((device.cancel(), device.status), (409, "STARTED"))
    device.told("order.cancel_refused")


@_row("COMPLETED or DISCONTINUED, cancelled: stays")
def _cancel_ended(device: Device) -> None:
    for status in ("COMPLETED", "DISCONTINUED"):
        device.add_order()
        device.end(device.begin(), status)
        _is((device.cancel(), device.status), (409, status))


@_row("STARTED, changed order: stays, next version")
def _change_started(device: Device) -> None:
    device.add_order()
    device.begin()
    before = device.shown()["version"]
    _is(device.change(reason="cough").status_code, 200)
    _is((device.status, device.shown()["version"] > before), ("STARTED", True))


@_row("STARTED, changed order for another patient: refused")
def _change_patient(device: Device) -> None:
    device.add_order()
    device.begin()
    _is(device.change(patient={"id": "P-9", "name": "Doe^Max"}).status_code, 409)
    _is(device.shown()["patient"]["id"], "P-1")


@_row("STARTED, step left out of a changed order: refused")
def _leave_out_started(device: Device) -> None:
    device.add_order(2)
    device.begin(1)
    (procedure,) = device.shown()["procedures"]
    _is(device.change(procedures=[{**procedure, "steps": procedure["steps"][:1]}]).status_code, 409)
    _is(device.step_statuses, ["SCHEDULED", "STARTED"])


@_row("COMPLETED, late image: stays, the PMS gets an update marked late")
def _late(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    image = device.send_image()
    device.end(uid, "COMPLETED", (image,))
    device.told("study.received")
    late = device.send_image()
    event = device.told("study.updated")
    _is((event["late"], [one["sop_instance_uid"] for one in event["instances"]]), (True, [late]))
    _is(device.status, "COMPLETED")


@_row("COMPLETED, N-CREATE: stays")
def _additional(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "COMPLETED")
    second = device.begin()
    _is(device.status, "COMPLETED")
    device.end(second, "DISCONTINUED", reason=EQUIPMENT)
    _is(device.status, "COMPLETED")


@_row("DISCONTINUED, N-CREATE: STARTED (a repeat)")
def _repeat(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "DISCONTINUED", reason=EQUIPMENT)
    device.begin()
    _is(device.status, "STARTED")


@_row("CANCELED, N-CREATE: stays, success to the device")
def _create_cancelled(device: Device) -> None:
    device.add_order()
    device.cancel()
    device.begin()
    _is(device.status, "CANCELED")


@_row("CANCELED, image: stays, the image is kept")
def _image_cancelled(device: Device) -> None:
    device.add_order()
    device.cancel()
    device.bench.stored(device.send_image())
    _is(device.status, "CANCELED")


@_row("CANCELED, the same number ordered again: SCHEDULED, next version")
def _reordered(device: Device) -> None:
    device.add_order()
    before = device.shown()
    device.cancel()
    steps = [{**step, "status": None} for step in before["procedures"][0]["steps"]]
    answer = device.change(procedures=[{**before["procedures"][0], "steps": steps}])
    _is((answer.status_code, device.status, device.shown()["version"]), (200, "SCHEDULED", 3))


@_row("CANCELED, cancelled again: stays")
def _cancelled_twice(device: Device) -> None:
    device.add_order()
    _is((device.cancel(), device.cancel(), device.status), (200, 200, "CANCELED"))


@_row("none, N-CREATE without an order: success, kept")
def _walk_in(device: Device) -> None:
    device.add_order()  # not the one that is meant
    uid = device.begin(ScheduledStepAttributesSequence=[unscheduled()])
    _is(device.answer("get", uid)["dataset"]["PerformedProcedureStepStatus"], "IN PROGRESS")
    _is(device.status, "SCHEDULED")


@_row("none, image without an order: success, kept")
def _lone_image(device: Device) -> None:
    device.bench.stored(device.send_image(study=unscheduled()["StudyInstanceUID"]))


@_row("none, image first and then its order: STARTED")
def _image_first(device: Device) -> None:
    study = unscheduled()["StudyInstanceUID"]
    device.send_image(study=study)
    step = {"modality": "DX", "start": "2027-03-01T10:15:00", "expected_instances": 9}
    procedure = {"study_instance_uid": study, "steps": [step]}
    patient = {"id": "P-1", "name": "Doe^Rex"}
    number = f"FIRST-{study}"
    document = {"source": "mpps", "placer_order_number": number, "patient": patient, "procedures": [procedure]}
    device.order = device.bench.add_order(document)
    _is(device.status, "STARTED")


@_row("one MPPS for two steps: both move")
def _two_steps(device: Device) -> None:
    device.add_order(2)
    uid = device.begin(0, 1)
    _is(device.step_statuses, ["STARTED", "STARTED"])
    device.end(uid, "COMPLETED")
    _is((device.status, device.step_statuses), ("COMPLETED", ["COMPLETED", "COMPLETED"]))


@_row("one MPPS for steps of two procedures: both move")
def _two_procedures(device: Device) -> None:
    device.add_order(1, 1)
    device.end(device.begin(0, 1), "COMPLETED")
    _is((device.status, device.step_statuses), ("COMPLETED", ["COMPLETED", "COMPLETED"]))


@_row("order: a step COMPLETED beside an open one: STARTED")
def _partly(device: Device) -> None:
    device.add_order(2)
    device.end(device.begin(0), "COMPLETED")
    _is((device.status, device.step_statuses), ("STARTED", ["COMPLETED", "SCHEDULED"]))


@_row("order: COMPLETED and DISCONTINUED: COMPLETED")
def _mixed(device: Device) -> None:
    device.add_order(2)
    device.end(device.begin(0), "COMPLETED")
    device.end(device.begin(1), "DISCONTINUED", reason=EQUIPMENT)
    _is(device.status, "COMPLETED")


@_row("order: DISCONTINUED and CANCELED: DISCONTINUED")
def _none_completed(device: Device) -> None:
    device.add_order(2)
    device.end(device.begin(0), "DISCONTINUED", reason=EQUIPMENT)
    (procedure,) = device.shown()["procedures"]
    _is(device.change(procedures=[{**procedure, "steps": procedure["steps"][:1]}]).status_code, 200)
    _is((device.status, device.step_statuses), ("DISCONTINUED", ["DISCONTINUED", "CANCELED"]))


@_row("order: new, all its steps CANCELED: CANCELED")
def _born_cancelled(device: Device) -> None:
    step = {"modality": "DX", "start": "2027-03-01T10:15:00", "status": "CANCELED"}
    patient = {"id": "P-1", "name": "Doe^Rex"}
    procedures = [{"steps": [step]}]
    document = {"source": "mpps", "placer_order_number": "BORN-1", "patient": patient, "procedures": procedures}
    device.order = device.bench.add_order(document)
    _is((device.status, device.step_statuses), ("CANCELED", ["CANCELED"]))


@_row("a second N-CREATE of the same UID resets nothing")
def _second_create(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    device.end(uid, "COMPLETED")
    _is(device.answer("create", uid, performed(device.references()))["status"], 0x0111)
    _is((device.status, device.answer("get", uid)["dataset"]["PerformedProcedureStepStatus"]), ("COMPLETED",) * 2)
