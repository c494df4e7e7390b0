"""What a PMS makes of an order: new, changed, cancelled, ordered again; and the status that follows from its steps."""

from conformance.mpps_device import EQUIPMENT, Device, unscheduled
from conformance.order_rows import row, same


@row("none, new order: SCHEDULED")
def _new(device: Device) -> None:
    order = device.add_order()
    same((order["status"], order["version"], device.step_statuses), ("SCHEDULED", 1, ["SCHEDULED"]))


@row("SCHEDULED, changed order: same, next version")
def _changed(device: Device) -> None:
    device.add_order()
    same(device.change(reason="cough").status_code, 200)
    same((device.status, device.shown()["version"]), ("SCHEDULED", 2))


@row("SCHEDULED, order cancelled: CANCELED")
def _cancelled(device: Device) -> None:
    device.add_order()
    same(device.cancel(), 200)
    same((device.status, device.step_statuses), ("CANCELED", ["CANCELED"]))
    device.told("order.canceled")


@row("SCHEDULED, step left out of a changed order: CANCELED")
def _left_out(device: Device) -> None:
    device.add_order(2)
    (procedure,) = device.shown()["procedures"]
    same(device.change(procedures=[{**procedure, "steps": procedure["steps"][:1]}]).status_code, 200)
    same((device.status, device.step_statuses), ("SCHEDULED", ["SCHEDULED", "CANCELED"]))


@row("STARTED, cancelled: stays, the PMS is told")
def _cancel_started(device: Device) -> None:
    device.add_order()
    device.begin()
    same((device.cancel(), device.status), (409, "STARTED"))
    device.told("order.cancel_refused")


@row("COMPLETED or DISCONTINUED, cancelled: stays")
def _cancel_ended(device: Device) -> None:
    for status in ("COMPLETED", "DISCONTINUED"):
        device.add_order()
        device.end(device.begin(), status)
        same((device.cancel(), device.status), (409, status))


@row("STARTED, changed order: stays, next version")
def _change_started(device: Device) -> None:
    device.add_order()
    device.begin()
    before = device.shown()["version"]
    same(device.change(reason="cough").status_code, 200)
    same((device.status, device.shown()["version"] > before), ("STARTED", True))


@row("STARTED, changed order for another patient: refused")
def _change_patient(device: Device) -> None:
    device.add_order()
    device.begin()
    same(device.change(patient={"id": "P-9", "name": "Doe^Max"}).status_code, 409)
    same(device.shown()["patient"]["id"], "P-1")


@row("STARTED, step left out of a changed order: refused")
def _leave_out_started(device: Device) -> None:
    device.add_order(2)
    device.begin(1)
    (procedure,) = device.shown()["procedures"]
    same(device.change(procedures=[{**procedure, "steps": procedure["steps"][:1]}]).status_code, 409)
    same(device.step_statuses, ["SCHEDULED", "STARTED"])


@row("CANCELED, the same order once more (a late retry): stays")
def _retried(device: Device) -> None:
    device.add_order()
    before = device.shown()
    device.cancel()
    steps = [{**step, "status": None} for step in before["procedures"][0]["steps"]]
    answer = device.change(procedures=[{**before["procedures"][0], "steps": steps}])
    same((answer.status_code, device.status, device.shown()["version"]), (200, "CANCELED", 2))


@row("CANCELED, the same number ordered again with a change: SCHEDULED, next version")
def _reordered(device: Device) -> None:
    device.add_order()
    before = device.shown()
    device.cancel()
    steps = [{**step, "status": None, "description": "once more"} for step in before["procedures"][0]["steps"]]
    answer = device.change(procedures=[{**before["procedures"][0], "steps": steps}])
    same((answer.status_code, device.status, device.shown()["version"]), (200, "SCHEDULED", 3))


@row("CANCELED, cancelled again: stays")
def _cancelled_twice(device: Device) -> None:
    device.add_order()
    same((device.cancel(), device.cancel(), device.status), (200, 200, "CANCELED"))


@row("none, N-CREATE without an order: success, kept")
def _walk_in(device: Device) -> None:
    device.add_order()  # not the one that is meant
    uid = device.begin(ScheduledStepAttributesSequence=[unscheduled()])
    same(device.answer("get", uid)["dataset"]["PerformedProcedureStepStatus"], "IN PROGRESS")
    same(device.status, "SCHEDULED")


@row("none, image without an order: success, kept")
def _lone_image(device: Device) -> None:
    device.bench.stored(device.send_image(study=unscheduled()["StudyInstanceUID"]))


@row("none, image first and then its order: STARTED")
def _image_first(device: Device) -> None:
    study = unscheduled()["StudyInstanceUID"]
    device.send_image(study=study)
    step = {"modality": "DX", "start": "2027-03-01T10:15:00", "expected_instances": 9}
    procedure = {"study_instance_uid": study, "steps": [step]}
    patient = {"id": "P-1", "name": "Doe^Rex"}
    number = f"FIRST-{study}"
    document = {"source": "mpps", "placer_order_number": number, "patient": patient, "procedures": [procedure]}
    device.order = device.bench.add_order(document)
    same(device.status, "STARTED")


@row("order: a step COMPLETED beside an open one: STARTED")
def _partly(device: Device) -> None:
    device.add_order(2)
    device.end(device.begin(0), "COMPLETED")
    same((device.status, device.step_statuses), ("STARTED", ["COMPLETED", "SCHEDULED"]))


@row("order: COMPLETED and DISCONTINUED: COMPLETED")
def _mixed(device: Device) -> None:
    device.add_order(2)
    device.end(device.begin(0), "COMPLETED")
    device.end(device.begin(1), "DISCONTINUED", reason=EQUIPMENT)
    same(device.status, "COMPLETED")


@row("order: DISCONTINUED and CANCELED: DISCONTINUED")
def _none_completed(device: Device) -> None:
    device.add_order(2)
    device.end(device.begin(0), "DISCONTINUED", reason=EQUIPMENT)
    (procedure,) = device.shown()["procedures"]
    same(device.change(procedures=[{**procedure, "steps": procedure["steps"][:1]}]).status_code, 200)
    same((device.status, device.step_statuses), ("DISCONTINUED", ["DISCONTINUED", "CANCELED"]))


@row("order: new, all its steps CANCELED: CANCELED")
def _born_cancelled(device: Device) -> None:
    step = {"modality": "DX", "start": "2027-03-01T10:15:00", "status": "CANCELED"}
    patient = {"id": "P-1", "name": "Doe^Rex"}
    procedures = [{"steps": [step]}]
    document = {"source": "mpps", "placer_order_number": "BORN-1", "patient": patient, "procedures": procedures}
    device.order = device.bench.add_order(document)
    same((device.status, device.step_statuses), ("CANCELED", ["CANCELED"]))
