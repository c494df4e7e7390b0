"""The PDF inside an encapsulated document (PS3.3 C.24.2), read out of a stored file."""

from pathlib import Path
from typing import Final

from dicom_gateway.errors import DamagedFile, RefusedObject
from dicom_gateway.study.dicom_json import data_set_of

MOST_BYTES: Final = 256 << 20
_DOCUMENT, _MEDIA_TYPE = 0x00420011, 0x00420012
_PDF: Final = b"application/pdf"


def pdf_of(path: Path) -> bytes:
    """Return the document; raises DamagedFile when there is none, or one that is no PDF."""
    try:
        found = {element.tag: element for element in data_set_of(path) if element.tag in (_DOCUMENT, _MEDIA_TYPE)}
    except RefusedObject as error:
        raise DamagedFile(f"{path.name}: {error}") from error
    media_type, document = found.get(_MEDIA_TYPE), found.get(_DOCUMENT)
    if media_type is None or media_type.value().strip(b" \0").lower() != _PDF or document is None:
        raise DamagedFile("there is no PDF in this object")
    if document.end - document.start > MOST_BYTES:
        raise DamagedFile("the document is too large")
    return document.value()
