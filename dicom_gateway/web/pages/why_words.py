"""What core/explain.py says of a worklist, said to a person in their language: reasons, advice, and differing keys.

A text that no table knows is shown as it is.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

KEYS: Final = {
    "ScheduledStationAETitle": _("Station (AE title)"),
    "ScheduledProcedureStepStartDate": _("Date"),
    "ScheduledProcedureStepStartTime": _("Time"),
    "Modality": _("Kind of imaging (modality)"),
    "ScheduledProcedureStepStatus": _("Status"),
    "PatientID": _("Patient number"),
    "PatientName": _("Name"),
    "AccessionNumber": _("Accession number (on order and images)"),
}
HINTS: Final = {
    "capitals count": _("Capital and small letters count."),
    "leading zeros count": _("Zeros in front count."),
    "the whole value is compared; * stands for any characters": _("The whole value counts; * stands for any letters."),
    "begin with *: this is a later part of the name": _("Type * first: this is a later part of the name."),
    "^ between the parts, no blank": _("Type ^ between the parts of the name, no space."),
    "accents do not count, but ue is not ü": _("Accents do not count, but ue is not ü."),
    "a time alone never reaches over midnight": _("A time alone never reaches over midnight."),
}
_DID: Final = {
    "sent images": _("It sent images at %(at)s."),
    "reported by MPPS": _("It reported an examination at %(at)s."),
    "verified (C-ECHO)": _("It tested the connection at %(at)s."),
    "opened an association": _("It called at %(at)s."),
}
# A reason; what stands in `rest` is a reason too, in `did` something that a device did.
REASONS: Final = (
    (
        r"there is a device (?P<device>.+), which differs in capitals only; (?P<rest>.+)",
        _("There is a device %(device)s: only capital and small letters differ. %(rest)s"),
    ),
    (
        r"is on it: .+; its last query of (?P<at>\S+) did not find it: .+",
        _("It was found, but not by the last query, at %(at)s: see below."),
    ),
    (
        r"the gateway does not know a device (?P<device>.+) .+; it tried last at (?P<at>.+) from (?P<from>.+)",
        _("%(device)s tried last at %(at)s, from %(from)s."),
    ),
    (r"the gateway does not know a device (?P<device>.+) .+; it never tried", _("%(device)s never tried.")),
    (
        r"the gateway refused (?P<device>.+) at (?P<at>[-\d]+ [\d:]+) from (?P<from>\S+): (?P<why>.+)",
        _("%(device)s tried at %(at)s, from %(from)s: %(why)s."),
    ),
    (r"the gateway refuses (?P<device>.+) now: (?P<why>.+)", _("%(device)s would be turned away now: %(why)s.")),
    (r"(?P<device>.+) may not use the worklist: .*", _("The worklist is not among the services of %(device)s.")),
    (r"(?P<device>.+) has never called this gateway", _("Nothing ever came from %(device)s.")),
    (r"(?P<device>.+) has never asked for a worklist; it (?P<did>\D+) at (?P<at>.+)", _("%(did)s")),
    (r"no query of (?P<device>.+) is kept", _("What %(device)s asked is not known any more.")),
    (r"its query of (?P<at>.+) cannot be read .*", _("It asked at %(at)s.")),
    (r"the step is \w+: what has ended is left out(; .*)?", _("Examinations that have ended are not on worklists.")),
    (
        r"status STARTED is hidden for this device(; .*)?",
        _("The examination has begun, and this device is set up so that it does not see such ones."),
    ),
    (
        r"the step is of (?P<day>[-\d]+), and hide_after_days .*",
        _("The appointment was on %(day)s; the settings hide older days."),
    ),
    (
        r"its query of (?P<at>.+) was refused as a whole: (?P<why>.+)",
        _("It asked at %(at)s, and got nothing at all: %(why)s."),
    ),
    (
        r"its query of (?P<at>.+) finds more than (?P<most>\d+) steps and was refused",
        _("At %(at)s it asked for more than %(most)s examinations at once."),
    ),
    (
        r"its query of (?P<at>.+) failed with status (?P<status>\w+).*",
        _("It asked at %(at)s, and got the error %(status)s."),
    ),
    (
        r"last asked (?P<at>.+), the order (was changed|came) (?P<changed>.+)",
        _("It asked last at %(at)s; the order is of %(changed)s."),
    ),
    (r"the device ended its query of (?P<at>.+) before this step", _("It ended its query of %(at)s too early.")),
)
_ADD: Final = _("Approve or add the device on the page Devices, or correct the AE title at the device.")
_IDENTIFIER: Final = _("Type the value as the order has it, or leave the field empty at the device.")
ACTIONS: Final = (
    (r"dicom-gateway devices (approve|add) .*", _ADD),
    (
        r"ask about (?P<device>.+), or correct the AE title at the device to that",
        _("Choose %(device)s above, or enter this AE title at the device."),
    ),
    (
        r"correct allowed_from of the device in the gateway, or the address of the device",
        _("On the page Devices, allow the address that the device calls from."),
    ),
    (
        r"correct the called AE title \(that of the gateway\) at the device",
        _("Correct the AE title of the gateway at the device; the device's sheet shows it."),
    ),
    (r"ask again at the device: it may associate now", _("Let the device ask again: it may now.")),
    (r"add worklist to the services of the device", _("Add the worklist to its services on the page Devices.")),
    (
        r"check address, port and AE titles at the device, .*",
        _("Compare what is entered at the device with its sheet, then test the connection from the device."),
    ),
    (r"let the device ask again|ask again( at the device)?", _("Let the device ask again.")),
    (
        r"switch the worklist on at the device: .*",
        _("Switch the worklist on at the device, with the values of its sheet."),
    ),
    (r"ask the device's maker; .*", _("Ask the maker of the device: its query breaks the rules of DICOM.")),
    (r"order it again if it is to be done once more", _("Order it again if it is to be done once more.")),
    (
        r"set hides_started = false for the device, .*",
        _("Change this in the device's settings, if it is to show what has begun."),
    ),
    (
        r"ask again: the last query was of (?P<at>.+)",
        _("Let the device ask again: it asked for the day of its last query, %(at)s."),
    ),
    (
        r"correct the order's start, or raise worklist\.hide_after_days",
        _("Correct the appointment, or raise worklist.hide_after_days in the settings."),
    ),
    (
        r"give the device ISO_IR 192, or set unencodable to transliterate",
        _("In the device's settings, choose ISO_IR 192, or let letters that it cannot write be transliterated."),
    ),
    (
        r"narrow the query at the device, or raise worklist\.max_answers",
        _("Let the device ask for one day or its own station only."),
    ),
    (
        r"clear this key at the device, or send the order with this value",
        _("Empty this field at the device, or send the order with this value."),
    ),
    (
        r"ask by patient id, or set the device to UTF-8 \(ISO_IR 192\)",
        _("Search by patient number, or set the device to UTF-8 (ISO_IR 192)."),
    ),
    (r"type the value as the order has it, .*", _IDENTIFIER),
    (
        r"send the order with this station, .*",
        _("Send the order to this device, give the device the order's modality, or correct its own AE title."),
    ),
    (
        r"choose the day of the step, .*",
        _("Choose the day of the appointment, or a longer period, at the device; or correct the appointment."),
    ),
    (r"choose a longer period at the device, .*", _("Choose a longer period at the device, or leave the time empty.")),
    (
        r"set the device's worklist filter to the modality .*",
        _("Set the worklist filter of the device to this kind of imaging (modality), or correct the order."),
    ),
    (r"let the device ask without a status", _("Let the device ask without a status.")),
    (
        r"type the beginning of the name and \*, .*",
        _("Type the beginning of the name and *, or leave the name empty at the device."),
    ),
)


class Difference(NamedTuple):
    """A key in which a query and the order differ."""

    key: Text | str
    asked: str
    has: str
    hint: Text | None


def reason_of(text: str) -> Text | str:
    """Return a reason in words."""
    for pattern, message in REASONS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            values: dict[str, Any] = found.groupdict()
            if "rest" in values:
                values["rest"] = reason_of(values["rest"])
            if "did" in values:
                did = _DID.get(values["did"])
                return Text(did.message, {"at": values["at"]}) if did else text
            return Text(message.message, values)
    return text


def action_of(text: str | None) -> Text | str:
    """Return an advice in words; "" for none."""
    for pattern, message in ACTIONS:
        if text and (found := re.fullmatch(pattern, text, re.DOTALL)):
            return Text(message.message, found.groupdict())
    return text or ""


def differences(step: Mapping[str, Any]) -> list[Difference]:
    """Return the keys of the query that decided about a step of an explanation; none when no key was the reason."""
    for query in step["queries"]:
        failed = [key for key in query["keys"] if not key["matched"]]
        if failed and all(key["reason"] and key["reason"] in step["reason"] for key in failed):
            return [_difference(key) for key in failed]
    return []


def _difference(key: Mapping[str, Any]) -> Difference:
    hint = next((words for text, words in HINTS.items() if f"({text})" in key["reason"]), None)
    return Difference(KEYS.get(key["key"], key["key"]), key["asked"] or "", key["has"] or "", hint)
