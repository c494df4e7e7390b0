"""The day: ONE table of scenes, each with what must come of it.

Every expectation is about what the outside sees: answers to devices, the API, and the events that each PMS received.
"""

from collections.abc import Sequence
from datetime import datetime

from pydicom import Dataset

from dicom_gateway.demo.day import Day, Scene
from dicom_gateway.demo.expecting import expect, wait_for
from dicom_gateway.demo.hl7_scenes import hl7_cancelled, hl7_orders, hl7_results
from dicom_gateway.demo.objects import new_uid
from dicom_gateway.demo.practice import ANN, BELLA, BEN, DENTAL, FRONT_DESK, HL7, LUNA, MIA, REX, VET, VISITS, Visit
from dicom_gateway.demo.receiver import Event, study_of


def _orders(day: Day) -> str:
    start = datetime.now().replace(microsecond=0)
    for visit in VISITS:
        made = day.program.call("POST", "/orders", visit.order(start), 201)
        day.orders[visit.number] = made
        day.timeline.say(
            visit.source, f"orders {visit.number}: {visit.description} for {_spoken(visit)}, {visit.station}"
        )
    accessions = {order["accession_number"] for order in day.orders.values()}
    expect(len(accessions) == len(VISITS) and all(accessions), "an accession number for each order")
    again = day.program.call("POST", "/orders", REX.order(start), 200)
    expect(again["id"] == day.orders[REX.number]["id"], "the same order when it is sent again")
    return f"{len(VISITS)} orders from two systems, one sent twice and still one"


def _thorax(day: Day) -> str:
    return _ordinary(day, REX, ("LL", "VD"))


def _bitewings(day: Day) -> str:
    return _ordinary(day, ANN)


def _ordinary(day: Day, visit: Visit, views: Sequence[str] = ()) -> str:
    shots = day.examine(visit, 2, views)
    event = day.await_study(visit.source, day.study(visit), "study.received")
    _expect_in_order(day, visit)
    expect(event["evidence"] == "mpps+images", f"evidence mpps+images, not {event['evidence']}")
    day.save_thumbnails(event, shots)
    expect(day.shown(visit)["status"] == "COMPLETED", "the order COMPLETED")
    return "worklist, MPPS, images, and the PMS has it with two thumbnails"


def _expect_in_order(day: Day, visit: Visit) -> None:
    kinds = [event["type"] for event in day.told(visit)]
    expect(
        kinds == ["order.started", "order.completed", "study.received"], f"started, completed, received; not {kinds}"
    )


def _late(day: Day) -> str:
    device = day.devices[REX.station]
    series = next((shot.image.series_instance_uid for shot in day.shots if shot.study_uid == day.study(REX)), "")
    item = Dataset()
    item.PatientName, item.PatientID, item.StudyInstanceUID = REX.name, REX.patient_id, day.study(REX)
    item.AccessionNumber = day.orders[REX.number]["accession_number"]
    late = day.send(device, item, 1, series_uid=series, views=("LL",), first=3)
    event = day.await_study(VET, day.study(REX), "study.updated")
    expect(event["late"] is True, "late: true")
    day.save_thumbnails(event, late)
    return "study.updated, with the late image only"


def _quiet(day: Day) -> str:
    device = day.devices[MIA.station]
    shots = day.send(device, device.pick(MIA.patient_id), 2)
    event = day.await_study(VET, day.study(MIA), "study.received")
    expect(event["evidence"] == "quiet", f"evidence quiet, not {event['evidence']}")
    day.save_thumbnails(event, shots)
    expect(day.shown(MIA)["status"] == "COMPLETED", "the order COMPLETED")
    return "complete without MPPS, because no more images came"


def _cancelled(day: Day) -> str:
    device = day.devices[BELLA.station]
    device.pick(BELLA.patient_id)
    day.timeline.say(VET, f"cancels {BELLA.number}")
    day.program.call("POST", f"/orders/{day.orders[BELLA.number]['id']}/cancel")
    day.receiver.wait("order.canceled", lambda: [e for e in day.told(BELLA) if e["type"] == "order.canceled"])
    left = {item.PatientID for item in device.worklist()}
    expect(left == {LUNA.patient_id}, f"only {LUNA.patient_id} left on the worklist of {device.ae_title}")
    day.timeline.say(VET, f"tries to cancel {REX.number}, which is done")
    day.program.call("POST", f"/orders/{day.orders[REX.number]['id']}/cancel", status=409)
    day.receiver.wait("order.cancel_refused", lambda: [e for e in day.told(REX) if e["type"] == "order.cancel_refused"])
    return "gone from the worklist; what is done cannot be cancelled (409)"


def _walk_in(day: Day) -> str:
    device = day.devices[BEN.station]
    item = Dataset()
    item.StudyInstanceUID, item.PatientName, item.PatientID = new_uid(), "Walker^Will", "NEW-1"
    step = device.start(item)
    device.end(step, day.send(device, item, 1))
    event = day.await_study(FRONT_DESK, item.StudyInstanceUID, "study.unmatched")
    _expect_kept_back(day, event, item.StudyInstanceUID)
    return "kept, and the front desk knows; nothing went to a PMS"


def _wrong_patient(day: Day) -> str:
    device = day.devices[LUNA.station]
    item = device.pick(LUNA.patient_id)
    item.PatientID, item.PatientName = REX.patient_id, REX.name
    day.timeline.say(device.ae_title, f"takes the line of {_spoken(LUNA)}, but has {_spoken(REX)} in the machine")
    day.send(device, item, 1)
    event = day.await_study(FRONT_DESK, day.study(LUNA), "study.unmatched")
    _expect_kept_back(day, event, day.study(LUNA))
    alarms = [a for a in day.program.call("GET", "/alarms")["items"] if day.study(LUNA) in a["subject"]]
    expect(len(alarms) == 1, "one alarm for the study")
    day.timeline.say("gateway", f"alarm: {alarms[0]['kind']}")
    expect(day.shown(LUNA)["status"] == "SCHEDULED", f"{LUNA.number} still SCHEDULED")
    return f"kept, not delivered, an alarm; {LUNA.number} is still to be done"


def _expect_kept_back(day: Day, event: Event, study: str) -> None:
    expect(event["order"] is None and event["instances"] == [], "an event without order and without images")
    told = [system for system in (VET, DENTAL) for e in day.receiver.events[system] if study_of(e) == study]
    expect(not told, f"nothing at {' and '.join(told)}")
    day.expect_stored(day.shots[-1])


def _away(day: Day) -> str:
    day.receiver.away.add(DENTAL)
    day.timeline.say(DENTAL, "is away: every webhook is answered with 503")
    day.examine(BEN, 1)
    day.receiver.wait("a try while it is away", lambda: day.receiver.turned_away[DENTAL])
    expect(day.told(BEN) == [], "nothing at a PMS that is away")
    expect(day.shown(BEN)["status"] == "COMPLETED", "the order COMPLETED all the same")
    return "the order is completed; its events wait"


def _back(day: Day) -> str:
    expect(day.told(BEN) == [], "nothing at a PMS that is away")
    day.receiver.away.discard(DENTAL)
    day.timeline.say(DENTAL, "is back")
    event = day.await_study(DENTAL, day.study(BEN), "study.received")
    _expect_in_order(day, BEN)
    day.save_thumbnails(event, [shot for shot in day.shots if shot.study_uid == day.study(BEN)])
    return "it got everything, in order"


def _evening(day: Day) -> str:
    expect(day.receiver.refused == 0, "no event with a wrong signature")
    for system in (VET, DENTAL):
        expect(
            {e["source"] for e in day.receiver.events[system]} == {system}, f"only its own orders' events at {system}"
        )
    for shot in day.shots:
        day.expect_stored(shot)
    wait_for(lambda: not day.program.call("GET", "/deliveries?status=pending")["items"], "nothing left to deliver")
    parked = day.program.call("GET", "/deliveries?status=parked")["items"]
    expect(not parked, "nothing parked")
    told = sum(len(day.receiver.events[system]) for system in (VET, DENTAL))
    unmatched = [event for event in day.receiver.events[FRONT_DESK] if event["order"] is None]
    heard = [event for event in day.receiver.events[FRONT_DESK] if event["source"] != HL7]
    expect(len(heard) == told + len(unmatched) == told + 2, "every event at the front desk")
    return f"all {len(day.shots)} images are kept byte for byte, every event is delivered and was signed"


def _spoken(visit: Visit) -> str:
    family, _, given = visit.name.partition("^")
    return f"{given} {family}"


SCENES: tuple[Scene, ...] = (
    ("Morning: two practices order by the API", _orders),
    ("A dog's thorax", _thorax),
    ("One more view of the dog, after the end", _late),
    ("Bitewings", _bitewings),
    ("An ultrasound device that knows no MPPS", _quiet),
    ("An order is cancelled", _cancelled),
    ("The dental PMS is away for a while", _away),
    ("A walk-in whom nobody ordered", _walk_in),
    ("The wrong patient", _wrong_patient),
    ("The dental PMS is back", _back),
    ("A system that speaks HL7 only orders", hl7_orders),
    ("A cat's thorax, told by HL7", hl7_results),
    ("An order by HL7 is cancelled", hl7_cancelled),
    ("Evening: is everything where it belongs?", _evening),
)
