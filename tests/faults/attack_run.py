"""Every attacker at once from one loopback address, in a process of their own; a good device works from another.

The device opens an association for each object, with a C-ECHO before and after it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from tests.dicom import wire
from tests.dicom.objects import image
from tests.e2e.program import Program
from tests.peers import ROOT, dcmtk
from tests.upperlayer.attack import DX_IMAGE, PROPOSALS, VERIFICATION
from tests.upperlayer.leaks import resident_bytes

OBJECT_ROWS = 500


@dataclass
class Outcome:
    """What a good device saw: seconds of each C-ECHO and of each new association, objects by UID; and the process."""

    echo_seconds: list[float] = field(default_factory=list)
    association_seconds: list[float] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    resident_before: int = 0
    resident_most: int = 0
    attempts: dict[str, int] = field(default_factory=dict)

    @property
    def echo_p99(self) -> float:
        """Return the seconds within which 99 of 100 C-ECHOs were answered."""
        return quantiles(self.echo_seconds, n=100)[98]

    @property
    def association_p99(self) -> float:
        """Return the seconds within which 99 of 100 associations were accepted."""
        return quantiles(self.association_seconds, n=100)[98]


@contextmanager
def attackers(port: int, times: int) -> Iterator[dict[str, int]]:
    """Let `times` of every attacker work; afterwards the yielded dictionary says how often each came through."""
    command = [sys.executable, "-m", "tests.upperlayer.attackers", str(port), str(times)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    attempts: dict[str, int] = {}
    try:
        yield attempts
    finally:
        assert process.poll() is None, "the attackers have ended by themselves"
        printed, _ = process.communicate(timeout=60)
        attempts.update(json.loads(printed))


def attack_run(program: Program, seconds: float, echoes: int, times: int = 1) -> Outcome:
    """Attack a running program for at least so long, and until the device has its echoes; return what it saw.

    AssertionError when any C-ECHO or C-STORE of the device fails.
    """
    (pid,) = program.pids("dicom")
    outcome = Outcome(resident_before=resident_bytes(pid))
    with attackers(program.dicom_port, times) as attempts:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or len(outcome.echo_seconds) < echoes:
            _work(program.dicom_port, outcome)
            outcome.resident_most = max(outcome.resident_most, resident_bytes(pid))
        echoed = dcmtk("echoscu", "-aet", "DX1", "127.0.0.1", str(program.dicom_port))
        assert echoed.returncode == 0, echoed.stderr
        outcome.resident_most = max(outcome.resident_most, resident_bytes(pid))
    assert program.pids("dicom") == [pid], "the role was started again"
    outcome.attempts = attempts
    return outcome


def _work(port: int, outcome: Outcome) -> None:
    made = image(Rows=OBJECT_ROWS, Columns=OBJECT_ROWS, PixelData=bytes(2 * OBJECT_ROWS * OBJECT_ROWS))
    data = wire.encode(made)
    began = time.monotonic()
    with wire.Association(port, PROPOSALS) as association:
        outcome.association_seconds.append(time.monotonic() - began)
        assert association.rejected is None
        _echo(association, outcome)
        command = {"CommandField": wire.C_STORE, "AffectedSOPClassUID": DX_IMAGE, "Priority": 0}
        uid = str(made.SOPInstanceUID)
        answer = association.request(3, {**command, "AffectedSOPInstanceUID": uid}, data)
        assert answer.status == 0x0000, hex(answer.status)
        outcome.stored[uid] = data
        _echo(association, outcome)


def _echo(association: wire.Association, outcome: Outcome) -> None:
    began = time.monotonic()
    command: dict[str, Any] = {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION}
    assert association.request(1, command).status == 0x0000
    outcome.echo_seconds.append(time.monotonic() - began)
