"""The data set of a request other than C-STORE: scanned, then parsed, its text read by the character set that it names.

PS3.5 6.1.2. Some devices send UTF-8 and name no character set. Where none is named, bytes beyond ASCII that are valid
UTF-8 in every text value are read as that; otherwise as Latin-1, as pydicom does.
"""

from io import BytesIO

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode

from dicom_gateway.study.scan import ScanLimits, scan

_TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_UTF8_EXPLICIT = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192"
_UTF8_IMPLICIT = b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 192"


def read_data_set(data: BytesIO, transfer_syntax_uid: str, elements: int = 20_000) -> Dataset:
    """Return the data set, values of bad form unread; raises RefusedObject (0xC000) when it cannot be parsed, or has
    more than so many elements and items, each of which takes fifty times its bytes when it is parsed."""
    scan(data.getbuffer(), transfer_syntax_uid, ScanLimits(elements=elements))
    syntax = UID(transfer_syntax_uid)
    raw = data.getvalue()
    found = _decode(raw, syntax)
    if raw.isascii() or "SpecificCharacterSet" in found or not _is_utf8(found):
        return found
    return _decode((_UTF8_IMPLICIT if syntax.is_implicit_VR else _UTF8_EXPLICIT) + raw, syntax)


def _decode(raw: bytes, syntax: UID) -> Dataset:
    return decode(BytesIO(raw), syntax.is_implicit_VR, syntax.is_little_endian)


def _is_utf8(data_set: Dataset) -> bool:
    """Say whether text that was read as Latin-1 is UTF-8: some of it is beyond ASCII, and all of that is valid."""
    beyond = [text for text in _texts(data_set) if not text.isascii()]
    try:
        for text in beyond:
            text.encode("latin-1").decode()
    except UnicodeError:
        return False
    return bool(beyond)


def _texts(data_set: Dataset) -> list[str]:
    """Return the text values at every level, without those that cannot be read."""
    found: list[str] = []
    for tag in list(data_set.keys()):
        try:
            element = data_set[tag]
            if element.VR == "SQ":
                found += [text for item in element.value for text in _texts(item)]
            elif element.VR in _TEXT and element.value:
                found += map(str, element.value if element.VM > 1 else [element.value])
        except Exception:  # noqa: S112 - a value that does not fit its VR is core's business, not a question of text
            continue
    return found
