"""Power cuts at any call: what was acknowledged is there afterwards, and nothing partial has a final name."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.power import ForgetfulDisk, Power
from tests.faults.power_cut import cut
from tests.faults.sqlite_seam import forgetful_sqlite

CUTS = 15


def test_nothing_acknowledged_is_lost_at_a_power_cut(tmp_path: Path) -> None:
    promised = [cut(tmp_path, seed) for seed in range(CUTS)]
    for count in (lambda one: len(one.images), lambda one: len(one.orders), lambda one: len(one.steps)):
        assert sum(map(count, promised)) > 0
    assert sum(map(len, promised)) > 2 * CUTS
    assert sum(one.refused for one in promised) > 0


@pytest.mark.parametrize(("level", "kept"), [("NORMAL", 0), ("FULL", 1)])
def test_the_seam_forgets_a_commit_that_was_not_synced(tmp_path: Path, level: str, kept: int) -> None:
    power = next(found for seed in range(99) if not (found := Power(seed, 10**9)).survives())
    path = tmp_path / "gateway.db"
    with forgetful_sqlite(tmp_path, power) as begin:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = wal")
            database.execute("CREATE TABLE t (n)")
        begin()
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(f"PRAGMA synchronous = {level}")
            database.execute("INSERT INTO t VALUES (1)")
            (keeper,) = power.keepers
            left = keeper(lambda synced, current: synced)
    for name, contents in left.items():
        (tmp_path / "left").mkdir(exist_ok=True)
        (tmp_path / "left" / name).write_bytes(contents)
    with closing(sqlite3.connect(tmp_path / "left" / "gateway.db")) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (kept,)


@pytest.mark.parametrize(
    ("synced", "left"),
    [((), {}), (("file",), {}), (("folder",), {"x": b""}), (("file", "folder"), {"x": b"data"})],
    ids=["nothing", "the file", "the folder", "both"],
)
def test_the_seam_forgets_a_file_that_was_not_synced(
    tmp_path: Path, synced: tuple[str, ...], left: dict[str, bytes]
) -> None:
    power = next(found for seed in range(99) if not (found := Power(seed, 10**9)).survives())
    disk = ForgetfulDisk(tmp_path, power)
    descriptor = disk.create(tmp_path / "part")
    disk.write(descriptor, b"data")
    if "file" in synced:
        disk.sync(descriptor)
    disk.close(descriptor)
    disk.rename(tmp_path / "part", tmp_path / "x")
    if "folder" in synced:
        disk.sync_folder(tmp_path)
    (keeper,) = power.keepers
    assert {str(path): contents for path, contents in keeper(lambda synced, current: synced).items()} == left
