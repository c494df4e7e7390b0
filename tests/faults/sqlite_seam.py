"""A seam below SQLite: a VFS over the system's own, by ctypes, whose files forget at a power cut what was not synced.

The product opens its database as ever; only files in the folder given are concerned. Structures are those of
sqlite3.h.
"""

import ctypes
import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any

from tests.faults.power import Power, Surviving
from tests.peers import missing

OK, FULL, IO_ERROR_WRITE, IO_ERROR_SYNC = 0, 13, 10 | 3 << 8, 10 | 4 << 8


class _Methods(ctypes.Structure):
    _names = "xClose xRead xWrite xTruncate xSync xFileSize xLock xUnlock xCheckReservedLock xFileControl xSectorSize "
    _names += "xDeviceCharacteristics xShmMap xShmLock xShmBarrier xShmUnmap xFetch xUnfetch"
    _fields_ = [("iVersion", c_int), *((name, c_void_p) for name in _names.split())]


class _File(ctypes.Structure):
    _fields_ = [("pMethods", POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    _names = "xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose xRandomness xSleep xCurrentTime "
    _names += "xGetLastError xCurrentTimeInt64 xSetSystemCall xGetSystemCall xNextSystemCall"
    _fields_ = [
        ("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int), ("pNext", c_void_p), ("zName", c_char_p),
        ("pAppData", c_void_p), *((name, c_void_p) for name in _names.split()),
    ]  # fmt: skip


OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


def _library() -> ctypes.CDLL:
    """Return the SQLite that Python's own module uses."""
    import _sqlite3

    library = ctypes.CDLL(_sqlite3.__file__)
    try:
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        version = library.sqlite3_libversion
    except AttributeError:
        missing("a Python whose SQLite can be reached by ctypes")
    version.restype = c_char_p
    assert version().decode() == sqlite3.sqlite_version
    return library


class _ForgetfulVfs:
    """What one power cut does to the database files below `root`."""

    def __init__(self, library: ctypes.CDLL, root: Path, power: Power) -> None:
        self._root = root
        self._power = power
        self._paths: dict[int, Path] = {}  # by the address of SQLite's file
        self._synced: dict[Path, bytes] = {}
        self._methods: dict[int, _Methods] = {}  # ours, by the address of the system's
        self._kept: list[Any] = []  # what SQLite points to
        self._system = library.sqlite3_vfs_find(None)
        self.vfs = _Vfs.from_buffer_copy(self._system.contents)
        self.vfs.zName = b"forgetful"
        self._open = OPEN(self.vfs.xOpen)
        self._delete = DELETE(self.vfs.xDelete)
        self.vfs.xOpen = self._pointer(OPEN, self._on_open)
        self.vfs.xDelete = self._pointer(DELETE, self._on_delete)
        power.keepers.append(self._left)

    def begin(self) -> None:
        """Take what is there now as synced."""
        for path in self._root.glob("*.db*"):
            if not path.name.endswith(("-shm", ".lock")):
                self._synced[path] = path.read_bytes()

    def _pointer(self, kind: Any, function: Callable[..., int]) -> int | None:
        made = kind(function)
        self._kept.append(made)
        return ctypes.cast(made, c_void_p).value

    def _on_open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        code = self._open(vfs, name, file, flags, out)
        # The name goes to the system as the pointer that it is: SQLite keeps parameters behind it.
        path = Path(ctypes.string_at(name).decode()) if name else Path()
        if code == OK and path.parent == self._root:
            handle = _File.from_address(file)
            handle.pMethods = ctypes.pointer(self._wrapped(handle.pMethods))
            self._paths[file] = path
        return int(code)

    def _wrapped(self, methods: Any) -> _Methods:
        address = ctypes.addressof(methods.contents)
        if address not in self._methods:
            made = _Methods.from_buffer_copy(methods.contents)
            write = WRITE(made.xWrite)

            def on_write(file: int, data: int, size: int, offset: int) -> int:
                number = self._power.call()
                if number:
                    return FULL if number == errno.ENOSPC else IO_ERROR_WRITE
                return int(write(file, data, size, offset))

            made.xWrite = self._pointer(WRITE, on_write)
            made.xSync = self._pointer(SYNC, self._on_sync)
            self._methods[address] = made
        return self._methods[address]

    def _on_sync(self, file: int, flags: int) -> int:
        with self._power.guard:
            if self._power.call():
                return IO_ERROR_SYNC
            path = self._paths[file]
            self._synced[path] = path.read_bytes()
        return OK

    def _on_delete(self, vfs: int, name: bytes, sync: int) -> int:
        with self._power.guard:
            self._synced.pop(Path(name.decode()), None)
            return int(self._delete(vfs, name, sync))

    def _left(self, surviving: Surviving) -> dict[Path, bytes]:
        paths = {path for path in self._paths.values() if path.exists()} | self._synced.keys()
        left = {}
        for path in paths:
            synced = self._synced.get(path, b"")
            left[path.relative_to(self._root)] = surviving(synced, path.read_bytes() if path.exists() else synced)
        return left


_ALIVE: list[_ForgetfulVfs] = []  # a pooled connection may still point to one


@contextmanager
def forgetful_sqlite(root: Path, power: Power) -> Iterator[Callable[[], None]]:
    """Let databases directly below `root` forget; yields what is called once they hold what counts as synced."""
    library = _library()
    made = _ForgetfulVfs(library, root, power)
    _ALIVE.append(made)
    assert library.sqlite3_vfs_register(ctypes.byref(made.vfs), 1) == OK
    try:
        yield made.begin
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(made.vfs))
