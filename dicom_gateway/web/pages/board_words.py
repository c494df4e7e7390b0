"""The words of the day's board: what each trouble means and whose turn it is, statuses, lights, modalities."""

from collections.abc import Mapping
from typing import Any, Final

from dicom_gateway.core.board import LEFT_OVER, STUCK, Line
from dicom_gateway.core.lights import Light
from dicom_gateway.core.status import OrderStatus, StepStatus
from dicom_gateway.core.troubles import State, Stuck, Trouble, Turn
from dicom_gateway.web.pages.language import Text, ngettext
from dicom_gateway.web.pages.language import gettext as _

Words = tuple[str, Text]  # kind of a badge or colour of a light, and what it says

TROUBLES: Final[Mapping[Trouble, Text]] = {
    Trouble.PARKED: _(
        "The result could not be delivered to %(targets)s. When the practice system takes it again, retry it."
    ),
    Trouble.PAUSED: _("Deliveries to %(targets)s are paused. The result waits there."),
    Trouble.LACKING: _("Only %(received)s of %(expected)s images came. Send the others from the device."),
    Trouble.NOTHING_CAME: _("The device has begun, and no image came. Look whether it still sends."),
    Trouble.UNENDED: _("Nothing new for over an hour. End the examination at the device."),
    Trouble.REFUSED: _("The device %(refused)s called and was refused. Let it in under Devices."),
    Trouble.LEFT_OVER: _("This was planned for an earlier day and was never begun. Change its time, or cancel it."),
    Trouble.NO_DEVICE: _("Its time has passed and no device is planned for it. Choose one."),
    Trouble.NOT_SERVED: _("Its time has passed and no device has fetched it. Refresh the worklist at the device."),
    Trouble.NOT_HERE: _("Its time has passed. Has the patient come?"),
    Trouble.NOT_BEGUN: _("The patient waits, and the device has it, but has not begun."),
}
TURNS: Final[Mapping[Turn, Text]] = {
    Turn.DEVICE: _("Device"),
    Turn.TECHNICIAN: _("Technician"),
    Turn.FRONT_DESK: _("Front desk"),
    Turn.PMS: _("Practice system"),
}
# Where somebody can do something about it, and what the link says.
ACTIONS: Final[Mapping[Trouble, tuple[str, Text]]] = {
    Trouble.PARKED: ("/deliveries", _("To the deliveries")),
    Trouble.PAUSED: ("/deliveries", _("To the deliveries")),
    Trouble.UNMATCHED: ("/unmatched", _("Match them")),
    Trouble.REFUSED: ("/devices", _("To the devices")),
    Trouble.LEFT_OVER: ("/orders/{id}/change", _("Change it")),
    Trouble.NO_DEVICE: ("/orders/{id}/change", _("Change it")),
    Trouble.NOT_SERVED: ("/orders/{id}/why", _("Why is it not on the device?")),
}
STATUSES: Final[Mapping[StepStatus, Words]] = {
    StepStatus.SCHEDULED: ("", _("Planned")),
    StepStatus.ARRIVED: ("waiting", _("Patient is here")),
    StepStatus.READY: ("waiting", _("Ready")),
    StepStatus.STARTED: ("going", _("Running")),
    StepStatus.DEPARTED: ("going", _("Patient has left")),
    StepStatus.COMPLETED: ("good", _("Done")),
    StepStatus.CANCELED: ("off", _("Cancelled")),
    StepStatus.DISCONTINUED: ("off", _("Stopped")),
}
ORDER_STATUSES: Final[Mapping[OrderStatus, Words]] = {
    OrderStatus.SCHEDULED: STATUSES[StepStatus.SCHEDULED],
    OrderStatus.ARRIVED: STATUSES[StepStatus.ARRIVED],
    OrderStatus.READY: STATUSES[StepStatus.READY],
    OrderStatus.STARTED: STATUSES[StepStatus.STARTED],
    OrderStatus.COMPLETED: STATUSES[StepStatus.COMPLETED],
    OrderStatus.CANCELED: STATUSES[StepStatus.CANCELED],
    OrderStatus.DISCONTINUED: STATUSES[StepStatus.DISCONTINUED],
}
STANDINGS: Final[Mapping[str, Words]] = {
    STUCK: ("bad", _("Stuck")),
    State.OPEN: ("", _("Planned")),
    State.RUNNING: ("going", _("Running")),
    State.DONE: ("good", _("Done")),
    State.CANCELED: ("off", _("Cancelled or stopped")),
    LEFT_OVER: ("waiting", _("Left over")),
}
COLOURS: Final[Mapping[Light, str]] = {
    Light.GOOD: "green",
    Light.IDLE: "off",
    Light.WARNING: "yellow",
    Light.BAD: "red",
}
MODALITIES: Final[Mapping[str, Text]] = {
    "IO": _("Intra-oral X-ray"),
    "PX": _("Panoramic X-ray"),
    "DX": _("Digital X-ray"),
    "CR": _("X-ray with imaging plates"),
    "CT": _("CT or cone beam CT"),
    "US": _("Ultrasound"),
    "ES": _("Endoscopy"),
    "XC": _("Photo"),
    "MR": _("Magnetic resonance"),
    "MG": _("Mammography"),
    "RF": _("Fluoroscopy"),
    "OP": _("Photo of the eye"),
    "ECG": _("ECG"),
    "OT": _("Other"),
}


def why(line: Line, stuck: Stuck) -> Text:
    """Return in words what is the matter with a line."""
    known = line.known
    values: dict[str, Any] = {
        "targets": ", ".join(known.parked if stuck.trouble is Trouble.PARKED else known.paused),
        "received": known.received,
        "expected": line.expected.images if line.expected else 0,
        "refused": ", ".join(known.refused),
    }
    if stuck.trouble is Trouble.UNMATCHED:
        return ngettext(
            "%(num)s image looks as if it belonged here and waits to be matched.",
            "%(num)s images look as if they belonged here and wait to be matched.",
            known.waiting,
        )
    found = TROUBLES[stuck.trouble]
    return _(found.message, **values)
