"""The scenes of the practice system that speaks nothing but HL7: what it sends, and what it must be told."""

import base64
import io
from dataclasses import replace
from datetime import datetime

from PIL import Image

from dicom_gateway.demo.day import Day
from dicom_gateway.demo.device import name_of
from dicom_gateway.demo.expecting import expect
from dicom_gateway.demo.pims import observations, value
from dicom_gateway.demo.practice import OLLI, PIA, Visit


def hl7_orders(day: Day) -> str:
    """Order by OMI^O23, correct a name by ADT^A08, and send the same again."""
    start = datetime.now().replace(microsecond=0)
    for visit in (PIA, OLLI):
        day.timeline.say(visit.source, f"orders {visit.number} by OMI^O23: {visit.description}, {visit.station}")
        reply = day.pims.order(visit, start)
        expect(reply.code == "AA", f"{visit.number} answered AA, not {reply.detail}")
    corrected = replace(PIA, name="Groß^Pia")
    day.timeline.say(PIA.source, f"corrects the name of {PIA.patient_id} by ADT^A08")
    reply = day.pims.correct(corrected)
    expect(reply.code == "AA", f"the correction answered AA, not {reply.detail}")
    items = {str(item.PatientID): name_of(item) for item in day.devices[PIA.station].worklist()}
    expect(items == {PIA.patient_id: "Pia Groß", OLLI.patient_id: "Olli Kern"}, f"both on the worklist, not {items}")
    return "two orders on the worklist, one under its corrected name"


def hl7_results(day: Day) -> str:
    """Examine an animal; everything about it comes by HL7."""
    shots = day.examine(PIA, 2)
    result = day.pims.wait("ORU^R01", lambda one: value(one, "MSH", 8).startswith("ORU"))
    told = day.pims.told(PIA.number)
    expect(told == ["OMI IP", "OMI CM", "ORU CM"], f"started, completed, received; not {told}")
    found = observations(result)
    expect(found.get("113014") == shots[0].study_uid, "the study that the device made")
    expect(found.get("IMAGES_RECEIVED") == "2", "two images")
    expect(value(result, "PID", 3) == f"{PIA.patient_id}^^^{PIA.source.upper()}", "the patient's id as it was sent")
    with Image.open(io.BytesIO(base64.b64decode(found.get("THUMBNAIL", "").split("^")[-1]))) as picture:
        expect(max(picture.size) == 256 and picture.format == "JPEG", "a JPEG of 256 pixels")
    return "started, completed, and the study with its images, each by HL7 with the order's own number"


def hl7_cancelled(day: Day) -> str:
    """Cancel by ORC-1 CA; try to cancel what is done."""
    start = datetime.now().replace(microsecond=0)
    day.timeline.say(OLLI.source, f"cancels {OLLI.number} (ORC-1 CA)")
    expect(day.pims.order(OLLI, start, "CA", "CA").code == "AA", f"{OLLI.number} cancelled")
    _await_status(day, OLLI, "CA")
    expect(not day.devices[OLLI.station].worklist(), "nothing left on the worklist")
    day.timeline.say(PIA.source, f"tries to cancel {PIA.number}, which is done")
    reply = day.pims.order(PIA, start, "CA", "CA")
    expect(reply.code == "AE", f"answered AE, not {reply.detail}")
    return f"gone from the worklist; what is done cannot be cancelled ({reply.code})"


def _await_status(day: Day, visit: Visit, status: str) -> None:
    number = f"{visit.number}^{day.pims.name}"
    day.pims.wait(status, lambda one: (value(one, "ORC", 2), value(one, "ORC", 5)) == (number, status))
