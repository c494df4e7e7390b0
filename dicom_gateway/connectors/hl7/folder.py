"""A watched folder: files that a system drops are taken in one after the other, oldest first, each once.

A file is taken when it has not changed for some seconds, or at once when it was renamed from a name that says that it
is not finished. It ends in `done`, or in `failed` with the reason beside it. What was in work when the gateway ended is
received again: a message that was accepted is known by its record, so nothing is done twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from dicom_gateway.connectors.hl7.drop import DONE, FAILED, Changed, Drop, Seen, beside
from dicom_gateway.connectors.hl7.receiver import Receiver, Taken
from dicom_gateway.connectors.hl7.sender import Sender
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.ports import Clock

log = structlog.get_logger()

LOOK_EVERY = 1 * SECOND
RETRY_AFTER = 10 * SECOND
FORGET_EVERY = 3600 * SECOND
ANSWER, REASON = ".ack", ".reason.txt"
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".lock", "~")


@dataclass(frozen=True, slots=True)
class Watched:
    """How a folder is watched: whose it is, whether answers are wanted, and its limits."""

    folder: Path
    source: str
    answers: bool = False
    quiet_seconds: float = 2
    most_bytes: int = 16 << 20
    keep_seconds: int = 90 * 86_400  # for which files stay in `done`


@dataclass(slots=True)
class _Known:
    """A file as it was seen before, and since when it has not changed."""

    seen: Seen
    since: float


class FolderIntake:
    """Takes in what lies in one folder. `run` is called again and again, in one thread."""

    def __init__(
        self,
        watched: Watched,
        receiver: Receiver,
        clock: Clock,
        is_ending: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched = watched
        self._receiver = receiver
        self._clock = clock
        self._is_ending = is_ending
        self._monotonic = monotonic
        self._known: dict[tuple[int, int], _Known] = {}
        self._forget_at = 0

    def run(self) -> int | None:
        """Take in what is ready; return when to look again. A folder that cannot be used is looked at again later."""
        try:
            drop = Drop(self._watched.folder)
        except OSError as error:
            log.warning("folder not readable", source=self._watched.source, error=error.strerror)
            return self._clock() + RETRY_AFTER
        try:
            left = self._take_all(drop, drop.in_work())
            ready = [] if left else self._ready(drop)
            left += self._take_all(drop, [seen for seen in ready if drop.claim(seen)])
            self._forget(drop)
        except OSError as error:
            log.warning("folder not read to the end", source=self._watched.source, error=error.strerror)
            return self._clock() + RETRY_AFTER
        finally:
            drop.close()
        return self._clock() + (RETRY_AFTER if left else LOOK_EVERY)

    def _forget(self, drop: Drop) -> None:
        """Delete old files of `done`, once in a while: they hold patient data, and their messages are kept."""
        now = self._clock()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            drop.forget(DONE, (now - self._watched.keep_seconds * SECOND) * 1000)

    def _ready(self, drop: Drop) -> list[Seen]:
        """Return the files that may be taken, oldest first, and remember the others."""
        now, known, ready = self._monotonic(), {}, []
        for seen in drop.look():
            before = self._known.get(seen.identity)
            is_same = before is not None and _contents(before.seen) == _contents(seen)
            since = before.since if before is not None and is_same else now
            known[seen.identity] = _Known(seen, since)
            was_renamed = before is not None and is_same and _is_unfinished(before.seen.name)
            is_quiet = now - since >= self._watched.quiet_seconds
            if _is_ours_to_take(seen) and (is_quiet or was_renamed):
                ready.append(seen)
        self._known = known
        return sorted(ready, key=lambda seen: (seen.changed_ns, seen.name))

    def _take_all(self, drop: Drop, files: list[Seen]) -> int:
        """Receive files in work; return how many have to be tried again."""
        for done, seen in enumerate(files):
            if self._is_ending() or not self._take(drop, seen):
                return len(files) - done
        return 0

    def _take(self, drop: Drop, seen: Seen) -> bool:
        """Receive one file; False when that cannot be done now."""
        try:
            data = drop.read(seen, self._watched.most_bytes)
        except Changed:
            drop.give_back(seen)
            return True
        if data is None:
            self._fail(drop, seen.name, [f"the file is larger than {self._watched.most_bytes >> 20} MB"])
            return True
        taken = self._receiver.take(data, Sender(beside(seen.name, ""), self._watched.source))
        if taken.is_temporary:
            return False
        if self._watched.answers:
            self._answer(drop, seen.name, taken)
        if taken.reasons:
            self._fail(drop, seen.name, taken.reasons)
        else:
            drop.end(seen.name, DONE, drop.free_name(seen.name, DONE))
        return True

    def _answer(self, drop: Drop, name: str, taken: Taken) -> None:
        drop.write(beside(name, ANSWER), b"".join(taken.answers))

    def _fail(self, drop: Drop, name: str, reasons: Sequence[str]) -> None:
        kept = drop.free_name(name, FAILED)
        text = "".join(f"{reason}\n" for reason in reasons)
        drop.write(beside(kept, REASON), text.encode("utf-8", "replace"), FAILED)
        drop.end(name, FAILED, kept)
        log.warning("file refused", source=self._watched.source)
        log.debug("file refused", name=kept)


def _contents(seen: Seen) -> tuple[int, int]:
    return seen.size, seen.changed_ns


def _is_unfinished(name: str) -> bool:
    return name.startswith((".", "~")) or name.lower().endswith(UNFINISHED)


def _is_ours_to_take(seen: Seen) -> bool:
    """Say whether a file is meant for us: finished by its name, not empty, no answer of ours, and nowhere else too
    (whoever writes a file and then gives it another name by a link has two for a moment)."""
    is_finished = bool(seen.size) and seen.links == 1 and not _is_unfinished(seen.name)
    return is_finished and not seen.name.lower().endswith(ANSWER)
