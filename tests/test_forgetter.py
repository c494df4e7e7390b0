"""Messages are forgotten when they are old enough, once in a while."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.messages import Direction, MessageFilter, MessageStore, NewMessage, Result
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.worker import Forgetter

DAY = 86_400 * SECOND


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "gateway.db")
    made = Database(tmp_path / "gateway.db")
    yield made
    made.close()


def test_old_messages_are_forgotten_once_an_hour(database: Database) -> None:
    now = [100 * DAY]
    messages = MessageStore(database, lambda: now[0])
    forgetter = Forgetter(messages, 90, lambda: now[0])

    def kept() -> list[str]:
        return [row["control_id"] for row in messages.find(MessageFilter())]

    for name in ("first", "second"):
        messages.record(NewMessage(Direction.IN, "pms", "", "", name, b"MSH"), Result("AA"))
        now[0] += SECOND
    now[0] += 90 * DAY - 2 * SECOND
    assert forgetter.run() == now[0] + Forgetter.EVERY
    assert kept() == ["second", "first"]
    now[0] += SECOND
    assert forgetter.run() is not None
    assert kept() == ["second", "first"], "it was just looked at"
    now[0] += Forgetter.EVERY
    forgetter.run()
    assert kept() == []
