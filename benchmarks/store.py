"""C-STORE against DCMTK's storescp (with and without --fork), Orthanc and stock pynetdicom: speed and what it costs.

`python -m benchmarks.store`
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import store_tables
from benchmarks.machine import description
from benchmarks.objects import KINDS, Encoded
from benchmarks.result import Result
from benchmarks.sends import CBCT, CT, TINY, installed, measure_medium

ROUNDS, QUICK_ROUNDS = 5, 2
MEDIA = {"disk": Path(tempfile.gettempdir()), "tmpfs": Path("/dev/shm")}


def run(quick: bool = False, only: str = "") -> Result:
    """Run the benchmark; `only`: the kinds whose name begins so."""
    kinds = [kind for kind in ((TINY, CT) if quick and not only else (*KINDS, CBCT)) if kind.name.startswith(only)]
    rounds = QUICK_ROUNDS if quick else ROUNDS
    media = {name: folder for name, folder in MEDIA.items() if folder.is_dir() and not (quick and name == "disk")}
    machine, names, images = description(*media.values()), installed(), {kind: Encoded(kind) for kind in kinds}
    by_medium = {name: measure_medium(folder, names, images, rounds) for name, folder in media.items()}
    parts = [machine, f"{rounds} rounds in turn, medians."]
    figures: dict[str, float] = {}
    for medium, found in by_medium.items():
        parts += store_tables.tables(medium, found)
        figures |= store_tables.figures(medium, found)
    return Result("\n\n".join(parts), figures)


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="2 rounds on tmpfs, tiny and CT: for a look")
    parser.add_argument("--only", default="", metavar="KIND", choices=["", "tiny", "CT", "DX", "CBCT"], help="one kind")
    options = parser.parse_args()
    print(run(options.quick, options.only).report)


if __name__ == "__main__":
    main()
