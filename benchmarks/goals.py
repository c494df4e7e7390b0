"""The table of goals, and what was reached of each: from the figures of the other benchmarks.

A goal names its figures by (label, key); it is met when every one of them is within the bound. benchmarks/measured.json
keeps the figures of each benchmark's last run, so that one can be run again without the others.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import number, table

MEASURED = Path(__file__).parent / "measured.json"
FORK, ORTHANC = "storescp --fork", "Orthanc"
KINDS = ("tiny", "CT", "DX", "CBCT")
EVERY = (1, 4, 16)

Figures = Mapping[str, Mapping[str, float]]  # benchmark -> key -> figure


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached: every figure at least `bound`, or at most."""

    what: str
    benchmark: str
    keys: tuple[tuple[str, str], ...]
    bound: float
    unit: str
    at_least: bool = False

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.bound:g}{self.unit}"

    def reached(self, figures: Mapping[str, float]) -> str:
        """Return what was reached, figure by figure."""
        return ", ".join(f"{label} {number(figures[key])}".strip() for label, key in self.keys if key in figures)

    def is_met(self, figures: Mapping[str, float]) -> bool | None:
        """Say whether it is met; None when nothing speaks against it and something was not measured."""
        found = [figures[key] for _, key in self.keys if key in figures]
        if not all(value >= self.bound if self.at_least else value <= self.bound for value in found):
            return False
        return True if len(found) == len(self.keys) else None


def _ratios(
    what: str, media: Iterable[str], kind: str, counts: Iterable[int], peer: str, bound: float, mode: str = "nodelay"
) -> Goal:
    places = [(medium, count) for medium in media for count in ([1] if kind == "CBCT" else counts)]
    keys = tuple((f"{medium} p{count}", f"{medium}/{mode}/{kind}/p{count}/{peer}") for medium, count in places)
    return Goal(what, "store", keys, bound, f"x {peer}", at_least=True)


_SYNTAXES = ("native", "JPEG lossless", "JPEG-LS lossless", "JPEG 2000 lossless")
_ORDERS = ("10,000", "100,000", "1,000,000")

GOALS: tuple[Goal, ...] = (
    *(
        _ratios(f"C-STORE, {kind}, Nagle's algorithm on", ("disk", "tmpfs"), kind, (1, 4), FORK, 20, "nagle")
        for kind in ("tiny", "CT")
    ),
    *(_ratios(f"C-STORE, {kind}", ("tmpfs",), kind, EVERY, FORK, 1) for kind in KINDS),
    *(_ratios(f"C-STORE, {kind}", ("tmpfs",), kind, EVERY, ORTHANC, 3) for kind in KINDS),
    _ratios("C-STORE, CT, one association", ("disk",), "CT", (1,), FORK, 0.8),
    _ratios("C-STORE, tiny, one association", ("disk",), "tiny", (1,), FORK, 0.5),
    *(_ratios(f"C-STORE, {kind}, several", ("disk",), kind, (4, 16), FORK, 1) for kind in ("tiny", "CT", "DX")),
    Goal(
        "processor time, 1,000 tiny files",
        "store",
        tuple((medium, f"{medium}/cpu a thousand/tiny") for medium in ("disk", "tmpfs")),
        0.35,
        " s",
    ),
    Goal(
        "processor time, 1 GB",
        "store",
        tuple((medium, f"{medium}/cpu a GB/CBCT") for medium in ("disk", "tmpfs")),
        1.5,
        " s",
    ),
    Goal("memory of the dicom role, one object of 2 GB", "memory", (("", "peak/2 GB"),), 100, " MB"),
    Goal(
        "growth after 10,000 associations (+0, measured to 1 MB)",
        "memory",
        (("in all", "growth/10000"), ("second half", "late growth/10000")),
        1,
        " MB",
    ),
    Goal("worklist, asked before, p50", "worklist", tuple((n, f"{n}/p50") for n in _ORDERS), 2, " ms"),
    Goal("worklist, asked before, p99", "worklist", tuple((n, f"{n}/p99") for n in _ORDERS), 10, " ms"),
    Goal("worklist, p50 of most orders to that of 10,000 (flat)", "worklist", (("", "flat"),), 1.5, "x"),
    Goal("worklist, 10,000 orders, one association", "worklist", (("", "wlmscpfs"),), 100, "x wlmscpfs", True),
    Goal("100 idle associations", "idle", (("", "core percent"),), 1, " % of a core"),
    Goal("C-ECHO beside 100 idle associations", "idle", (("p50", "echo p50"), ("p99", "echo p99")), 5, " ms"),
    Goal(
        "worklist p99, 2 GB coming in and 200 thumbnails drawn",
        "interference",
        (("", "p99 ratio"),),
        5,
        "x its quiet value",
    ),
    Goal("N-SET COMPLETED until the PMS has all of 20 images, p95", "delivery", (("", "p95"),), 1, " s"),
    Goal(
        "HL7 orders a second, each answered AA",
        "hl7",
        tuple((f"{n} connections", f"{n}/messages a second") for n in (4, 16)),
        200,
        "",
        at_least=True,
    ),
    *(
        Goal(f"thumbnail, {syntax}", "thumbnails", ((way, f"{syntax}/{way}"),), bound, f"x {way}", True)
        for syntax in _SYNTAXES
        for way, bound in (("dcmj2pnm, full size", 3), ("Orthanc /preview", 20))
        if syntax != "JPEG 2000 lossless"  # which neither of them draws
    ),
    Goal(
        "start to the first C-ECHO",
        "start",
        (("first start", "the first start"), ("later", "a later start")),
        2,
        " s",
    ),
    Goal(
        "first paint of Today, 1,000 steps and a year behind",
        "page",
        (("p50", "first paint/Today"),),
        200,
        " ms",
    ),
)

_MET = {True: "yes", False: "**no**", None: "not measured in full"}


def report(figures: Figures, dates: Mapping[str, str]) -> str:
    """Return the table of goals as Markdown; `dates` say when each benchmark was run."""
    rows, met = [], []
    for goal in GOALS:
        found = figures.get(goal.benchmark, {})
        met.append(goal.is_met(found))
        rows.append([goal.what, goal.text, goal.reached(found) or "-", _MET[met[-1]]])
    when = ", ".join(f"{name} {at}" for name, at in dates.items())
    told = f"{met.count(True)} of {len(met)} met, {met.count(False)} not met, {met.count(None)} not measured in full."
    return f"{told} Runs: {when}.\n\n{table(['What', 'Goal', 'Reached', 'Met'], rows)}"


def keep(name: str, figures: Mapping[str, float], path: Path = MEASURED) -> None:
    """Keep the figures of a benchmark that has just run in full."""
    measured = _read(path)
    measured[name] = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "figures": dict(figures)}
    path.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def kept_report(path: Path = MEASURED) -> str:
    """Return the table of goals from the figures that were kept."""
    measured = _read(path)
    return report(
        {name: run["figures"] for name, run in measured.items()}, {name: run["at"] for name, run in measured.items()}
    )


def _read(path: Path) -> dict[str, Any]:
    """Return benchmark -> {"at": when, "figures": key -> figure}."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def tables_of(page: str) -> list[list[list[str]]]:
    """Return the Markdown tables of a page: rows of cells, the header first."""
    found: list[list[list[str]]] = [[]]
    for line in page.splitlines():
        if not line.startswith("|"):
            found.append([])
        elif not line.startswith("|---"):
            found[-1].append([cell.strip(" *") for cell in line.strip("|").split("|")])
    return [rows for rows in found if rows]


def worklist_figures(page: str) -> dict[str, float]:
    """Return the figures of the worklist benchmark from the tables of its report; those that it lacks are absent."""
    found: dict[str, float] = {}
    for header, *rows in tables_of(page):
        if "asked before: p50" in header:
            at = header.index("asked before: p50")
            for row in rows:
                found |= {f"{row[0]}/p50": float(row[at]), f"{row[0]}/p99": float(row[at + 1])}
            found["flat"] = float(rows[-1][at]) / float(rows[0][at])
        if "wlmscpfs p50" in header and rows[0][header.index("wlmscpfs p50")] != "not installed":
            ours, theirs = (float(rows[0][header.index(f"{name} p50")]) for name in ("gateway", "wlmscpfs"))
            found["wlmscpfs"] = theirs / ours
    return found


if __name__ == "__main__":
    print(kept_report())
