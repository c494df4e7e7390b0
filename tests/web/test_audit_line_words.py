"""What a line of the audit is about, in words: each pattern, and what none of them knows."""

import pytest

from dicom_gateway.web.pages.audit_line_words import LONGEST, detail_words, subject_words
from dicom_gateway.web.pages.language import language
from dicom_gateway.web.pages.plain_words import plain

SUBJECTS = {
    "user anna": "user anna",
    "device SENSOR1": "device SENSOR1",
    "studies": "the list of studies",
    "today": "the page Today",
    "day 2026-11-22": "the day 2026-11-22",
    "to be matched": "the images to be matched",
    "performed without an order": "what was done without an order",
    "performed step 1.2": "report of a device 1.2",
    "token 100% pms": "access 100% pms",
    "practice": "name and time zone of the practice",
    "+1": "+1",
    "": "",
}
DETAILS = {
    "version 3, COMPLETED": "change 3, now done",
    "version 3, FOLDED": "version 3, FOLDED",
    "IN PROGRESS": "now in progress",
    "front desk": "role: Front desk",
    "a < b": "a < b",
    "why not on SENSOR1": "why it is not on SENSOR1",
    "test order": "test order",
    "search 'Mül'": "search: Mül",
    'search "O\'Hara"': "search: O'Hara",
    "1 images as dicom": "one image as DICOM",
    "18 images as jpeg": "18 images as JPEG",
    "csv": "as CSV",
    "order 0a, match 7: 3 images, 1 reports": "order 0a: decision 7, images: 3, reports of devices: 1",
    "test order" * LONGEST: "test order" * LONGEST,
}


@pytest.mark.parametrize(("subject", "shown"), SUBJECTS.items(), ids=list(SUBJECTS))
def test_subjects(subject: str, shown: str) -> None:
    assert language("en").say(subject_words(subject)) == shown


@pytest.mark.parametrize(("detail", "shown"), DETAILS.items(), ids=[one[:40] for one in DETAILS])
def test_details(detail: str, shown: str) -> None:
    assert language("en").say(detail_words(detail)) == shown


def test_in_german() -> None:
    assert language("de").say(detail_words("version 3, COMPLETED")) == "Änderung 3, jetzt erledigt"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Modality Worklist Information Model - FIND", "worklist"),
        ("Verification SOP Class", "test of the connection"),
        ("Modality Performed Procedure Step SOP Class", "reports (MPPS)"),
        ("Digital Intra-Oral X-Ray Image Storage - For Presentation", "storing of images"),
        ("Encapsulated PDF Storage", "storing of images"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_what_a_device_wanted(name: str, shown: str) -> None:
    assert language("en").say(plain(name)) == shown


def test_what_nobody_foresaw_is_said_in_the_readers_language() -> None:
    said = language("de").say(plain("unexpected error; the log has it under reference 0a1b"))
    assert said.startswith("Etwas ging schief") and said.endswith("diese Nummer: 0a1b")
