"""Memory of the dicom role: for one object of 2 GB, and after thousands of associations. `python -m benchmarks.memory`

The object is made while it is sent. Figures are resident sizes as the kernel counts them.
"""

import argparse
import sys
import tempfile
import threading
from pathlib import Path

from benchmarks.figures import number, table
from benchmarks.large import SOP_CLASS, LargeObject, frames_for
from benchmarks.machine import description
from benchmarks.processes import megabytes, peak_megabytes, reset_peak
from benchmarks.result import Result
from benchmarks.scu import VERIFICATION, Association
from benchmarks.servers import Server, gateway, make_gateway

GIGABYTES, QUICK_GIGABYTES = 2.0, 0.1
ASSOCIATIONS, QUICK_ASSOCIATIONS = 10_000, 200
WARM_UP_ASSOCIATIONS = 100
LOOK_SECONDS = 0.05
STEPS = 10  # of the associations: a leak is told from a plateau by how it goes on


def echo(server: Server, associations: int) -> None:
    """Associate, verify and release, one after the other."""
    for _ in range(associations):
        association = Association(server.port, server.ae_title, VERIFICATION)
        association.echo()
        association.release()


def send(server: Server, large: LargeObject) -> list[float]:
    """Send the object; return the resident megabytes that were seen meanwhile."""
    seen, is_sent = [], threading.Event()

    def look() -> None:
        while not is_sent.wait(LOOK_SECONDS):
            seen.append(megabytes(server.process.pid))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        association = Association(server.port, server.ae_title, SOP_CLASS)
        association.store(large.pdus())
        association.release()
    finally:
        is_sent.set()
        looking.join()
    return seen


def run(quick: bool = False, associations: int = 0) -> Result:
    """Run the benchmark; `associations`: how many, 0: as many as the goal names."""
    machine = description(Path(tempfile.gettempdir()))
    associations = associations or (QUICK_ASSOCIATIONS if quick else ASSOCIATIONS)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        large = LargeObject(frames_for(QUICK_GIGABYTES if quick else GIGABYTES, folder))
        make_gateway(folder / "gateway")
        with gateway(folder / "gateway") as server:
            pid = server.process.pid
            echo(server, WARM_UP_ASSOCIATIONS)
            before = megabytes(pid)
            reset_peak(pid)
            seen = send(server, large)
            peak, after = peak_megabytes(pid), megabytes(pid)
            grown = _after_associations(server, associations)
    size = f"{large.megabytes / 1000:.2f} GB"
    rows = [["one object", size, *map(number, (before, sum(seen) / max(len(seen), 1), peak, after))]]
    object_table = table(["", "size", "before, MB", "mean while it comes", "peak", "after"], rows)
    growth = table(
        ["associations (C-ECHO in each)", "resident, MB"],
        [[f"{count:,}", f"{resident:.1f}"] for count, resident in grown.items()],
    )
    return Result(
        f"{machine}\n\n{object_table}\n\n{growth}",
        {
            f"peak/{large.megabytes / 1000:.0f} GB": peak,
            f"growth/{associations}": grown[associations] - grown[0],
            f"late growth/{associations}": grown[associations] - sorted(grown.items())[len(grown) // 2][1],
        },
    )


def _after_associations(server: Server, associations: int) -> dict[int, float]:
    """Return the resident megabytes after none and after each step."""
    grown = {0: megabytes(server.process.pid)}
    step = max(associations // STEPS, 1)
    done = 0
    while done < associations:
        count = min(step, associations - done)
        echo(server, count)
        done += count
        grown[done] = megabytes(server.process.pid)
        print(f"memory: {done} of {associations} associations, {grown[done]:.1f} MB", file=sys.stderr)
    return grown


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    parser.add_argument("--associations", type=int, default=0, metavar="N", help=f"instead of {ASSOCIATIONS}")
    options = parser.parse_args()
    print(run(options.quick, options.associations).report)


if __name__ == "__main__":
    main()
