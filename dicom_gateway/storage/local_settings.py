"""Settings that were made on the page: changed through the store, and read plainly before there is anything else.

Every change is audited (which fields, never a value: one is a secret), moves the counter `local_settings` and wakes the
supervisor, which lets every role begin anew with them. `read_stored` needs no store: a process reads its settings
before it makes one.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dicom_gateway.core.local_settings import LocalKind, LocalSetting
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import Conflict, NotFound, Unavailable
from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.local_settings_tables import LocalSettingRow
from dicom_gateway.storage.tables import CounterRow

COUNTER = "local_settings"
BUSY_SECONDS = 2.0
Stored = tuple[int, list[LocalSetting]]  # the version, and the rows that it has
NOTHING: Stored = (0, [])


class LocalSettingsStore:
    """Changes and shows the settings that are made on the page."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> list[LocalSetting]:
        """Return every row, the oldest change first."""
        query = LocalSettingRow.select().order_by(LocalSettingRow.changed_at, LocalSettingRow.name)
        rows = self._database.read(lambda tx: tx.rows(query))
        return [found for row in rows if (found := _readable(row)) is not None]

    def get(self, kind: LocalKind, name: str) -> LocalSetting:
        """Return one row; raises NotFound."""
        row = self._database.read(lambda tx: tx.row(LocalSettingRow.select().where(_is(kind, name))))
        found = _readable(row) if row else None
        if found is None:
            raise NotFound(f"no {kind.value} {name} was set on the page")
        return found

    def version(self) -> int:
        """Return a number that moves with every change."""
        query = CounterRow.select(CounterRow.value).where(CounterRow.name == COUNTER)
        return int(self._database.read(lambda tx: tx.value(query)) or 0)

    def add(self, setting: LocalSetting, actor: Actor) -> None:
        """Add a row; raises Conflict when there is one of that kind and name."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            if tx.row(LocalSettingRow.select().where(_is(setting.kind, setting.name))):
                raise Conflict(f"there is a {setting.kind.value} {setting.name} already; names are unique")
            tx.execute(LocalSettingRow.insert(**_columns(setting), changed_at=now))
            self._changed(tx, now, actor, "setting added", setting, ", ".join(sorted(setting.document)))

        self._database.write(run)

    def put(self, setting: LocalSetting, actor: Actor) -> None:
        """Add a row, or give the one of that kind and name this document. The same document again changes nothing."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            row = tx.row(LocalSettingRow.select().where(_is(setting.kind, setting.name)))
            before = _readable(row) if row else None
            fields = _changed_fields(before.document if before else {}, setting.document)
            if row and before and not fields:
                return
            insert = LocalSettingRow.insert(**_columns(setting), changed_at=now)
            tx.execute(
                insert.on_conflict(
                    conflict_target=[LocalSettingRow.kind, LocalSettingRow.name],
                    preserve=[LocalSettingRow.document, LocalSettingRow.changed_at],
                )
            )
            self._changed(tx, now, actor, "setting changed" if row else "setting added", setting, ", ".join(fields))

        self._database.write(run)

    def remove(self, kind: LocalKind, name: str, actor: Actor) -> None:
        """Remove a row; raises NotFound."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            if not tx.execute(LocalSettingRow.delete().where(_is(kind, name))):
                raise NotFound(f"no {kind.value} {name} was set on the page")
            self._changed(tx, now, actor, "setting removed", LocalSetting(kind, name, {}))

        self._database.write(run)

    def _changed(
        self, tx: Transaction, now: int, actor: Actor, action: str, setting: LocalSetting, detail: str = ""
    ) -> None:  # fmt: skip
        counter = CounterRow.insert(name=COUNTER, value=1)
        tx.execute(
            counter.on_conflict(conflict_target=[CounterRow.name], update={CounterRow.value: CounterRow.value + 1})
        )
        audit.record(tx, now, actor, action, f"{setting.kind.value} {setting.name}".strip(), detail)
        tx.wake("supervisor")


def read_stored(path: Path) -> Stored:
    """Return the version and the rows of the database file `path`, the oldest change first; nothing where there is no
    file or no table yet. Raises Unavailable when they cannot be read."""
    if not path.is_file():
        return NOTHING
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as opened:
            opened.row_factory = sqlite3.Row
            if not opened.execute("SELECT 1 FROM sqlite_master WHERE name = 'local_setting'").fetchone():
                return NOTHING
            opened.execute("BEGIN")
            counter = opened.execute("SELECT value FROM counter WHERE name = ?", (COUNTER,)).fetchone()
            rows = opened.execute("SELECT * FROM local_setting ORDER BY changed_at, name").fetchall()
    except sqlite3.Error as error:
        raise Unavailable(f"the settings of the page cannot be read: {error}") from error
    return int(counter[0]) if counter else 0, [found for row in rows if (found := _readable(dict(row))) is not None]


def _readable(row: Row) -> LocalSetting | None:
    """Return the setting of a row; None for what this program does not know, or what was changed by hand."""
    try:
        document: Any = json.loads(row["document"])
        if not isinstance(document, dict):
            raise ValueError("is not an object")
        return LocalSetting(LocalKind(row["kind"]), row["name"], document, row["changed_at"])
    except ValueError:
        return None


def _is(kind: LocalKind, name: str) -> Any:
    return (LocalSettingRow.kind == kind.value) & (LocalSettingRow.name == name)


def _columns(setting: LocalSetting) -> dict[str, str]:
    document = json.dumps(dict(setting.document), ensure_ascii=False, sort_keys=True)
    return {"kind": setting.kind.value, "name": setting.name, "document": document}


def _changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
