"""The data set of a request other than C-STORE: scanned, its text read by the character sets that it names, parsed.

PS3.5 6.1.2. Some devices name no character set, or one that is unknown: bytes beyond ASCII that are valid UTF-8 are
then read as that, else as Latin-1. `SpecificCharacterSet` stays as it was sent; UTF-8 that was not named is.
"""

from io import BytesIO
from typing import Final, NamedTuple

import structlog
from pydicom import DataElement, Dataset, config
from pydicom.uid import UID
from pynetdicom.dsutils import decode

from dicom_gateway.core.character_sets import UTF_8, known, standard_term
from dicom_gateway.study.scan import ScanLimits, scan
from dicom_gateway.study.unicode_text import in_utf_8, terms_of

_ELEMENTS: Final = 20_000
_CHARACTER_SET: Final = b"\x08\x00\x05\x00"
_TAG: Final = 0x00080005
_ESCAPE: Final = b"\x1b"

log = structlog.get_logger()


class Request(NamedTuple):
    """What was read: `character_set` holds the terms that the request names, as the standard writes them; `remarks`
    say what was wrong with its text, without any of it."""

    data_set: Dataset
    character_set: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read_request(data: BytesIO, transfer_syntax_uid: str, elements: int = _ELEMENTS) -> Request:
    """Return the data set, values of bad form unread; raises RefusedObject (0xC000) when it cannot be parsed, or has
    more than so many elements and items, each of which takes fifty times its bytes when it is parsed."""
    raw = data.getvalue()
    scan(raw, transfer_syntax_uid, ScanLimits(elements=elements))
    syntax = UID(transfer_syntax_uid)
    terms = terms_of(raw, transfer_syntax_uid)
    if _is_plain(raw, terms):
        return Request(_decode(raw, syntax), known(terms))
    text = in_utf_8(raw, transfer_syntax_uid)
    data_set = _decode(text.data, syntax)
    if terms:
        data_set[_TAG] = DataElement(_TAG, "CS", list(terms), validation_mode=config.IGNORE)
    elif UTF_8 not in text.guesses:
        del data_set[_TAG]
    return Request(data_set, text.terms, _remarks(terms, text.guesses, text.flawed))


def read_data_set(data: BytesIO, transfer_syntax_uid: str, elements: int = _ELEMENTS) -> Dataset:
    """Return the data set of `read_request`, and log its remarks."""
    read = read_request(data, transfer_syntax_uid, elements)
    if read.remarks:
        log.info("text tolerated", tolerated=read.remarks)
    return read.data_set


def _is_plain(raw: bytes, terms: tuple[str, ...]) -> bool:
    """Whether any parser reads the text alike: ASCII, in at most one character set that is spelt rightly."""
    few = (
        raw.count(_CHARACTER_SET) <= bool(terms)
        and len(terms) < 2
        and all(term == standard_term(term) for term in terms)
    )
    return few and raw.isascii() and _ESCAPE not in raw and terms != ("ISO_IR 203",)


def _remarks(terms: tuple[str, ...], guesses: frozenset[str], flawed: bool) -> tuple[str, ...]:
    remarks = [
        f"SpecificCharacterSet: unknown or misspelt value {place + 1}"
        for place, term in enumerate(terms)
        if term != standard_term(term)
    ]
    remarks += [f"SpecificCharacterSet: text read as {guess}" for guess in sorted(guesses)]
    if flawed and not remarks:
        remarks.append("SpecificCharacterSet: some text is not in it")
    return tuple(remarks)


def _decode(raw: bytes, syntax: UID) -> Dataset:
    return decode(BytesIO(raw), syntax.is_implicit_VR, syntax.is_little_endian)
