"""C-FIND on the worklist: the queries of conformance/worklist, each from findscu and from dcmjs-dimse (PS3.4 K, C.2.2).

orders.json goes in by the API. A query names its keys; what it must find stands in expected.json: the ids of the steps
(or of the procedures, one a step, for a query without a step sequence), values that must come back, the status of the
answers, and why, by clause.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydicom import dcmread

from conformance.bench import Bench
from conformance.peers import Dcmjs, Dcmtk, Orthanc
from conformance.results import Outcome, Result
from conformance.worklist_cases import STEP, STEP_ID, UNSEEN, Case, Keys, cases, compare, load, read

GROUP = "worklist"
CANCEL_AFTER, MANY_ORDERS = 3, 1_000  # several pages of answers
MANY = {"description": "Screening", "steps": [{"modality": "MG", "start": "2027-04-01T10:00:00"}]}
STUMBLED, TRIES = "write after end", 10
OWN_ENCODING = "it names the character set of its text"

FINDSCU = f"{Dcmtk.name} findscu"
Ask = Callable[[Bench, Case], list[tuple[str, Keys]]]


def run(bench: Bench) -> None:
    """Put the orders in and ask every query of every peer."""
    for order in load("orders"):
        bench.add_order(order)
    for case in cases():
        unnamed = not case.character_set and case.encoding != "ascii"
        for name, version, ask in _peers(bench):
            why = case.cannot_send.get(name) or (OWN_ENCODING if unnamed and name != FINDSCU else "")
            if why:
                bench.results.add(Result(name, version, GROUP, case.name, Outcome.UNREACHABLE, why))
                continue
            with bench.results.case(name, version, GROUP, case.name):
                unread: Keys = {"returns": {}} if name in case.cannot_read else {}
                compare(ask(bench, case), {**case.expected, **unread})
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


def _findscu(bench: Bench, case: Case) -> list[tuple[str, Keys]]:
    assert bench.dcmtk is not None
    folder = bench.folder / "answers"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    named = {"SpecificCharacterSet": case.character_set} if case.character_set else {}
    options = [part for text in _arguments({**named, **case.keys}) for part in (b"-k", text.encode(case.encoding))]
    done = bench.dcmtk.run("findscu", "-v", "-W", "-X", "-od", folder, "-aet", "FINDSCU", *bench.address, *options)
    assert "Received Final Find Response (Success)" in done.stdout, done.stdout[-500:]
    status = "FF01" if "WarningUnsupportedOptionalKeys" in done.stdout else "FF00"
    return [(status, read(dcmread(path))) for path in sorted(folder.iterdir())]


def _arguments(keys: Keys, path: str = "") -> Iterator[str]:
    """Yield the keys as findscu's -k takes them."""
    for keyword, value in keys.items():
        if not isinstance(value, list) or (value and not isinstance(value[0], dict)):
            text = "\\".join(value) if isinstance(value, list) else value
            yield f"{path}{keyword}={text}" if text else f"{path}{keyword}"
        elif not value:
            yield f"{path}{keyword}"
        else:
            for place, item in enumerate(value):
                yield from _arguments(item, f"{path}{keyword}[{place}].")


def _dcmjs(bench: Bench, case: Case) -> list[tuple[str, Keys]]:
    assert bench.dcmjs is not None
    *answers, final = _responses(bench.dcmjs, "query", {"SpecificCharacterSet": "ISO_IR 192", **case.keys})
    assert final["status"] == 0, f"final status {final['status']:04X}: {final['comment']}"
    return [(f"{answer['status']:04X}", _naturalized(answer["dataset"])) for answer in answers]


def _responses(dcmjs: Dcmjs, operation: str, keys: Keys) -> list[Keys]:
    """Ask once more where dcmjs-dimse stumbled: it takes FF01 for the last response and releases after each of them,
    which at times comes to "write after end" in its own socket."""
    for _ in range(TRIES):
        answer = dcmjs.ask(operation, keys)
        if not (STUMBLED in str(answer["error"]) and any(one["status"] == 0xFF01 for one in answer["responses"])):
            break
    assert answer["error"] is None and answer["rejected"] is None, f"{operation}: {answer['error']} {answer}"
    found: list[Keys] = answer["responses"]
    return found


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
    *answers, final = _responses(dcmjs, "find", {"PatientID": "V-2"})
    assert [answer["dataset"][STEP][0][STEP_ID] for answer in answers] == ["S-V2"]
    assert ([answer["status"] for answer in answers], final["status"]) == ([0xFF01], 0)


def _orthanc(bench: Bench, case: Case) -> list[tuple[str, Keys]]:
    assert bench.orthanc is not None
    found = bench.orthanc.find_worklist(_joined({"SpecificCharacterSet": "ISO_IR 192", **case.keys}))
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
        if "\\" in (value or "")
        else value or ""
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
