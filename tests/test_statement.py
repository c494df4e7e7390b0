"""The conformance statement says what the program does: its tables are the code's, its headings those of PS3.2."""

import re
from itertools import pairwise

import pytest
from pydicom.datadict import tag_for_keyword

from conformance.statement import PAGE, PARTS, marks, renewed
from conformance.statement_tables import MAPPING, NOT_OFFERED, STATUSES
from dicom_gateway import errors
from dicom_gateway.core import performed
from dicom_gateway.dicom import status
from dicom_gateway.dicom.contexts import storage_classes, supported_contexts, transfer_syntaxes
from dicom_gateway.storage.objects import QUARANTINE_COPY_BYTES

TEXT = PAGE.read_text(encoding="utf-8")
HEADINGS = (
    "1 Overview", "1.1 Content and transfer", "1.2 DIMSE services", "1.3 DICOM web services", "1.4 Media services",
    "1.5 Real-time video", "1.6 De-identification profiles", "1.7 Specific character sets", "2 Table of contents",
    "3 Introduction", "3.1 Revision history", "3.2 Audience", "3.3 Remarks", "3.4 Terms and definitions",
    "3.5 Abbreviations", "3.6 References", "4 Implementation model", "4.1 Application entities and data flow",
    "5 Service and interoperability description", "5.1 Mapping of services to AEs", "5.2 DIMSE services",
    "5.2.1 Basic Worklist Management", "5.2.2 Modality Performed Procedure Step", "5.2.3 Unified Procedure Step",
    "5.2.4 Instance Availability Notification", "5.2.5 Storage", "5.2.6 Storage Commitment", "5.2.7 Query/Retrieve",
    "5.2.8 Print", "5.3 DICOM web services", "5.4 Media", "5.5 Real-time video", "5.6 Cross-service considerations",
    "5.7 Specific character sets", "6 Configuration", "6.1 General", "6.2 DIMSE services", "6.3 Web services",
    "6.4 Media", "6.5 Real-time video", "6.6 Audit trail", "7 Network and media communication details",
    "7.1 General association parameters", "7.2 Specifications of the gateway AE", "7.2.1.1 Sequencing",
    "7.2.1.2 Association parameters", "7.2.1.3 Association initiation", "7.2.1.4 Association acceptance",
    "7.3 Status codes", "7.3.1 General communication and failure", "7.3.2 DIMSE services", "7.3.3 Web services",
    "8 Security", "8.1 Introduction", "8.2 External network requirements", "8.3 TCP ports", "8.4 Security profiles",
    "8.5 User identity negotiation", "8.6 Web security", "8.7 Other", "Annex A.A Information objects",
    "Annex A.B SR content", "Annex A.C Security details", "Annex A.D Mapping of attributes", "Annex A.E Code sets",
)  # fmt: skip


def part(name: str) -> str:
    """Return what stands between the marks of a part."""
    return TEXT.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0]


@pytest.mark.parametrize("name", PARTS)
def test_a_table_is_what_the_code_says(name: str) -> None:
    """When this fails: python -m conformance.statement, and read what it changed."""
    assert part(name) == PARTS[name]()


def test_every_table_stands_in_the_statement_once() -> None:
    assert sorted(marks(TEXT)) == sorted(PARTS)
    assert TEXT.count("<!-- /") == len(PARTS)


def test_a_statement_that_has_drifted_is_renewed() -> None:
    stale = TEXT.replace("| Verification SOP Class |", "| Print |")
    assert stale != TEXT
    assert renewed(stale) == TEXT


def test_the_headings_are_those_of_the_template_in_its_order() -> None:
    found = re.findall(r"^#{2,5} (.+)$", TEXT, re.MULTILINE)
    places = [found.index(heading) for heading in HEADINGS]
    assert all(before < after for before, after in pairwise(places))


def test_no_section_is_empty() -> None:
    """A section that does not apply says N/A."""
    lines = [line for line in TEXT.splitlines() if line]
    for line, following in pairwise([*lines, "#"]):
        if line.startswith("#"):
            assert not following.startswith("#") or following.startswith(f"{line.split()[0]}#"), line


def test_everything_that_is_offered_is_named() -> None:
    shown = part("services") + part("storage classes") + part("transfer syntaxes")
    for context in supported_contexts():
        assert f"| {context.abstract_syntax} |" in shown
        for syntax in context.transfer_syntax:
            assert f"| {syntax} |" in shown
    assert f"Storage, {len(storage_classes())} SOP classes" in shown
    assert part("transfer syntaxes").count("\n") == len(transfer_syntaxes()) + 1


def test_nothing_is_said_not_to_be_offered_that_is() -> None:
    assert not {str(context.abstract_syntax) for context in supported_contexts()} & set(NOT_OFFERED)


def test_every_status_of_the_code_is_in_the_tables() -> None:
    said = {one.code for one in STATUSES}
    constants = {value for name, value in vars(status).items() if name.isupper() and isinstance(value, int)}
    assert constants - {status.COMMENT_LENGTH} <= said
    kinds = [kind for module in (errors, performed) for kind in vars(module).values() if isinstance(kind, type)]
    codes = {kind.n_status for kind in kinds if issubclass(kind, errors.GatewayError)}
    assert codes <= said


def test_attributes_that_travel_are_attributes() -> None:
    for keyword, (in_performed, in_image, _) in MAPPING.items():
        for place in (keyword, in_performed, in_image):
            for name in place.split(">"):
                assert name == "-" or tag_for_keyword(name) is not None, name


def test_limits_in_the_prose_are_those_of_the_code() -> None:
    assert f"at most {QUARANTINE_COPY_BYTES >> 20} MiB of each" in TEXT
