"""C-FIND on the worklist: the queries of conformance/worklist, each from findscu and from dcmjs-dimse (PS3.4 K, C.2.2).

orders.json goes in by the API. A query names its keys; what it must find stands in expected.json: the ids of the steps
(or of the procedures, one a step, for a query without a step sequence), values that must come back, the status of the
answers, and why, by clause.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from conformance.bench import Bench
from conformance.peers import Dcmjs, Dcmtk, Orthanc
from conformance.results import Outcome, Result

GROUP = "worklist"
DATA = Path(__file__).resolve().parent / "worklist"
STEP, STEP_ID, PROCEDURE_ID = "ScheduledProcedureStepSequence", "ScheduledProcedureStepID", "RequestedProcedureID"
CANCEL_AFTER, MANY_ORDERS = 3, 1_000  # several pages of answers
MANY = {"description": "Screening", "steps": [{"modality": "MG", "start": "2027-04-01T10:00:00"}]}
PYTHON_NAMES = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}

FINDSCU = f"{Dcmtk.name} findscu"
UNSEEN = ""  # the status of an answer, where a peer does not show it

Keys = dict[str, Any]
Ask = Callable[[Bench, Keys, str], list[tuple[str, Keys]]]


def load(name: str) -> Any:
    """Return what a file of conformance/worklist holds."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def run(bench: Bench) -> None:
    """Put the orders in and ask every query of every peer."""
    for order in load("orders"):
        bench.add_order(order)
    expected = load("expected")
    for query in load("queries"):
        for name, version, ask in _peers(bench):
            why = query.get("cannot_send", {}).get(name)
            if why:
                bench.results.add(Result(name, version, GROUP, query["name"], Outcome.UNREACHABLE, why))
                continue
            with bench.results.case(name, version, GROUP, query["name"]):
                answers = ask(bench, _with_ids(query["keys"]), query.get("character_set", ""))
                _compare(answers, expected[query["name"]])
    if bench.dcmjs:
        with bench.results.case(Dcmjs.name, bench.dcmjs.version, GROUP, "the query that dcmjs-dimse makes by itself"):
            _own_query(bench, bench.dcmjs)
    if bench.dcmtk:
        with bench.results.case(FINDSCU, bench.dcmtk.version, GROUP, "C-CANCEL after three answers"):
            _cancel(bench)


def _peers(bench: Bench) -> list[tuple[str, str, Ask]]:
    found: list[tuple[str, str, Ask]] = []
    if bench.dcmtk:
        found.append((FINDSCU, bench.dcmtk.version, _findscu))
    if bench.dcmjs:
        found.append((Dcmjs.name, bench.dcmjs.version, _dcmjs))
    if bench.orthanc:
        found.append((Orthanc.name, bench.orthanc.version, _orthanc))
    return found


def _with_ids(keys: Keys) -> Keys:
    """Return the keys with those that tell which steps were found."""
    if STEP not in keys:
        return {**keys, PROCEDURE_ID: ""}
    return {**keys, STEP: [{STEP_ID: "", **item} for item in keys[STEP]]}


def _compare(answers: list[tuple[str, Keys]], expected: Keys) -> None:
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
    """Whether what came is the value; of a sequence's item, those attributes that are named."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return bool(came) and all(_holds(came[0].get(keyword), one) for keyword, one in value[0].items())
    return bool(came == value)


def _findscu(bench: Bench, keys: Keys, character_set: str) -> list[tuple[str, Keys]]:
    assert bench.dcmtk is not None
    folder = bench.folder / "answers"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    texts = list(_arguments({"SpecificCharacterSet": character_set, **keys} if character_set else keys))
    encoding = PYTHON_NAMES.get(character_set, "ascii")
    options = [part for text in texts for part in (b"-k", text.encode(encoding))]
    done = bench.dcmtk.run("findscu", "-v", "-W", "-X", "-od", folder, "-aet", "FINDSCU", *bench.address, *options)
    assert "Received Final Find Response (Success)" in done.stdout, done.stdout[-500:]
    status = "FF01" if "WarningUnsupportedOptionalKeys" in done.stdout else "FF00"
    return [(status, _read(dcmread(path))) for path in sorted(folder.iterdir())]


def _arguments(keys: Keys, path: str = "") -> Iterator[str]:
    """Yield the keys as findscu's -k takes them."""
    for keyword, value in keys.items():
        if not isinstance(value, list) or (value and not isinstance(value[0], dict)):
            text = "\\".join(value) if isinstance(value, list) else value
            yield f"{path}{keyword}={text}" if text else f"{path}{keyword}"
        elif not value:
            yield f"{path}{keyword}"
        else:
            yield from _arguments(value[0], f"{path}{keyword}[0].")


def _read(data_set: Dataset) -> Keys:
    """Return a data set as plain values by keyword."""
    return {element.keyword: _plain(element.value) for element in data_set}


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence):
        return [_read(item) for item in value]
    if isinstance(value, MultiValue):
        return [str(one) for one in value]
    return "" if value is None else str(value)


def _dcmjs(bench: Bench, keys: Keys, _: str) -> list[tuple[str, Keys]]:
    assert bench.dcmjs is not None
    *answers, final = bench.dcmjs.responses("query", {"SpecificCharacterSet": "ISO_IR 192", **keys})
    assert final["status"] == 0, f"final status {final['status']:04X}: {final['comment']}"
    return [(f"{answer['status']:04X}", _naturalized(answer["dataset"])) for answer in answers]


def _naturalized(found: Keys) -> Keys:
    return {keyword: _plain_of_dcmjs(value) for keyword, value in found.items()}


def _plain_of_dcmjs(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1 and _is_name(value[0]):
        value = value[0]
    if _is_name(value):
        return "=".join(value.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    if isinstance(value, list):
        return [_naturalized(one) if isinstance(one, dict) else one for one in value] or ""
    return _naturalized(value) if isinstance(value, dict) else "" if value is None else value


def _is_name(value: Any) -> bool:
    return isinstance(value, dict) and "Alphabetic" in value


def _own_query(bench: Bench, dcmjs: Dcmjs) -> None:
    """Among its keys are some that are not of the worklist: every answer is a warning."""
    *answers, final = dcmjs.responses("find", {"PatientID": "V-2"})
    assert [answer["dataset"][STEP][0][STEP_ID] for answer in answers] == ["S-V2"]
    assert ([answer["status"] for answer in answers], final["status"]) == ([0xFF01], 0)


def _orthanc(bench: Bench, keys: Keys, _: str) -> list[tuple[str, Keys]]:
    assert bench.orthanc is not None
    found = bench.orthanc.find_worklist(_joined({"SpecificCharacterSet": "ISO_IR 192", **keys}))
    return [(UNSEEN, _split(answer)) for answer in found]


def _joined(keys: Keys) -> Keys:
    """Return keys as Orthanc takes them: several values in one text."""
    return {
        keyword: [_joined(item) for item in value]
        if isinstance(value, list) and (not value or isinstance(value[0], dict))
        else "\\".join(value)
        if isinstance(value, list)
        else value
        for keyword, value in keys.items()
    }


def _split(found: Keys) -> Keys:
    """Return an answer of Orthanc with several values as a list."""
    return {
        keyword: [_split(item) for item in value]
        if isinstance(value, list)
        else value.split("\\")
        if "\\" in value
        else value
        for keyword, value in found.items()
    }


def _cancel(bench: Bench) -> None:
    """A query that finds many steps, cancelled by the device while answers come: FE00, and far from all answers."""
    assert bench.dcmtk is not None
    template = {**load("orders")[0], "accession_number": None}
    orders = [{**template, "placer_order_number": f"MANY-{n}", "procedures": [MANY]} for n in range(MANY_ORDERS)]
    answer = bench.api("POST", "/orders/batch", json={"orders": orders})
    assert answer.status_code == 200, answer.text
    keys = [part for text in ("PatientName", f"{STEP}[0].Modality=MG") for part in ("-k", text)]
    done = bench.dcmtk.run("findscu", "-v", "-W", "--cancel", str(CANCEL_AFTER), *bench.address, *keys)
    assert "Received Final Find Response (Cancel" in done.stdout, done.stdout[-500:]
    came = done.stdout.count("(Pending)")
    assert CANCEL_AFTER <= came < MANY_ORDERS, f"{came} answers"
