"""From the start of `serve` to the first C-ECHO that is answered. `python -m benchmarks.start`

All roles start, as on a practice's machine. The clock runs from before the process is made; a connection that is not
accepted yet is tried again every few milliseconds.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import median, number, table
from benchmarks.machine import description
from benchmarks.result import Result, from_command_line
from benchmarks.scu import VERIFICATION, Association
from benchmarks.servers import GATEWAY, free_port, make_gateway

ROUNDS, QUICK_ROUNDS = 5, 1
AE_TITLE = "DCMGATEWAY"
WAIT_SECONDS, TRY_SECONDS = 60.0, 0.005
STOP_SECONDS = 45.0  # longer than the supervisor gives its roles


@contextmanager
def serve(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the whole program over a folder that `make_gateway` made; it is ended by its process id."""
    ports = {"DICOM": port, "HL7": free_port(), "WEB": free_port()}
    environment = {f"DICOM_GATEWAY_{name}__PORT": str(number) for name, number in ports.items()}
    process = subprocess.Popen(
        [*GATEWAY, "--config", str(folder / "gateway.toml"), "serve"],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_echo(folder: Path) -> float:
    """Return the seconds from the start to the first answer; raises RuntimeError when there is none."""
    port, before = free_port(), time.perf_counter()
    with serve(folder, port) as process:
        while True:
            try:
                association = Association(port, AE_TITLE, VERIFICATION)
                association.echo()
                seconds = time.perf_counter() - before
                association.release()
                return seconds
            except OSError as error:
                if process.poll() is not None or time.perf_counter() - before > WAIT_SECONDS:
                    raise RuntimeError("the gateway does not start") from error
                time.sleep(TRY_SECONDS)


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine, rounds = description(), QUICK_ROUNDS if quick else ROUNDS
    found: dict[str, list[float]] = {"the first start": [], "a later start": []}
    for round_number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
            make_gateway(Path(name) / "gateway")
            for seconds in found.values():
                seconds.append(until_echo(Path(name) / "gateway"))
        print(f"start: round {round_number + 1} of {rounds}", file=sys.stderr)
    rows = [[what, number(median(s)), number(min(s)), number(max(s)), str(len(s))] for what, s in found.items()]
    report = f"{machine}\n\n{table(['s', 'median', 'least', 'most', 'n'], rows)}"
    return Result(report, {what: median(seconds) for what, seconds in found.items()})


if __name__ == "__main__":
    from_command_line(run)
