"""Runs benchmarks and writes their tables, and the table of goals, into docs/performance.md.

`python -m benchmarks`: all of them; with names: those. One that fails says so and holds up no other.
"""

import argparse
import importlib
import sys
import traceback

from benchmarks import goals
from benchmarks.figures import PAGE, put
from benchmarks.result import Result

NAMES = (
    *("worklist", "store", "stages", "idle", "memory", "interference"),
    *("delivery", "hl7", "thumbnails", "start", "page"),
)


def run(name: str) -> Result:
    """Run one benchmark in full."""
    found = importlib.import_module(f"benchmarks.{name}").run()
    return found if isinstance(found, Result) else Result(found, goals.worklist_figures(found))


def write(name: str, report: str) -> None:
    """Show a report, and put it into the page."""
    print(f"{report}\n", flush=True)
    PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), name, report), encoding="utf-8")


def main() -> int:
    """Run what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no benchmark: {', '.join(sorted(unknown))}")
    failed = []
    for name in names:
        try:
            result = run(name)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        write(name, result.report)
        goals.keep(name, result.figures)
        write("goals", goals.kept_report())
    for name in failed:
        print(f"FAILED: {name}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
