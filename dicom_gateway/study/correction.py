"""What of an object is corrected to its order: ONE table of attributes, and their values as encoded elements.

Values come from the worklist item of the order (core/attributes.py), so that an object says what the device was told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.study.character_sets import CharacterSet
from dicom_gateway.study.elements import Element, elements
from dicom_gateway.study.encoding import Encoding
from dicom_gateway.study.unicode_text import UnicodeWriter


@dataclass(frozen=True, slots=True)
class Correction:
    """What an object is corrected to: the order, procedure and step (None: of none in particular) that it was matched
    to, at the instant `at`; `source` is the AE title that had sent it."""

    order: Order
    procedure: RequestedProcedure
    step: ScheduledStep | None
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute of the corrected object. `needed`: it stands there empty when nothing is known (type 2)."""

    keyword: str
    needed: bool = False
    source: Callable[[Dataset, Correction], Any] | None = None  # None: the worklist item has it under its keyword

    @property
    def tag(self) -> int:
        """Return the attribute's tag."""
        return tag_for_keyword(self.keyword) or 0


def _request(item: Dataset, correction: Correction) -> list[Dataset]:
    """Return the item of RequestAttributesSequence (PS3.3 10.6)."""
    request = Dataset()
    step = item.ScheduledProcedureStepSequence[0]
    for source, keywords in ((item, _REQUEST), (step, _REQUEST_OF_STEP if correction.step else ())):
        for keyword in keywords:
            if found := source.get(keyword):
                _put(request, keyword, found)
    return [request]


def _put(data_set: Dataset, keyword: str, value: Any) -> None:
    """Give a data set a value that was checked when the order came in: nothing is validated or warned of again."""
    tag = tag_for_keyword(keyword) or 0
    data_set[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)


_REQUEST: Final = (
    "AccessionNumber",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "ReasonForTheRequestedProcedure",
)
_REQUEST_OF_STEP: Final = (
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepDescription",
    "ScheduledProtocolCodeSequence",
)
FIELDS: Final = (
    Field("AccessionNumber", needed=True),
    Field("IssuerOfAccessionNumberSequence"),
    Field("ReferringPhysicianName", needed=True),
    Field("PatientName", needed=True),
    Field("PatientID", needed=True),
    Field("IssuerOfPatientID"),
    Field("OtherPatientIDsSequence"),
    Field("PatientBirthDate", needed=True),
    Field("PatientSex", needed=True),
    Field("PatientSize"),
    Field("PatientWeight"),
    Field("PatientSpeciesDescription"),
    Field("PatientSpeciesCodeSequence"),
    Field("PatientSexNeutered"),
    Field("PatientBreedDescription"),
    Field("PatientBreedCodeSequence"),
    Field("BreedRegistrationSequence"),
    Field("ResponsiblePerson"),
    Field("ResponsiblePersonRole"),
    Field("ResponsibleOrganization"),
    Field("PatientComments"),
    Field("StudyID", needed=True, source=lambda item, _: item.RequestedProcedureID),
    Field("RequestAttributesSequence", source=_request),
)


def encoded_values(item: Dataset, correction: Correction, encoding: Encoding) -> dict[int, bytes]:
    """Return what the order says, each field that it has as an encoded element."""
    wanted = Dataset()
    for field in FIELDS:
        found = field.source(item, correction) if field.source else item.get(field.keyword)
        if found not in (None, "", []):
            _put(wanted, field.keyword, found)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = encoding.order == "<", encoding.implicit
    write_dataset(buffer, wanted, "utf-8")
    view = memoryview(buffer.getvalue())
    return {element.tag: _whole(element) for element in elements(view, 0, len(view), encoding)}


def _whole(element: Element) -> bytes:
    [piece] = UnicodeWriter().written([element], CharacterSet(["ISO_IR 192"]))
    return bytes(piece)
