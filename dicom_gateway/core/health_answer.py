"""What the page shows of a gateway's machine and settings, as values: made by the composition root, shown by web/."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoleProcess:
    """A running role: its memory (resident, in bytes) and since when it runs (microseconds since 1970)."""

    role: str
    pid: int
    memory_bytes: int
    since: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes in bytes. `free` is what this user can still write below the data folder, of `total`; images are refused
    below `reserve`. `wal`: the part of the database that is not in its file yet. `versions`: name and version of each
    program and library."""

    data_dir: str
    total: int
    free: int
    reserve: int
    database: int
    wal: int
    roles: tuple[RoleProcess, ...]
    versions: tuple[tuple[str, str], ...]

    @property
    def room(self) -> int:
        """What can still be received before images are refused."""
        return max(0, self.free - self.reserve)

    def days_left(self, bytes_a_day: float) -> float | None:
        """Return for how many days there is room if as much comes in a day as of late; None when nothing comes."""
        return self.room / bytes_a_day if bytes_a_day > 0 else None


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting: its name, its value for a person ("" when it has none; never a secret), whether it is the program's
    own choice, and where it was set: "default", the settings file, a variable, or the page."""

    name: str
    value: str
    is_default: bool
    origin: str
