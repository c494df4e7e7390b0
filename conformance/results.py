"""What a run found: one result a case, printed as it comes and written as a page (conformance/results.md)."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

LONGEST_DETAIL = 500
_PATH = re.compile(r"(?:/[\w.+-]+){2,}")  # places of this machine do not belong on the page


class Outcome(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # the peer is not installed
    UNREACHABLE = (
        "not reachable"  # no interface of the gateway, or no such peer, can bring it about; argued in the case
    )


class MissingPeer(Exception):
    """A peer is not installed; the text says which package has it."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case: which peer in which version did what, and how it ended. `detail` is for a failure or a skip."""

    peer: str
    version: str
    group: str
    case: str
    outcome: Outcome
    detail: str = ""


class Results:
    """Collects results. `failed` counts the cases that make the run fail."""

    def __init__(self, missing_peers_fail: bool) -> None:
        self.found: list[Result] = []
        self.missing = 0
        self._missing_peers_fail = missing_peers_fail

    @property
    def failed(self) -> int:
        """Failures, and what a missing peer left untested where that counts as one."""
        failures = sum(result.outcome is Outcome.FAILED for result in self.found)
        return failures + (self.missing if self._missing_peers_fail else 0)

    def add(self, result: Result) -> None:
        """Keep a result and print its line."""
        self.found.append(result)
        mark = "" if result.outcome is Outcome.PASSED else f"  -- {result.detail}"
        print(f"{result.outcome.upper():8} {result.group}: {result.peer}: {result.case}{mark}", flush=True)

    @contextmanager
    def case(self, peer: str, version: str, group: str, name: str) -> Iterator[None]:
        """Run a case: it passes when nothing raises."""
        try:
            yield
        except Exception as error:
            text = " ".join(_PATH.sub("...", str(error)).split())[:LONGEST_DETAIL] or type(error).__name__
            self.add(Result(peer, version, group, name, Outcome.FAILED, text))
        else:
            self.add(Result(peer, version, group, name, Outcome.PASSED))

    def skip(self, peer: str, group: str, why: str) -> None:
        """Say loudly that a peer is missing."""
        self.missing += 1
        self.add(Result(peer, "-", group, "all cases", Outcome.SKIPPED, f"NOT TESTED: {why}"))

    def page(self, gateway_version: str, day: date) -> str:
        """Return the page: a summary by peer and group, then every case."""
        lines = [
            "# Conformance results",
            "",
            f"dicom-gateway {gateway_version}, {day.isoformat()}. Written by `make conformance`; how to read it: "
            "[README.md](README.md).",
            "",
            *_summary(self.found),
        ]
        for group in dict.fromkeys(result.group for result in self.found):
            lines += ["", f"## {group}", "", "| Peer | Version | Case | Result |", "|---|---|---|---|"]
            lines += [_row(result) for result in sorted(self.found, key=_place) if result.group == group]
        return "\n".join(lines) + "\n"

    def write(self, path: Path, gateway_version: str, day: date) -> None:
        """Write the page."""
        path.write_text(self.page(gateway_version, day), encoding="utf-8")


def _place(result: Result) -> tuple[str, str]:
    return result.peer, result.case


def _summary(found: list[Result]) -> Iterator[str]:
    yield "| Group | Peer | Version | Cases | " + " | ".join(outcome.capitalize() for outcome in Outcome) + " |"
    yield "|---|---|---|---|" + "---|" * len(Outcome)
    for group, peer, version in dict.fromkeys((one.group, one.peer, one.version) for one in found):
        counts = Counter(one.outcome for one in found if (one.group, one.peer, one.version) == (group, peer, version))
        cells = " | ".join(str(counts[outcome]) for outcome in Outcome)
        yield f"| {group} | {peer} | {version} | {counts.total()} | {cells} |"
    counts = Counter(one.outcome for one in found)
    yield f"| all | | | {counts.total()} | " + " | ".join(str(counts[outcome]) for outcome in Outcome) + " |"


def _row(result: Result) -> str:
    detail = f": {result.detail.replace('|', '/')}" if result.detail else ""
    return f"| {result.peer} | {result.version} | {result.case.replace('|', '/')} | {result.outcome}{detail} |"
