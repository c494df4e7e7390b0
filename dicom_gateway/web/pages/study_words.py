"""What studies and images are called for people: kinds of objects, flags, why something was linked or is complete.

Tables of marked texts; a test holds them to the core's own lists.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from dicom_gateway.core.completion import Evidence
from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.model import Instance
from dicom_gateway.core.mount import Group, Place, Row, Why
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_VIDEO: Final = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.7.")  # transfer syntaxes
# SOP class (its start, where it ends with a point) -> what it is; the first that fits
_KINDS: Final = {
    f"{_STORAGE}104.1": _("PDF document"),
    f"{_STORAGE}104.2": _("Clinical document (CDA)"),
    f"{_STORAGE}104.": _("3D model"),
    f"{_STORAGE}88.59": _("Selection of images"),
    f"{_STORAGE}88.": _("Structured report"),
    f"{_STORAGE}11.": _("Presentation state"),
    f"{_STORAGE}9.": _("Waveform"),
    f"{_STORAGE}66": _("Raw data"),
}
_IMAGE, _OTHER, _CLIP = _("Image"), _("Object without a picture"), _("Video")
PDF: Final = f"{_STORAGE}104.1"


def kind_of(instance: Instance) -> Text:
    """Return what an object is."""
    if instance.stored.transfer_syntax_uid.startswith(_VIDEO):
        return _CLIP
    sop_class = instance.header.sop_class_uid
    fits = (
        words for uid, words in _KINDS.items() if sop_class == uid or (uid[-1] == "." and sop_class.startswith(uid))
    )
    return next(fits, _IMAGE if instance.header.rows else _OTHER)


def has_picture(instance: Instance) -> bool:
    """Say whether the viewer can try to show an object."""
    return bool(instance.header.rows) and not instance.stored.transfer_syntax_uid.startswith(_VIDEO)


EVIDENCE: Final[Mapping[str, Text]] = MappingProxyType(
    {
        Evidence.MPPS_IMAGES: _("The device reported the end, and every image that it named is here."),
        Evidence.MPPS_QUIET: _("The device reported the end, and nothing more came."),
        Evidence.COUNT_QUIET: _("As many images as expected are here, and nothing more came."),
        Evidence.QUIET: _("Nothing more came for a while."),
        Evidence.MANUAL: _("Somebody took the study as complete."),
    }
)
REASONS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        LinkReason.PERFORMED_STEP: _("The images name the step that the device reported."),
        LinkReason.STEP_REFERENCE: _("The images name the order."),
        LinkReason.STUDY_UID: _("The device took it from the worklist."),
        LinkReason.ACCESSION: _("The images carry the accession number of the order."),
        LinkReason.NO_ORDER: _("No order fits these images."),
        LinkReason.PATIENT_DIFFERS: _("The images are of another patient than the order."),
        LinkReason.CANCELED: _("The order was cancelled."),
        LinkReason.WRONG_ENTRY: _("The device said that the wrong line of the worklist had been chosen."),
        LinkReason.VERSION: _("This image came again with other contents."),
        LinkReason.SEVERAL_PROCEDURES: _("The accession number belongs to several procedures."),
        LinkReason.MANUAL: _("Somebody matched the images with the order."),
        LinkReason.UNMATCHED: _("Somebody took the images out of their order."),
    }
)
_FLAGS: Final = {
    "re-encoded": _("The same image came again, encoded in another way. The first one counts."),
    "conflict": _("Another image came under the same number. The first one counts until a person looks at both."),
    "patient_differs": _("The image is of another patient than the order."),
    "unreadable": _("Parts of the technical data cannot be read."),
    "character_set": _("Some letters of the image's text could not be read."),
    "encoding_mismatch": _("The image is encoded in another way than it says."),
    "trailing_padding": _("There are needless zeros behind the image."),
    "no_sequence_delimiter": _("A list in the technical data has no end mark."),
    "pixel_description": _("The description of the pixels is incomplete."),
    "pixel_data_length": _("There are more or fewer pixels than the technical data says."),
    "leading_zero_uid": _("An identifier is written with needless zeros."),
}
_BAD_VALUE: Final = "bad_value:"


def flag_words(flag: str) -> Text | str:
    """Return what a flag says; one that is not known stays as it is."""
    if flag.startswith(_BAD_VALUE):
        return _("The value of %(name)s cannot be right.", name=flag.removeprefix(_BAD_VALUE))
    return _FLAGS.get(flag, flag)


_OF_ROWS: Final = {
    (Row.PANORAMIC, Group.WHOLE): _("Panoramic"),
    (Row.UPPER, Group.MOLARS): _("Upper molars"),
    (Row.UPPER, Group.PREMOLARS): _("Upper premolars"),
    (Row.UPPER, Group.CANINE): _("Upper canine"),
    (Row.UPPER, Group.LATERAL): _("Upper lateral incisor"),
    (Row.UPPER, Group.CENTRAL): _("Upper central incisors"),
    (Row.BITEWINGS, Group.MOLARS): _("Bitewing, molars"),
    (Row.BITEWINGS, Group.PREMOLARS): _("Bitewing, premolars"),
    (Row.BITEWINGS, Group.SIDE): _("Bitewing"),
    (Row.LOWER, Group.MOLARS): _("Lower molars"),
    (Row.LOWER, Group.PREMOLARS): _("Lower premolars"),
    (Row.LOWER, Group.CANINE): _("Lower canine"),
    (Row.LOWER, Group.LATERAL): _("Lower lateral incisor"),
    (Row.LOWER, Group.CENTRAL): _("Lower central incisors"),
}
_ON_SIDES: Final = {"R": _("%(place)s, right"), "L": _("%(place)s, left")}
WHY: Final[Mapping[Why, Text]] = MappingProxyType(
    {
        Why.NO_VIEW: _("The image does not say which view it is."),
        Why.OTHER_VIEW: _("This view has no place in the mount."),
        Why.NO_TEETH: _("The image does not say which teeth it shows."),
        Why.BOTH_JAWS: _("The image names teeth of both jaws."),
        Why.BOTH_SIDES: _("The image names teeth of both sides."),
        Why.BETWEEN: _("The teeth lie between two places of the mount."),
    }
)


_VIEWS: Final = {  # what anatomy_rules.py reads and codes mean, in small letters
    "full mouth series": _("Full mouth series"),
    "bitewing": _("Bitewing"),
    "periapical": _("Periapical"),
    "occlusal": _("Occlusal"),
    "panoramic": _("Panoramic"),
    "cephalometric": _("Cephalometric"),
    "ventrodorsal": _("Ventrodorsal"),
    "dorsoventral": _("Dorsoventral"),
    "right lateral": _("Right lateral"),
    "left lateral": _("Left lateral"),
}


def view_words(view: str) -> Text | str:
    """Return what a view is called; one that is not known stays as it is."""
    return _VIEWS.get(view.strip().lower(), view)


def place_words(place: Place) -> Text:
    """Return what a place of the mount is called."""
    name = _OF_ROWS[place.row, place.group]
    side = _ON_SIDES.get(place.side)
    return replace(side, values={"place": name}) if side else name
