"""What is delivered of an object that a person has matched to an order: the object with that order's attributes.

The stored file never changes. Its header is written anew, all text in UTF-8; patient, accession number, referring
physician, study id and request come from the order by FIELDS. What they were before stands in Original Attributes
Sequence (PS3.3 C.12.1.1.9), reason CORRECT. An attribute that the order says nothing of is kept when the patient is the
same, and goes with the patient when not. Pixel data, and whatever follows it, is passed on from the file as it is.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from dicom_gateway.core.attributes import build_item
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import from_instant
from dicom_gateway.core.model import StoredObject
from dicom_gateway.errors import Conflict, DamagedFile, RefusedObject
from dicom_gateway.study.character_sets import CharacterSet
from dicom_gateway.study.correction import FIELDS, Correction, Field, encoded_values
from dicom_gateway.study.elements import Element, elements
from dicom_gateway.study.encoding import encoding_of, view_of
from dicom_gateway.study.scan import scan
from dicom_gateway.study.unicode_text import (
    Piece,
    UnicodeWriter,
    character_set_of,
    encoded,
    item_of,
    utf_8_term,
    vr_of,
)

SYSTEM: Final = "DICOM GATEWAY"  # ModifyingSystem
PIECE: Final = 1 << 18  # bytes that are read at once
_CHARACTER_SET: Final = 0x00080005
_ORIGINAL: Final = 0x04000561  # OriginalAttributesSequence
_OF_PATIENT: Final = (0x0010, 0x0038)  # groups that tell of one patient and nobody else
_LONGEST_SHOWN: Final = 120  # characters of a value before and after


class NotCorrectable(Conflict):
    """This object cannot be written anew; it can be had as it was received."""


@dataclass(frozen=True, slots=True)
class Change:
    """An attribute that is corrected: its keyword, what it says before and after, "" for nothing."""

    keyword: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class OfFile:
    """Bytes of a file, read when they are needed: what is mapped and read once would count as memory."""

    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the bytes from `first` up to `last` of this part; raises DamagedFile when they are gone."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.start + first)
                while first < last and (piece := file.read(min(PIECE, last - first))):
                    first += len(piece)
                    yield piece
        except OSError as error:
            raise DamagedFile(f"the stored file cannot be read: {error.strerror}") from error
        if first < last:
            raise DamagedFile("the stored file has another length")


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected object as a file (PS3.10): `length` bytes, the same each time for the same `tag`."""

    length: int
    tag: str
    changes: tuple[Change, ...]
    pieces: tuple[Piece | OfFile, ...]

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop` (None: the end)."""
        stop = self.length if stop is None else stop
        at = 0
        for piece in self.pieces:
            first, last = max(start - at, 0), min(stop - at, len(piece))
            if isinstance(piece, OfFile):
                yield from piece.read(first, last) if first < last else ()
            else:
                yield from (bytes(piece[n : min(n + PIECE, last)]) for n in range(first, last, PIECE))
            at += len(piece)


def correct(path: Path, stored: StoredObject, correction: Correction) -> Corrected:
    """Return the object in the file at `path` with the order's attributes; the same file when none differs.

    Raises DamagedFile when the file is not as it was written, NotCorrectable for what cannot be written anew: deflated
    objects, for one.
    """
    try:
        with path.open("rb") as file:
            whole = view_of(file)
    except OSError as error:
        raise DamagedFile(f"the stored file cannot be read: {error.strerror}") from error
    if len(whole) != stored.offset + stored.length:
        raise DamagedFile("the stored file has another length")
    with _refusals():
        return _Corrector(path, whole, stored, correction).corrected()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except RefusedObject as error:
        raise NotCorrectable(f"this object cannot be corrected ({error}); it can be had as it was received") from error


class _Corrector:
    """Writes one header anew."""

    def __init__(self, path: Path, whole: memoryview, stored: StoredObject, correction: Correction) -> None:
        self._path = path
        self._whole = whole
        self._stored = stored
        self._correction = correction
        view = whole[stored.offset :]
        self._encoding, _ = encoding_of(view, stored.transfer_syntax_uid)
        found = scan(view, stored.transfer_syntax_uid)
        self._end = found.length if found.pixel_offset is None else found.pixel_offset
        self._has_pixels = found.pixel_offset is not None
        self._found = list(elements(view, 0, self._end, self._encoding))
        self._character_set: CharacterSet = character_set_of(self._found)
        self._writer = UnicodeWriter()
        self._before = {element.tag: element for element in reversed(self._found)}  # of one that is twice, the first

    def corrected(self) -> Corrected:
        """Return the object, as it is when nothing differs."""
        changed = self._changed()
        if not changed:
            size = len(self._whole)
            return Corrected(size, self._stored.sha256, (), (OfFile(self._path, 0, size),))
        header = [
            (element.tag, self._piece(element))
            for element in self._found
            if element.tag not in changed and element.tag not in (_CHARACTER_SET, _ORIGINAL) and element.tag & 0xFFFF
        ]
        header += [(tag, piece) for tag, piece in changed.items() if piece]
        original = self._original(sorted(changed))
        header += [(_CHARACTER_SET, utf_8_term(self._encoding)), (_ORIGINAL, original)]
        header.sort(key=lambda pair: pair[0])
        start = self._stored.offset
        tail = (OfFile(self._path, start + self._end, len(self._whole)),) if self._has_pixels else ()
        pieces = (self._whole[:start], *(piece for _, piece in header), *tail)
        tag = hashlib.sha256(self._stored.sha256.encode() + original + b"".join(changed.values())).hexdigest()
        changes = tuple(self._change(element, changed[element]) for element in sorted(changed))
        return Corrected(sum(map(len, pieces)), tag, changes, pieces)

    def _changed(self) -> dict[int, bytes]:
        """Return what is to stand in place of what stands there, by tag; b"": nothing."""
        correction = self._correction
        step = correction.step or correction.procedure.steps[0]
        item = build_item(correction.order, correction.procedure, step)
        wanted = encoded_values(item, correction, self._encoding)
        other_patient = self._is_of_another_patient()
        changed: dict[int, bytes] = {}
        for field in FIELDS:
            value = wanted.get(field.tag, b"")
            if not value and (field.tag not in self._before or not other_patient):
                continue
            if not value and field.needed:
                value = encoded(field.tag, _vr_of_field(field), self._encoding, b"")
            changed[field.tag] = value
        if other_patient:
            theirs = (tag for tag in self._before if tag >> 16 in _OF_PATIENT and tag & 0xFFFF)
            changed = {tag: b"" for tag in theirs} | changed
        return {tag: piece for tag, piece in changed.items() if not self._is_same(tag, piece)}

    def _is_of_another_patient(self) -> bool:
        patient = self._correction.order.patient
        theirs = self._text(self._before.get(tag_for_keyword("PatientID") or 0))
        issuers = {self._text(self._before.get(tag_for_keyword("IssuerOfPatientID") or 0)), patient.issuer.strip()}
        return theirs != patient.id.strip() or len(issuers - {""}) > 1

    def _is_same(self, tag: int, piece: bytes) -> bool:
        element = self._before.get(tag)
        if element is None:
            return not piece
        return bool(piece) and self._values(self._piece(element)) == self._values(piece)

    def _values(self, piece: Piece) -> list[bytes]:
        """Return the value of an element without its padding."""
        return [one.value().strip(b" \0") for one in elements(memoryview(piece), 0, len(piece), self._encoding)]

    def _piece(self, element: Element) -> Piece:
        [piece] = self._writer.written([element], self._character_set)
        return piece

    def _original(self, tags: list[int]) -> bytes:
        """Return OriginalAttributesSequence, with what is there of it and an item of what is changed now."""
        known = self._before.get(_ORIGINAL)
        if known is not None and known.vr == b"UN":
            raise RefusedObject("its Original Attributes Sequence is of unknown representation", 0xC000)
        earlier = self._writer.items(known, self._character_set) if known is not None else b""
        before = b"".join(self._piece(self._before[tag]) for tag in tags if tag in self._before)
        moment = f"{from_instant(self._correction.at):%Y%m%d%H%M%S.%f}+0000"

        def written(tag: int, vr: bytes, value: bytes) -> bytes:
            return encoded(tag, vr, self._encoding, value)

        body = b"".join(
            (
                written(0x04000550, b"SQ", item_of(before, self._encoding)),  # ModifiedAttributesSequence
                written(0x04000562, b"DT", moment.encode()),
                written(0x04000563, b"LO", SYSTEM.encode()),
                written(0x04000564, b"LO", self._correction.source.encode("ascii", "replace")),
                written(0x04000565, b"CS", b"CORRECT"),
            )
        )
        return written(_ORIGINAL, b"SQ", earlier + item_of(body, self._encoding))

    def _change(self, tag: int, piece: bytes) -> Change:
        after = next(elements(memoryview(piece), 0, len(piece), self._encoding), None) if piece else None
        keyword = keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        utf_8 = CharacterSet(["ISO_IR 192"])
        return Change(keyword, _shown(self._before.get(tag), self._character_set), _shown(after, utf_8))

    def _text(self, element: Element | None) -> str:
        return _shown(element, self._character_set)


def _vr_of_field(field: Field) -> bytes:
    return dictionary_VR(field.tag).encode()


def _shown(element: Element | None, character_set: CharacterSet) -> str:
    """Return a value for people: text as it reads, a sequence by what its items say, cut where it is long."""
    if element is None:
        return ""
    if vr_of(element) == b"SQ" and element.vr != b"UN":
        items = (", ".join(_shown(inner, character_set) for inner in item) for item in element.items())
        return "; ".join(items)[:_LONGEST_SHOWN]
    return printable(character_set.decode(element.value()[: 4 * _LONGEST_SHOWN]).strip(" \0"), _LONGEST_SHOWN)
