"""The timeline: one line for each thing that happens, with its time and who did it; colours on a terminal only."""

import threading
import time
from datetime import datetime

from rich.console import Console
from rich.text import Text

from dicom_gateway.core.identifiers import printable

_WHO_WIDTH = 15
_STYLES = {
    "demo": "dim",
    "gateway": "magenta",
    "vet-pms": "green",
    "dental-pms": "cyan",
    "hl7-pms": "bright_green",
    "front-desk": "yellow",
}
_DEVICE = "blue"


class Timeline:
    """Prints lines from several threads. `seconds_per_line`: how long the day rests after a line of its own."""

    def __init__(self, seconds_per_line: float = 0.0) -> None:
        self._console = Console(highlight=False)
        self._guard = threading.Lock()
        self._seconds = seconds_per_line

    def say(self, who: str, what: str) -> None:
        """Print what somebody does, and give the reader time."""
        self.hear(who, what)
        if self._seconds:
            time.sleep(self._seconds)

    def hear(self, who: str, what: str, style: str = "") -> None:
        """Print at once, as the thread must that answers the gateway."""
        line = Text()
        line.append(f"{datetime.now():%H:%M:%S}  ", style="dim")
        line.append(f"{who:<{_WHO_WIDTH}}", style=_STYLES.get(who, _DEVICE))
        line.append(printable(what, 1000), style=style)
        self._print(line)

    def scene(self, title: str) -> None:
        """Print the title of what comes."""
        self._print(Text(f"\n{title}", style="bold"))

    def good(self, what: str) -> None:
        """Print what came out as expected."""
        self.hear("", f"ok: {what}", "green")

    def bad(self, what: str) -> None:
        """Print what did not."""
        self.hear("", f"FAILED: {what}", "bold red")

    def plain(self, text: str, style: str = "") -> None:
        """Print a line without time."""
        self._print(Text(printable(text, 1000), style=style))

    def _print(self, line: Text) -> None:
        with self._guard:
            self._console.print(line, soft_wrap=True)
