"""A receiver over a real store, whose work is what a test says: each message is an order of its control id."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.message import Message
from dicom_gateway.connectors.hl7.receiver import Applied, Receiver
from dicom_gateway.connectors.hl7.sources import Source, Sources
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.messages import MessageFilter, MessageStore
from dicom_gateway.storage.migrate import migrate

START = 1_795_420_800_000_000  # 2026-11-23T08:00:00Z
SOURCES = (
    Source("anybody"),
    Source("vetera", "VETERA", has_folder=True),
    Source("clinic", "PMS", "CLINIC"),
    Source("pms", "PMS", character_set="8859/1"),
)


def a_message(control_id: str = "1", text: str = "", header: str = "PMS|CLINIC|GW|GW") -> bytes:
    return f"MSH|^~\\&|{header}|20261123||ORM^O01|{control_id}|P|2.5.1\rPID|1||P-7\rNTE|1||{text}\r".encode()


class Intake:
    """A receiver and what it did. `fail` is raised instead of work, once each."""

    def __init__(self, path: Path, sources: Sequence[Source] = SOURCES) -> None:
        migrate(path)
        self.now = START
        self.database = Database(path, busy_seconds=0.2)
        self.messages = MessageStore(self.database, lambda: self.now)
        self.worked: list[tuple[str, str, str]] = []  # control id, source, origin
        self.fail: list[Exception] = []
        self.during: Callable[[], None] = lambda: None
        self.counted: list[tuple[str, str]] = []
        self._bits = iter(range(1, 10**9))
        self.receiver = Receiver(
            Sources(sources), self.messages, self.work, lambda: self.now, ZoneInfo("Europe/Berlin"),
            lambda size: next(self._bits), lambda source, outcome: self.counted.append((source, outcome)),
        )  # fmt: skip

    def work(self, message: Message, source: Source, origin: str) -> Applied:
        self.during()
        if self.fail:
            raise self.fail.pop(0)
        self.worked.append((message.header.control_id, source.name, origin))
        return Applied((f"order-{message.header.control_id}",))

    def kept(self) -> list[tuple[str, str]]:
        """Return (control id, outcome) of what is recorded, oldest first."""
        return [(row["control_id"], row["outcome"]) for row in reversed(self.messages.find(MessageFilter()))]


@contextmanager
def opened(path: Path, sources: Sequence[Source] = SOURCES) -> Iterator[Intake]:
    intake = Intake(path, sources)
    yield intake
    intake.database.close()
