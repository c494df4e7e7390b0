"""Run the conformance suite: `python -m conformance [--only GROUP] [--quick]`.

A full run writes conformance/results.md. Exit code 1 when a case fails or, with CI set, when a peer is missing.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from conformance import associations, mpps_grid, orders_grid, store_grid, worklist_grid
from conformance.bench import Bench, started
from conformance.results import Outcome, Results
from dicom_gateway import __version__

PAGE = Path(__file__).resolve().parent / "results.md"
# In this order: the worklist is asked before other groups put orders in.
GROUPS: dict[str, Callable[[Bench], None]] = {
    "associations": associations.run,
    "worklist": worklist_grid.run,
    "mpps": mpps_grid.run,
    "orders": orders_grid.run,
    "store": store_grid.run,
}


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--only", choices=GROUPS, action="append", help="run this group of cases only")
    parser.add_argument("--quick", action="store_true", help="leave out most of the store grid and what takes long")
    arguments = parser.parse_args()
    results = Results(missing_peers_fail=bool(os.environ.get("CI")))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        with started(Path(folder), results, arguments.quick) as bench:
            for name in arguments.only or GROUPS:
                GROUPS[name](bench)
    if not arguments.only and not arguments.quick:
        results.write(PAGE, __version__, date.today())
    passed = sum(one.outcome is Outcome.PASSED for one in results.found)
    print(f"{passed} passed, {results.failed} failed of {len(results.found)} in {time.monotonic() - begun:.0f} s")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
