"""Writing a study into a folder for people: the objects as they were received, or pictures of them.

Names hold numbers only (series, instance, teeth, frame), so nothing that a device sent becomes a path. A file that is
there already is never overwritten. Pictures are not for diagnosis.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from dicom_gateway.core.model import Instance, InstanceHeader, StoredObject
from dicom_gateway.errors import DamagedFile, GatewayError
from dicom_gateway.study.decoder import Decoder

LONGEST_EDGE: Final = 8192  # pixels of a picture; larger images are reduced
SECONDS_A_PICTURE: Final = 60.0
PIECE: Final = 1 << 18  # bytes
MOST_TEETH: Final = 8  # in a name
SUFFIXES: Final = {"dicom": "dcm", "png": "png", "jpeg": "jpg"}


@dataclass(frozen=True, slots=True)
class Exported:
    """One file, or why there is none; `failed` unless the object has no picture by its nature."""

    path: Path
    problem: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ObjectStream:
    """The bytes of one file: how many, and the pieces that they come in."""

    length: int
    chunks: Iterator[bytes]


def object_stream(instance: Instance, path_of: Callable[[StoredObject], Path]) -> ObjectStream:
    """Return an object as it is stored, file meta information included; raises DamagedFile when it is not there as it
    was written."""
    stored = instance.stored
    path = path_of(stored)
    try:
        length = path.stat().st_size
    except OSError as error:
        raise DamagedFile(f"the file of instance {instance.key} cannot be read: {error.strerror}") from error
    if length != stored.offset + stored.length:
        raise DamagedFile(f"the file of instance {instance.key} has another length")
    return ObjectStream(length, _pieces(path))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def picture_decoder(form: str) -> Decoder:
    """Return a decoder of full-size pictures, "png" or "jpeg"; of "png-marked" and "jpeg-marked" a line below each
    picture says what it is not for."""
    return Decoder(SECONDS_A_PICTURE, LONGEST_EDGE, form)


def names_of(instances: Sequence[Instance]) -> list[str]:
    """Return a name for each instance, unique among them and without a suffix."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for instance in instances:
        header = instance.header
        name = f"series-{_shown(header.series_number, 3)}_image-{_shown(header.instance_number, 4)}{_teeth(header)}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


def _teeth(header: InstanceHeader) -> str:
    """Return the teeth that an image is coded to show, FDI; a name cannot say of others that they are read from words,
    and many would make it long."""
    teeth = [tooth for tooth in header.teeth if tooth.isascii() and tooth.isdigit() and len(tooth) == 2]
    return f"_{'-'.join(teeth)}" if 0 < len(teeth) <= MOST_TEETH and "teeth" not in header.from_text else ""


def _shown(number: int | None, digits: int) -> str:
    return "none" if number is None else f"{number:0{digits}}"


def export_objects(
    instances: Sequence[Instance], folder: Path, stream_of: Callable[[Instance], ObjectStream]
) -> Iterator[Exported]:
    """Write each object as `stream_of` gives it, file meta information included; yield each file."""
    for instance, name in zip(instances, names_of(instances), strict=True):
        target = folder / f"{name}.{SUFFIXES['dicom']}"
        try:
            stream = stream_of(instance)
        except GatewayError as error:
            yield Exported(target, str(error), failed=True)
            continue
        yield _written(target, partial(_copied, stream))


def _copied(stream: ObjectStream, file: IO[bytes]) -> None:
    for piece in stream.chunks:
        file.write(piece)


def export_pictures(
    instances: Sequence[Instance],
    folder: Path,
    path_of: Callable[[StoredObject], Path],
    decoder: Decoder,
    suffix: str,
    all_frames: bool,
) -> Iterator[Exported]:
    """Draw the middle frame of each object, or all frames; yield each file. `decoder`: of picture_decoder."""
    for instance, name in zip(instances, names_of(instances), strict=True):
        frames = instance.header.frames or 1
        for frame in range(frames) if all_frames and frames > 1 else (None,):
            of_frame = "" if frame is None else f"_frame-{frame + 1:04}"
            yield _drawn(instance, folder / f"{name}{of_frame}.{suffix}", path_of, decoder, frame)


def _drawn(
    instance: Instance, target: Path, path_of: Callable[[StoredObject], Path], decoder: Decoder, frame: int | None
) -> Exported:
    if target.exists():
        return Exported(target, "is there already, and is kept", failed=True)
    try:
        picture = decoder.thumbnail(path_of(instance.stored), frame)
    except GatewayError as error:
        return Exported(target, str(error), failed=True)
    if picture.is_tile:
        is_image = bool(instance.header.rows)
        return Exported(target, "cannot be drawn" if is_image else "has no picture", failed=is_image)
    return _written(target, lambda file: file.write(picture.jpeg))


def _written(target: Path, write: Callable[[IO[bytes]], object]) -> Exported:
    """Write a new file; what is left of one that cannot be written is removed."""
    try:
        file = target.open("xb")
    except FileExistsError:
        return Exported(target, "is there already, and is kept", failed=True)
    except OSError as error:
        return Exported(target, f"cannot be written: {error.strerror or error}", failed=True)
    try:
        with file:
            write(file)
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        return Exported(target, f"cannot be written: {error.strerror or error}", failed=True)
    return Exported(target)
