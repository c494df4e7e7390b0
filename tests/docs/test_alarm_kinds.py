"""docs/operations.md says of each kind of alarm that the program raises what it means and what to do; of no other."""

import ast
import re
from collections.abc import Iterator

from dicom_gateway.core.linking import LINKED, LinkReason
from dicom_gateway.roles import TLS_ALARM
from dicom_gateway.storage.studies import Received
from tests.docs.pages import ROOT, read

KIND_AT = {"raise_alarm": 2, "alarm": 1, "_alarm": 1}  # which argument it is of the functions that raise one
COMPUTED = {  # what stands there in the source in place of a text: what it can be
    "f'instance {kind.value}'": {f"instance {kind.value}" for kind in Received} - {"instance new", "instance same"},
    "reason.value": {reason.value for reason in LinkReason if reason not in LINKED | {LinkReason.VERSION}},
    "reason": {LinkReason.WRONG_ENTRY.value},
    "*TLS_ALARM": {TLS_ALARM[0]},
}


def raised() -> Iterator[ast.expr]:
    """Yield what stands for the kind wherever an alarm is raised."""
    for path in sorted((ROOT / "dicom_gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = _name(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in KIND_AT and len(node.args) > KIND_AT[name]:
                yield node.args[KIND_AT[name]]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_each_kind_has_a_row() -> None:
    texts = {kind.value for kind in raised() if isinstance(kind, ast.Constant) and isinstance(kind.value, str)}
    computed = {ast.unparse(kind) for kind in raised() if not isinstance(kind, ast.Constant)} - {"kind"}
    assert texts >= {"object refused", "target paused"}
    assert computed == COMPUTED.keys()
    table = read("docs/operations.md").split("<!-- alarms -->")[1].split("<!-- /alarms -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    assert all(len(row) == 3 and all(row) for row in rows)
    documented = [kind for row in rows for kind in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(documented) == sorted(texts.union(*COMPUTED.values()))
