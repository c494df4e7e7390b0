"""Whether the database can be read and written just now: asked by the readiness of the program."""

from dicom_gateway.storage.database import Database
from dicom_gateway.storage.tables import CounterRow

NAME = "heartbeat"  # a row of its own beside the counters


def look(database: Database) -> None:
    """Read a row; raises Unavailable."""
    database.read(lambda tx: tx.value(CounterRow.select(CounterRow.value).where(CounterRow.name == NAME)))


def beat(database: Database, now: int) -> None:
    """Read the file anew and write the row; raises Unavailable when it is damaged, gone, full or locked."""
    database.probe()
    row = CounterRow.insert(name=NAME, value=now).on_conflict(
        conflict_target=[CounterRow.name], update={CounterRow.value: now}
    )
    database.write(lambda tx: tx.execute(row))
