"""What devices make of an order: N-CREATE, N-SET and images, from each status (the rows of core/status.py)."""

from conformance.mpps_device import EQUIPMENT, WRONG_ENTRY, Device, performed, unscheduled
from conformance.order_rows import row, same


@row("SCHEDULED, N-CREATE: STARTED")
def _started(device: Device) -> None:
    device.add_order()
    device.begin()
    same((device.status, device.step_statuses), ("STARTED", ["STARTED"]))
    device.told("order.started")


@row("SCHEDULED, first image without MPPS: STARTED")
def _started_by_image(device: Device) -> None:
    device.add_order(expected=9)
    device.send_image()
    same(device.status, "STARTED")


@row("SCHEDULED, N-CREATE by accession number alone: STARTED")
def _by_accession(device: Device) -> None:
    device.add_order()
    reference = {**unscheduled(), "AccessionNumber": device.order["accession_number"]}
    device.begin(ScheduledStepAttributesSequence=[reference])
    same(device.status, "STARTED")


@row("SCHEDULED, N-CREATE with an empty patient id: STARTED")
def _empty_patient(device: Device) -> None:
    device.add_order()
    device.begin(PatientID="")
    same(device.status, "STARTED")


@row("SCHEDULED, N-CREATE for another patient: stays, success to the device")
def _other_patient(device: Device) -> None:
    device.add_order()
    device.begin(PatientID="P-2")
    same(device.status, "SCHEDULED")


@row("SCHEDULED, image of another patient: stays, the image is kept")
def _other_image(device: Device) -> None:
    device.add_order()
    uid = device.send_image(patient_id="P-2")
    same(device.status, "SCHEDULED")
    device.bench.stored(uid)


@row("STARTED, N-SET without a status: stays")
def _intermediate(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    same(device.answer("set", uid, {"PerformedProcedureStepDescription": "one view done"})["status"], 0)
    same(device.status, "STARTED")


@row("STARTED, MPPS COMPLETED: COMPLETED")
def _completed(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "COMPLETED")
    same((device.status, device.step_statuses), ("COMPLETED", ["COMPLETED"]))
    device.told("order.completed")


@row("STARTED, MPPS COMPLETED while another is open: stays, then COMPLETED")
def _two_performed(device: Device) -> None:
    device.add_order()
    first, second = device.begin(), device.begin()
    device.end(first, "COMPLETED")
    same(device.status, "STARTED")
    device.end(second, "COMPLETED")
    same(device.status, "COMPLETED")


@row("STARTED, last MPPS DISCONTINUED while another is COMPLETED: COMPLETED")
def _one_of_two(device: Device) -> None:
    device.add_order()
    first, second = device.begin(), device.begin()
    device.end(first, "COMPLETED")
    device.end(second, "DISCONTINUED", reason=EQUIPMENT)
    same(device.status, "COMPLETED")


@row("STARTED, no MPPS and quiet, all expected images here: COMPLETED")
def _inferred(device: Device) -> None:
    device.add_order(expected=1)
    device.send_image()
    device.becomes("COMPLETED")
    same(device.told("study.received")["evidence"], "count+quiet")


@row("STARTED, quiet and fewer images than expected: stays, the PMS is told")
def _incomplete(device: Device) -> None:
    device.add_order(expected=2)
    device.send_image()
    event = device.told("order.incomplete")
    same((event["study"]["expected"], event["study"]["received"], device.status), (2, 1, "STARTED"))


@row("STARTED, MPPS DISCONTINUED for the wrong worklist entry: SCHEDULED, images wait to be matched")
def _wrong_entry(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    image = device.send_image()
    device.end(uid, "DISCONTINUED", (image,), WRONG_ENTRY)
    same((device.status, device.step_statuses), ("SCHEDULED", ["SCHEDULED"]))
    same(device.bench.api("GET", f"/studies/{device.study}").json()["order_id"], None)
    device.bench.stored(image)


@row("STARTED, MPPS DISCONTINUED for another reason: DISCONTINUED")
def _discontinued(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "DISCONTINUED", reason=EQUIPMENT)
    same((device.status, device.step_statuses), ("DISCONTINUED", ["DISCONTINUED"]))
    device.told("order.discontinued")


@row("COMPLETED, late image: stays, the PMS gets an update marked late")
def _late(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    image = device.send_image()
    device.end(uid, "COMPLETED", (image,))
    device.told("study.received")
    late = device.send_image()
    event = device.told("study.updated")
    same((event["late"], [one["sop_instance_uid"] for one in event["instances"]]), (True, [late]))
    same(device.status, "COMPLETED")


@row("COMPLETED, N-CREATE: stays")
def _additional(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "COMPLETED")
    second = device.begin()
    same(device.status, "COMPLETED")
    device.end(second, "DISCONTINUED", reason=EQUIPMENT)
    same(device.status, "COMPLETED")


@row("DISCONTINUED, N-CREATE: STARTED (a repeat)")
def _repeat(device: Device) -> None:
    device.add_order()
    device.end(device.begin(), "DISCONTINUED", reason=EQUIPMENT)
    device.begin()
    same(device.status, "STARTED")


@row("CANCELED, N-CREATE: stays, success to the device")
def _create_cancelled(device: Device) -> None:
    device.add_order()
    device.cancel()
    device.begin()
    same(device.status, "CANCELED")


@row("CANCELED, image: stays, the image is kept")
def _image_cancelled(device: Device) -> None:
    device.add_order()
    device.cancel()
    device.bench.stored(device.send_image())
    same(device.status, "CANCELED")


@row("one MPPS for two steps: both move")
def _two_steps(device: Device) -> None:
    device.add_order(2)
    uid = device.begin(0, 1)
    same(device.step_statuses, ["STARTED", "STARTED"])
    device.end(uid, "COMPLETED")
    same((device.status, device.step_statuses), ("COMPLETED", ["COMPLETED", "COMPLETED"]))


@row("one MPPS for steps of two procedures: both move")
def _two_procedures(device: Device) -> None:
    device.add_order(1, 1)
    device.end(device.begin(0, 1), "COMPLETED")
    same((device.status, device.step_statuses), ("COMPLETED", ["COMPLETED", "COMPLETED"]))


@row("a second N-CREATE of the same UID resets nothing")
def _second_create(device: Device) -> None:
    device.add_order()
    uid = device.begin()
    device.end(uid, "COMPLETED")
    same(device.answer("create", uid, performed(device.references()))["status"], 0x0111)
    same((device.status, device.answer("get", uid)["dataset"]["PerformedProcedureStepStatus"]), ("COMPLETED",) * 2)
