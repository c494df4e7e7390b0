"""`dicom-gateway patients` on a gateway that does not run."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dicom_gateway.web.examples import EXAMPLE_ORDER
from tests.cli.tools import answer, said
from tests.e2e.program import Program


@pytest.fixture
def clinic(program: Callable[..., Program]) -> tuple[Program, str]:
    """A gateway with an order of P-78, and the order's id."""
    made = program()
    return made, order_of(made, "M-1")


def order_of(made: Program, number: str, **patient: Any) -> str:
    order = EXAMPLE_ORDER | {"placer_order_number": number, "accession_number": None}
    order = order | {"patient": EXAMPLE_ORDER["patient"] | {"id": "P-78", "issuer": "MYPMS"} | patient}
    shown: dict[str, Any] = json.loads(said(made, "orders", "add", text=json.dumps(order)))
    found: str = shown["id"]
    return found


def patient_id(made: Program, order_id: str) -> str:
    found: str = json.loads(said(made, "orders", "show", order_id))["patient"]["id"]
    return found


def test_merged_listed_and_undone(clinic: tuple[Program, str]) -> None:
    made, order_id = clinic
    ids = ("P-78", "P-99", "--issuer", "MYPMS")
    assert said(made, "patients", "merge", *ids) == "merge 1: 1 order changed\n"
    assert said(made, "patients", "merge", *ids) == "merge 1 holds already\n"
    assert patient_id(made, order_id) == "P-99"
    number, old, survivor, issuer, kind, *_, undone = said(made, "patients", "merges").rstrip("\n").split("\t")
    assert (number, old, survivor, issuer, kind, undone) == ("1", "P-78", "P-99", "MYPMS", "merge", "")
    assert said(made, "patients", "unmerge", "1") == "merge 1 undone: 1 order changed\n"
    assert patient_id(made, order_id) == "P-78"
    (shown,) = answer(made, "patients", "merges")
    assert shown["undone_at"]


def test_an_order_that_has_ended_meanwhile_is_named(clinic: tuple[Program, str]) -> None:
    made, order_id = clinic
    said(made, "patients", "merge", "P-78", "P-99", "--issuer", "MYPMS")
    said(made, "orders", "cancel", order_id)
    assert said(made, "patients", "unmerge", "1") == "merge 1 undone: 0 orders changed\n"
    assert patient_id(made, order_id) == "P-99"


REFUSED = {
    "nobody": (("merge", "P-1", "P-99", "--issuer", "MYPMS"), "no order of a patient of the old id", 1),
    "no id": (("merge", "", "P-99"), "old_id: must not be empty", 2),
    "no source": (("merge", "P-78", "P-99"), "known within one source only", 2),
    "no merge": (("unmerge", "7"), "no merge 7", 1),
}


@pytest.mark.parametrize(("arguments", "words", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(clinic: tuple[Program, str], arguments: tuple[str, ...], words: str, code: int) -> None:
    made, order_id = clinic
    assert words in said(made, "patients", *arguments, code=code)
    assert patient_id(made, order_id) == "P-78"
