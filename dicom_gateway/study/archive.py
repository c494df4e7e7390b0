"""A study as a ZIP that is written while it is sent: at no time is more of it in memory than a piece.

Nothing is compressed: images are already, or would take long. What cannot be read or drawn is named in a list at the
end of the archive, so that one bad object does not keep the others back.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from dicom_gateway.errors import GatewayError

PROBLEMS: Final = "problems.txt"
_OLDEST: Final = 1980  # a ZIP knows no earlier year


class Member(NamedTuple):
    """A file of an archive; `open` returns its pieces, and raises a GatewayError when there is none."""

    name: str
    open: Callable[[], Iterable[bytes]]


class _Sink:
    """Takes what zipfile writes, and gives it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: whoever sends the archive takes what is there."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def archive(members: Iterable[Member], made: datetime) -> Iterator[bytes]:
    """Yield a ZIP of `members`, all of the time `made` (local), piece by piece; zip64 where it is needed."""
    sink = _Sink()
    problems: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as file:  # type: ignore[call-overload]
        for member in members:
            try:
                pieces = member.open()
            except GatewayError as error:
                problems.append(f"{member.name}: {error}")
                continue
            with file.open(_entry(member.name, made), "w", force_zip64=True) as target:
                for piece in pieces:
                    target.write(piece)
                    yield sink.taken()
        if problems:
            file.writestr(_entry(PROBLEMS, made), "\n".join([*problems, ""]))
    yield sink.taken()


def _entry(name: str, made: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (max(made.year, _OLDEST), made.month, made.day, made.hour, made.minute, made.second))
    entry.external_attr = 0o600 << 16
    return entry
