"""The dental studies as DICOM objects: intraoral (PS3.3 A.28), panoramic (A.26), cone beam CT (A.3).

A panoramic is a Digital X-Ray image with modality PX: there is no SOP class of its own, and panoramic units in the
field send PX objects that are built like DX ones. pydicom's dictionary of PS3.16 has no context group for intraoral
views, so bitewing, periapical and panoramic are local codes.
"""

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicom_gateway.core.model import Code
from dicom_gateway.core.teeth import tooth_code

from . import cone_beam
from .intraoral import BITEWINGS, FULL_MOUTH, Exposure, radiograph
from .objects import Made, code, new_object, put_pixels, put_x_ray, uid
from .panoramic import MAGNIFICATION, SPACING, panoramic

INTRA_ORAL, DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.3", "1.2.840.10008.5.1.4.1.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"

_JAWS = {"both": codes.cid4016.JawRegion, "upper": codes.cid4016.Maxilla, "lower": codes.cid4016.Mandible}
_VIEWS = {
    "Bitewing": Code("BW", "99SAMPLE", "Bitewing"),
    "Periapical": Code("PA", "99SAMPLE", "Periapical"),
    "Panoramic": Code("PAN", "99SAMPLE", "Panoramic"),
}
_ACROSS = {"R": "A", "L": "P", "B": "L"}  # what lies towards the right of the picture (PS3.3 C.7.6.1.1.1)


def _intraoral(study: Made, number: int, exposure: Exposure, spacing: float) -> Dataset:
    description = f"{exposure.view} {' '.join(exposure.centre)}"
    made = new_object(study, INTRA_ORAL, number, 40.0 * number)
    made.ImageComments = description
    made.ImageLaterality = exposure.side
    made.PatientOrientation = [_ACROSS[exposure.side], "F"]
    region = code(_JAWS[exposure.jaw])
    region.AnatomicRegionModifierSequence = [code(getattr(codes.cid4017, exposure.region))]
    made.AnatomicRegionSequence = [region]
    made.PrimaryAnatomicStructureSequence = [code(tooth_code(tooth)) for tooth in exposure.teeth()]
    made.ViewCodeSequence = [code(_VIEWS[exposure.view])]
    made.PositionerType, made.DetectorType = "NONE", "SCINTILLATOR"
    made.DetectorConfiguration, made.DetectorID = "AREA", "IOS-0042"
    milliseconds = 100 if exposure.upright else 125
    made.KVP, made.XRayTubeCurrent, made.ExposureTime, made.ExposureInuAs = 65, 7, milliseconds, 7 * milliseconds
    pixels = radiograph(exposure, spacing, study.random(number))
    return put_x_ray(made, pixels, 12, spacing)


def bitewings(study: Made) -> Iterator[Dataset]:
    """Yield two bitewings."""
    for number, exposure in enumerate(BITEWINGS, 1):
        yield _intraoral(study, number, exposure, 0.04)


def full_mouth(study: Made) -> Iterator[Dataset]:
    """Yield the 18 images of a full-mouth series."""
    for number, exposure in enumerate(FULL_MOUTH, 1):
        yield _intraoral(study, number, exposure, 0.05)


def panoramic_view(study: Made) -> Iterator[Dataset]:
    """Yield the panoramic radiograph."""
    made = new_object(study, DIGITAL_X_RAY, 1, 30)
    made.ImageLaterality, made.PatientOrientation = "B", ["L", "F"]
    made.AnatomicRegionSequence = [code(codes.cid4028.JawRegion)]
    made.PrimaryAnatomicStructureSequence = []
    made.ViewCodeSequence = [code(_VIEWS["Panoramic"])]
    made.PositionerType, made.DetectorType, made.DetectorConfiguration = "NONE", "DIRECT", "SLOT"
    made.KVP, made.XRayTubeCurrent, made.ExposureTime, made.ExposureInuAs = 68, 10, 14100, 141000
    made.DistanceSourceToDetector, made.DistanceSourceToPatient = 500, 400
    made.EstimatedRadiographicMagnificationFactor = MAGNIFICATION
    made.PixelSpacing, made.PixelSpacingCalibrationType = [SPACING, SPACING], "GEOMETRY"
    made.PixelSpacingCalibrationDescription = "layer in focus"
    put_x_ray(made, panoramic(study.random()), 12, round(SPACING * MAGNIFICATION, 5))
    made.BurnedInAnnotation = "NO"  # the side letters identify nobody
    yield made


def cone_beam_slices(study: Made) -> Iterator[Dataset]:
    """Yield the axial slices of the cone beam CT, from the top downwards."""
    half = cone_beam.SIZE * cone_beam.SPACING / 2
    for number, stored in enumerate(cone_beam.volume(study.random()), 1):
        made = new_object(study, CT, number, 25)
        made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        made.PatientPosition, made.PatientOrientation = "HFS", ["L", "P"]
        made.FrameOfReferenceUID = uid("frame", study.study_uid)
        made.PositionReferenceIndicator = ""
        place = -(cone_beam.TOP + (number - 1) * cone_beam.THICKNESS)
        made.ImagePositionPatient = [-half + cone_beam.SPACING / 2, -half + cone_beam.SPACING / 2, round(place, 3)]
        made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        made.PixelSpacing = [cone_beam.SPACING, cone_beam.SPACING]
        made.SliceThickness, made.SliceLocation = cone_beam.THICKNESS, round(place, 3)
        made.AcquisitionNumber, made.KVP, made.XRayTubeCurrent, made.ExposureTime = 1, 90, 8, 12000
        made.ConvolutionKernel, made.ReconstructionDiameter = "DENTAL", 2 * half
        made.RescaleIntercept, made.RescaleSlope, made.RescaleType = cone_beam.INTERCEPT, 1, "HU"
        made.WindowCenter, made.WindowWidth = 900, 3800
        made.PhotometricInterpretation = "MONOCHROME2"
        made.AnatomicRegionSequence = [code(codes.cid4016.Mandible)]
        put_pixels(made, stored, 16)
        made.add_new("PixelPaddingValue", "SS", cone_beam.PADDING)
        yield made
