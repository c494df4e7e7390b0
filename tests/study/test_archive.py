"""A study as a ZIP that is written while it is sent."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

from dicom_gateway.errors import DamagedFile
from dicom_gateway.study.archive import PROBLEMS, Member, archive

MADE = datetime(2026, 11, 23, 9, 30, 20)


def opened(data: bytes) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(data))
    assert found.testzip() is None
    return found


def broken() -> Iterable[bytes]:
    raise DamagedFile("the file is gone")


def test_what_is_in_an_archive() -> None:
    members = [Member("a.dcm", lambda: (b"one", b"two")), Member("b.dcm", lambda: ()), Member("c.dcm", lambda: (b"3",))]
    found = opened(b"".join(archive(members, MADE)))
    assert {name: found.read(name) for name in found.namelist()} == {"a.dcm": b"onetwo", "b.dcm": b"", "c.dcm": b"3"}
    assert {info.date_time for info in found.infolist()} == {(2026, 11, 23, 9, 30, 20)}
    assert {info.compress_type for info in found.infolist()} == {zipfile.ZIP_STORED}


def test_what_cannot_be_read_is_named_and_keeps_nothing_back() -> None:
    members = [Member("a.dcm", broken), Member("b.dcm", lambda: (b"2",))]
    found = opened(b"".join(archive(members, MADE)))
    assert found.namelist() == ["b.dcm", PROBLEMS]
    assert found.read(PROBLEMS) == b"a.dcm: the file is gone\n"


def test_nothing_at_all_is_an_empty_archive() -> None:
    assert opened(b"".join(archive([], MADE))).namelist() == []


def test_pieces_leave_as_they_come() -> None:
    piece, count, asked = b"x" * 100_000, 300, []

    def pieces() -> Iterator[bytes]:
        for number in range(count):
            asked.append(number)
            yield piece

    tracemalloc.start()
    size = 0
    for number, part in enumerate(archive([Member("a.dcm", pieces)], MADE)):
        size += len(part)
        assert len(asked) <= number + 1
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > count * len(piece)
    assert most < 3_000_000
