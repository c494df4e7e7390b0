"""DICOM files to send or to name: found in folders, and what each says of itself (PS3.10 7.1).

Only the file meta information and the identifying attributes are read; nothing else of a file is held.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.filereader import dcmread

from dicom_gateway.core.identifiers import printable
from dicom_gateway.errors import GatewayError, InvalidValue

_PREFIX_AT = 128
_DIRECTORY = "1.2.840.10008.1.3.10"  # a DICOMDIR is about files, and no object
_WANTED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


class NotAnObject(GatewayError):
    """The file is not a DICOM object that can be sent."""


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """A DICOM file; class, instance and transfer syntax are those of its file meta information."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    series_instance_uid: str = ""
    length: int = 0


def find_files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield (file, whether it was named itself): files as they are named, and those of folders, sorted; links to
    folders are not followed."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                yield Path(folder, name), False


def is_dicom(path: Path) -> bool:
    """Say whether a file has the prefix of a DICOM file; raises OSError."""
    with path.open("rb") as file:
        file.seek(_PREFIX_AT)
        return file.read(4) == b"DICM"


def read_file(path: Path) -> ObjectFile:
    """Return what a file is. Raises NotAnObject with the reason."""
    try:
        if not is_dicom(path):
            raise NotAnObject("not a DICOM file (no DICM after 128 bytes)")
        found = dcmread(path, specific_tags=list(_WANTED), stop_before_pixels=True)
        length = path.stat().st_size
    except OSError as error:
        raise NotAnObject(error.strerror or str(error)) from error
    except GatewayError:
        raise
    except Exception as error:  # whatever a library makes of garbage
        raise NotAnObject(f"cannot be read: {error}") from error
    meta = found.file_meta
    sop_class, instance = _text(meta, "MediaStorageSOPClassUID"), _text(meta, "MediaStorageSOPInstanceUID")
    syntax = _text(meta, "TransferSyntaxUID")
    if sop_class == _DIRECTORY:
        raise NotAnObject("a DICOMDIR, which is no object")
    if not (sop_class and instance and syntax):
        raise NotAnObject("its file meta information names no SOP class, SOP instance or transfer syntax")
    return ObjectFile(path, sop_class, instance, syntax, _text(found, "SeriesInstanceUID"), length)


def read_files(paths: Iterable[Path]) -> tuple[list[ObjectFile], list[tuple[Path, str]]]:
    """Return the objects below `paths`, and the files that are none, with the reason. Other files in a folder are
    passed over in silence: a folder of images often holds a DICOMDIR, a viewer and notes."""
    objects, others = [], []
    for path, is_named in find_files(paths):
        try:
            objects.append(read_file(path))
        except NotAnObject as error:
            if is_named or _claims_to_be_one(path):
                others.append((path, str(error)))
    return objects, others


def nothing_in(paths: Iterable[Path]) -> InvalidValue:
    """Return what to raise when `paths` are folders in which there is no object."""
    return InvalidValue(f"{', '.join(printable(str(path)) for path in paths)}: there is no DICOM file in it")


def _claims_to_be_one(path: Path) -> bool:
    if path.name.upper() == "DICOMDIR":
        return False
    try:
        return is_dicom(path)
    except OSError:
        return True  # it cannot even be looked at: the person must hear of it


def _text(data_set: Dataset, keyword: str) -> str:
    return str(data_set.get(keyword, "") or "").strip()
