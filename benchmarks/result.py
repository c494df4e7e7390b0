"""What a benchmark gives: a report for people, and its figures by name for the table of goals."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """A report in Markdown. `figures` are in the unit that the goal names; a part is told from the next by "/"."""

    report: str
    figures: dict[str, float] = field(default_factory=dict)


def from_command_line(run: Callable[[bool], Result]) -> None:
    """Run one benchmark and print its report; `--quick`: small numbers, to see that it works."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    print(run(parser.parse_args().quick).report)
