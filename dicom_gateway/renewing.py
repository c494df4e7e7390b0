"""The roles' processes, one after the other, begun anew without a port that anybody is refused at.

What serves devices and people (dicom, web) begins beside the old process, which is asked to drain once the new one has
had time to begin: both accept on the same socket. While the new one does not get going the old one serves on, for a
while. Of the other roles only one process runs at a time: the old one drains first.
"""

import subprocess
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.2
SETTLE_SECONDS = 4.0  # for a new process to begin to accept
LONGEST_SECONDS = 40.0  # for which the old process waits for one that gets going
STOP_SECONDS = 35.0
ORDER = ("worker", "intake", "dicom", "web")
BESIDE = frozenset({"dicom", "web"})  # roles whose new process begins beside the old one
NEVER = float("inf")


@dataclass
class Child:
    """A role's process; when it was started, and how long to wait before the next start. `leaving`: the process that
    it had before, until it has drained; it is asked to at `ask_at`, once the new one has settled, and killed at
    `kill_at`."""

    role: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    start_at: float = field(default_factory=time.monotonic)
    leaving: subprocess.Popen[bytes] | None = None
    ask_at: float = NEVER
    kill_at: float = NEVER

    def begin_anew(self, now: float) -> None:
        """Let the process go and make room for another, which starts at once or when this one has ended."""
        self.leaving, self.process = self.process, None
        self.pause, self.kill_at = FIRST_PAUSE_SECONDS, NEVER
        is_beside = self.role in BESIDE
        self.ask_at = now + SETTLE_SECONDS if is_beside else now
        self.start_at = now if is_beside or self.leaving is None else NEVER

    def see_off(self, now: float) -> None:
        """Ask the process that leaves to drain when it is time, kill it when it does not, and forget it at its end."""
        if self.leaving is None:
            return
        if self.leaving.poll() is not None:
            self.leaving = None
            self.start_at = min(self.start_at, now)
        elif now >= self.kill_at:
            log.error("role killed: it did not drain", role=self.role)
            self.leaving.kill()
        elif now >= self.ask_at and (self._is_settled(now) or now >= self.ask_at + LONGEST_SECONDS):
            self.leaving.terminate()
            self.ask_at, self.kill_at = NEVER, now + STOP_SECONDS

    def _is_settled(self, now: float) -> bool:
        """Say whether the new process has run for a while, where the old one waits for that."""
        if self.role not in BESIDE:
            return True
        return self.process is not None and self.process.poll() is None and now - self.started_at >= SETTLE_SECONDS

    def is_renewed(self) -> bool:
        """Say whether the next role may be renewed: the new process was started, and the old one is asked to go."""
        is_asked = self.leaving is None or (self.role in BESIDE and self.ask_at == NEVER)
        return self.process is not None and is_asked


class Renewal:
    """Lets one role after the other begin anew; the one in hand is the first of those that wait."""

    def __init__(self) -> None:
        self._waiting: deque[Child] = deque()
        self._is_begun = False

    @property
    def is_running(self) -> bool:
        """Whether any role is still to be renewed."""
        return bool(self._waiting)

    def begin(self, children: Iterable[Child]) -> None:
        """Renew these, in the order that disturbs least."""
        by_role = {child.role: child for child in children}
        self._waiting = deque(by_role[role] for role in ORDER if role in by_role)
        self._is_begun = False

    def go_on(self, now: float) -> None:
        """Do what is due now."""
        if not self._waiting:
            return
        child = self._waiting[0]
        if child.leaving is not None and not self._is_begun:
            return  # it still goes since the renewal before
        if not self._is_begun:
            child.begin_anew(now)
            self._is_begun = True
        elif child.is_renewed():
            log.info("role begun anew", role=child.role)
            self._waiting.popleft()
            self._is_begun = False
