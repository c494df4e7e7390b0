"""What is said to a person who matches: why something waits, why an order is suggested, what is corrected.

Tables of marked texts; a test holds them to the core's own lists.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.suggestions import POSSIBLE, STRONG, Reason, Suggestion, names_patient
from dicom_gateway.web.pages import study_words
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

REASONS: Final[Mapping[Reason, Text]] = MappingProxyType(
    {
        Reason.SAME_ID: _("The patient number is the same."),
        Reason.SAME_ID_OTHER_ISSUER: _("The patient number is the same, but another system gave it."),
        Reason.OTHER_ID: _("The number is another one of this patient, such as a microchip."),
        Reason.ID_ZEROS: _("The patient number is the same but for zeros, signs or capitals."),
        Reason.ID_ONE_OFF: _("The patient number differs in one character."),
        Reason.SAME_NAME: _("The name is the same."),
        Reason.NAME_PARTS_SWAPPED: _("The name is the same in another order."),
        Reason.NAME_SOUNDS: _("The name is the same in other letters."),
        Reason.NAME_ONE_OFF: _("The name differs in one letter."),
        Reason.NAME_PART: _("A part of the name is the same."),
        Reason.SAME_BIRTH_DATE: _("The date of birth is the same."),
        Reason.SAME_ACCESSION: _("The accession number is the same."),
        Reason.ACCESSION_ALIKE: _("The accession number is almost the same."),
        Reason.SAME_DEVICE: _("It is planned on this device."),
        Reason.SAME_MODALITY: _("The kind of imaging is the same."),
        Reason.SAME_TEETH: _("It is of the same teeth."),
        Reason.SOME_TEETH: _("It is of some of the teeth."),
        Reason.SAME_SPECIES: _("The species is the same."),
        Reason.WITHIN_AN_HOUR: _("It was planned within an hour of the images."),
        Reason.SAME_HALF_DAY: _("It was planned within half a day of the images."),
        Reason.WITHIN_DAYS: _("It was planned within three days of the images."),
        Reason.STILL_OPEN: _("Nothing has been done for it yet."),
        Reason.OTHER_MODALITY: _("It asks for another kind of imaging."),
        Reason.OTHER_SPECIES: _("It is of another species."),
        Reason.OTHER_BIRTH_DATE: _("The date of birth is another one."),
        Reason.OTHER_SEX: _("The sex is another one."),
        Reason.CANCELED: _("It was cancelled."),
        Reason.COMPLETED: _("It is complete already."),
    }
)
FIELDS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "patient_id": _("Patient number"),
        "issuer": _("Number given by"),
        "patient_name": _("Patient"),
        "birth_date": _("Date of birth"),
        "sex": _("Sex"),
        "species": _("Species"),
        "accession_number": _("Accession number (on order and images)"),
        "modality": _("Kind of imaging (modality)"),
        "teeth": _("Teeth"),
    }
)
ATTRIBUTES: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PatientName": _("Patient"),
        "PatientID": _("Patient number"),
        "IssuerOfPatientID": _("Number given by"),
        "OtherPatientIDsSequence": _("Other numbers of the patient"),
        "PatientBirthDate": _("Date of birth"),
        "PatientSex": _("Sex"),
        "PatientAge": _("Age"),
        "PatientSize": _("Size"),
        "PatientWeight": _("Weight"),
        "PatientSpeciesDescription": _("Species"),
        "PatientSpeciesCodeSequence": _("Species (code)"),
        "PatientSexNeutered": _("Neutered"),
        "PatientBreedDescription": _("Breed"),
        "PatientBreedCodeSequence": _("Breed (code)"),
        "BreedRegistrationSequence": _("Number with the breed registry"),
        "ResponsiblePerson": _("Owner or responsible person"),
        "ResponsiblePersonRole": _("Role of the responsible person"),
        "ResponsibleOrganization": _("Responsible organization"),
        "PatientComments": _("Comments on the patient"),
        "AccessionNumber": _("Accession number (on order and images)"),
        "IssuerOfAccessionNumberSequence": _("Accession number given by"),
        "ReferringPhysicianName": _("Referring physician"),
        "StudyID": _("Number of the procedure"),
        "RequestAttributesSequence": _("The order that the images answer"),
    }
)
NAMES: Final = frozenset({"patient_name", "PatientName", "ResponsiblePerson", "ReferringPhysicianName"})
_FITS: Final = ((STRONG, "good", _("Fits well")), (POSSIBLE, "going", _("May fit")))
_REPORT: Final = _("No order fits this report.")
_BADLY: Final = ("off", _("Fits badly"))
_ANOTHER: Final = ("off", _("Another patient"))


def fit(suggestion: Suggestion) -> tuple[str, Text]:
    """Return the badge's kind and the words for how well an order fits."""
    if not names_patient(suggestion):
        return _ANOTHER
    return next(((kind, words) for least, kind, words in _FITS if suggestion.score >= least), _BADLY)


def waits(reason: str, has_images: bool) -> Text | str:
    """Return why something waits."""
    return study_words.REASONS.get(reason, reason) if has_images or reason != LinkReason.NO_ORDER else _REPORT


def attribute(keyword: str) -> Text | str:
    """Return what an attribute is called; one that is not in the table by its keyword."""
    return ATTRIBUTES.get(keyword, keyword)
