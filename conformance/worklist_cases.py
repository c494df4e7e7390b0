"""The cases of conformance/worklist: orders, queries, and what each query must find and why.

Who asks them is elsewhere: other people's software in worklist_grid.py, the tests in this process.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

DATA = Path(__file__).resolve().parent / "worklist"
STEP, STEP_ID, PROCEDURE_ID = "ScheduledProcedureStepSequence", "ScheduledProcedureStepID", "RequestedProcedureID"
PYTHON_NAMES = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}
UNSEEN = ""  # the status of an answer, where a peer does not show it

Keys = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One query. `keys` are texts, lists of texts or lists of items by keyword, or by `gggg,eeee`; `encoding` is how
    their text goes out, `character_set` what the query names; `cannot_send` has the peers that cannot, and why;
    `cannot_read` those that cannot read the values that must come back."""

    name: str
    keys: Keys
    expected: Keys
    character_set: str = ""
    encoding: str = "ascii"
    cannot_send: dict[str, str] = field(default_factory=dict)
    cannot_read: dict[str, str] = field(default_factory=dict)


def load(name: str) -> Any:
    """Return what a file of conformance/worklist holds."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def cases() -> list[Case]:
    """Return all cases."""
    expected = load("expected")
    return [_case(query, expected[query["name"]]) for query in load("queries")]


def _case(query: Keys, expected: Keys) -> Case:
    character_set = query.get("character_set", "")
    encoding = query.get("encoding") or PYTHON_NAMES.get(character_set, "ascii")
    cannot = (query.get(name, {}) for name in ("cannot_send", "cannot_read"))
    return Case(query["name"], with_ids(query["keys"]), expected, character_set, encoding, *cannot)


def with_ids(keys: Keys) -> Keys:
    """Return the keys with those that tell which steps were found."""
    if STEP not in keys:
        return {**keys, PROCEDURE_ID: ""}
    return {**keys, STEP: [{STEP_ID: "", **item} for item in keys[STEP]]}


def read(data_set: Dataset) -> Keys:
    """Return an answer as plain values by keyword."""
    return {element.keyword: _plain(element.value) for element in data_set}


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence):
        return [read(item) for item in value]
    if isinstance(value, MultiValue):
        return [str(one) for one in value]
    return "" if value is None else str(value)


def compare(answers: list[tuple[str, Keys]], expected: Keys) -> None:
    """Fail unless the answers (status, attributes) are those expected."""
    if "procedures" in expected:
        assert sorted(answer[PROCEDURE_ID] for _, answer in answers) == expected["procedures"]
        return
    found = {answer[STEP][0][STEP_ID]: answer for _, answer in answers}
    assert len(found) == len(answers), "a step came twice"
    assert sorted(found) == expected["steps"], f"found {sorted(found)}, not {expected['steps']}"
    wanted = expected.get("status", "FF00")
    assert {status for status, _ in answers} <= {wanted, UNSEEN}, f"statuses {answers}"
    for step_id, values in expected.get("returns", {}).items():
        for keyword, value in values.items():
            came = {**found[step_id], **found[step_id][STEP][0]}.get(keyword)
            assert _holds(came, value), f"{step_id}: {keyword} is {came!r}, not {value!r}"


def _holds(came: Any, value: Any) -> bool:
    """Whether what came is the value; of a sequence just those items, of an item those attributes."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return len(came or ()) == len(value) and all(
            _holds(found.get(keyword), one)
            for found, wanted in zip(came, value, strict=True)
            for keyword, one in wanted.items()
        )
    return bool(came == value)
