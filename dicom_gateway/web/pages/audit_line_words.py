"""What the audit's lines are about and their details, in words: tables of patterns; what none fits stays as it is.

The stored text never changes: by it the lines are found, and the file for the authorities holds it.
"""

import re
from dataclasses import replace
from typing import Final

from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.status_words import PERFORMED, STEPS
from dicom_gateway.web.pages.users import ROLES

LONGEST: Final = 1000  # a longer text is none of ours
_Table = tuple[tuple[re.Pattern[str], Text], ...]


def _table(*rows: tuple[str, Text]) -> _Table:
    return tuple((re.compile(pattern, re.DOTALL | re.ASCII), text) for pattern, text in rows)


SUBJECTS: Final = _table(
    (r"order (?P<id>.+)", _("order %(id)s")),
    (r"study (?P<id>.+)", _("study %(id)s")),
    (r"performed step (?P<id>.+)", _("report of a device %(id)s")),
    (r"device (?P<name>.+)", _("device %(name)s")),
    (r"user (?P<name>.+)", _("user %(name)s")),
    (r"token (?P<name>.+)", _("access %(name)s")),
    (r"target (?P<name>.+)", _("deliveries to %(name)s")),
    (r"pms (?P<name>.+)", _("connection %(name)s")),
    (r"hl7_source (?P<name>.+)", _("orders by HL7 from %(name)s")),
    (r"practice", _("name and time zone of the practice")),
    (r"patient merge (?P<id>.+)", _("two patients made one, number %(id)s")),
    (r"message (?P<id>.+)", _("HL7 message %(id)s")),
    (r"event (?P<id>.+)", _("message to a practice system %(id)s")),
    (r"messages", _("the list of HL7 messages")),
    (r"today", _("the page Today")),
    (r"day (?P<day>\d{4}-\d\d-\d\d)", _("the day %(day)s")),
    (r"orders", _("the list of orders")),
    (r"patients", _("the search for patients")),
    (r"studies", _("the list of studies")),
    (r"to be matched", _("the images to be matched")),
    (r"performed without an order", _("what was done without an order")),
    (r"alarms", _("the alarms")),
    (r"audit", _("the audit")),
)
DETAILS: Final = _table(
    (r"version (?P<number>\d+), (?P<status>[A-Z]+)", _("change %(number)s, now %(status)s")),
    (
        r"version (?P<number>\d+), (?P<status>[A-Z]+): (?P<reason>.+)",
        _("change %(number)s, now %(status)s: %(reason)s"),
    ),
    (r"(?P<status>IN PROGRESS|[A-Z]{6,20})", _("now %(status)s")),
    (r"(?P<role>[a-z]+(?:[ _-][a-z]+)?)", _("role: %(role)s")),
    (r"why not on (?P<device>.+)", _("why it is not on %(device)s")),
    (r"test order", _("test order")),
    (r"patient of a new order", _("patient of a new order")),
    (r"search '(?P<text>.*)'|search \"(?P<text2>.*)\"|q: (?P<text3>[^:]*)", _("search: %(text)s")),
    (r"header of (?P<id>\S+)", _("technical data of image %(id)s")),
    (r"1 orders", _("one order")),
    (r"(?P<count>\d+) orders", _("%(count)s orders")),
    (r"1 images? as (?P<form>\w+)", _("one image as %(form)s")),
    (r"(?P<count>\d+) images as (?P<form>\w+)", _("%(count)s images as %(form)s")),
    (r"image (?P<id>\S+) as (?P<form>\w+)", _("image %(id)s as %(form)s")),
    (r"document (?P<id>\S+)", _("document %(id)s")),
    (r"csv", _("as CSV")),
    (r"match (?P<number>\d+)", _("decision %(number)s")),
    (r"match (?P<number>\d+): (?P<images>\d+) images", _("decision %(number)s, images: %(images)s")),
    (
        r"match (?P<number>\d+): (?P<images>\d+) images, (?P<reports>\d+) reports",
        _("decision %(number)s, images: %(images)s, reports of devices: %(reports)s"),
    ),
    (r"(?P<target>.+): delivered before at ", _("%(target)s: delivered before at ")),
)
_FORMS: Final = {"dicom": "DICOM", "png": "PNG", "jpeg": "JPEG", "csv": "CSV"}
_ROLES: Final = {role.value: words[0] for role, words in ROLES.items()}
_ABOUT: Final = re.compile(r"(?P<subject>(?:order|study|performed step) [^,\s]+), (?P<rest>match \d+.*)", re.DOTALL)


def subject_words(subject: str) -> Text | str:
    """Return what a line is about."""
    return _said(SUBJECTS, subject)


def detail_words(detail: str) -> Text | str:
    """Return a detail, or a piece of one."""
    if found := _ABOUT.fullmatch(detail[:LONGEST]):
        subject, rest = subject_words(found["subject"]), detail_words(found["rest"])
        return _("%(subject)s: %(rest)s", subject=subject, rest=rest)
    return _said(DETAILS, detail)


def _said(table: _Table, text: str) -> Text | str:
    for pattern, message in table if len(text) <= LONGEST else ():
        found = pattern.fullmatch(text)
        if found and (said := _filled(message, found.groupdict())):
            return said
    return text


def _filled(message: Text, found: dict[str, str | None]) -> Text | None:
    """Return a message with its values, None where a state or a role is not one of ours."""
    shown = {name.rstrip("23"): _value(name, value) for name, value in found.items() if value is not None}
    return None if None in shown.values() else replace(message, values=shown)


def _value(name: str, value: str) -> Text | str | None:
    if name == "status":
        badge = PERFORMED.get(value) or STEPS.get(value)
        return badge.words if badge else None
    if name == "role":
        return _ROLES.get(value)
    return _FORMS.get(value, value) if name == "form" else value
