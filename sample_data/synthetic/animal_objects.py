"""The veterinary studies as DICOM objects: thorax (Digital X-Ray, PS3.3 A.26) and heart (ultrasound, A.6 and A.7).

Views of animals come from PS3.16 CID 7484, regions from CID 7482; directions are those of a quadruped (C.7.6.1.1.1).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.tag import Tag

from . import thorax, ultrasound
from .dental_objects import DIGITAL_X_RAY
from .objects import Made, code, new_object, put_pixels, put_x_ray
from .thorax_lateral import lateral
from .thorax_vd import ventrodorsal

ULTRASOUND, ULTRASOUND_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"


@dataclass(frozen=True)
class _View:
    position: str
    view: Any
    draw: Callable[[np.random.Generator], NDArray[np.uint16]]
    directions: tuple[str, str]
    lying: Any


_VIEWS = (
    _View("RL", codes.cid7484.LeftRightLateral, lateral, ("CD", "V"), codes.cid20.RightLateralDecubitus),
    _View("VD", codes.cid7484.VentroDorsal, ventrodorsal, ("LE", "CD"), codes.cid20.Supine),
)


def thorax_views(study: Made) -> Iterator[Dataset]:
    """Yield the lateral and the ventrodorsal view, of a detector that stores white as 0."""
    for number, view in enumerate(_VIEWS, 1):
        made = new_object(study, DIGITAL_X_RAY, number, 75.0 * number)
        made.ViewPosition, made.ViewCodeSequence = view.position, [code(view.view)]
        made.ImageLaterality, made.PatientOrientation = "U", list(view.directions)
        lying = code(codes.cid19.Recumbent)
        lying.PatientOrientationModifierCodeSequence = [code(view.lying)]
        made.PatientOrientationCodeSequence = [lying]
        made.AnatomicRegionSequence = [code(codes.cid7482.Chest)]
        made.PositionerType, made.DetectorType, made.DetectorConfiguration = "COLUMN", "SCINTILLATOR", "AREA"
        made.DetectorID, made.Grid, made.DistanceSourceToDetector = "DR-4343", "NONE", 1000
        made.KVP, made.XRayTubeCurrent, made.ExposureTime, made.Exposure = 70, 250, 16, 4
        pixels = view.draw(study.random(number))
        rows, columns = pixels.shape
        made.CollimatorShape = "RECTANGULAR"
        made.CollimatorLeftVerticalEdge, made.CollimatorRightVerticalEdge = thorax.BORDER, columns - thorax.BORDER + 1
        made.CollimatorUpperHorizontalEdge, made.CollimatorLowerHorizontalEdge = thorax.BORDER, rows - thorax.BORDER + 1
        put_x_ray(made, pixels, thorax.DETECTOR.bits, thorax.SPACING, inverse=True)
        made.PixelSpacing = [thorax.SPACING, thorax.SPACING]
        yield made


def _region() -> Dataset:
    """Return the calibrated region of the sector (PS3.3 C.8.5.5): two-dimensional tissue, centimetres."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 2
    item.RegionLocationMinX0, item.RegionLocationMinY0, item.RegionLocationMaxX1, item.RegionLocationMaxY1 = (
        ultrasound.SECTOR
    )
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = 0.1 / ultrasound.PIXELS_PER_MM
    item.ReferencePixelX0 = int(ultrasound.APEX[0]) - ultrasound.SECTOR[0]
    item.ReferencePixelY0 = int(ultrasound.APEX[1]) - ultrasound.SECTOR[1]
    item.ReferencePixelPhysicalValueX = item.ReferencePixelPhysicalValueY = 0.0
    return item


def _heart(study: Made, sop_class: str, number: int, seconds: float) -> Dataset:
    made = new_object(study, sop_class, number, seconds)
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.SequenceOfUltrasoundRegions = [_region()]
    made.UltrasoundColorDataPresent = 0
    made.AnatomicRegionSequence = [code(codes.cid4030.Heart)]
    made.ViewCodeSequence = [code(codes.cid12226.ParasternalShortAxisAtThePapillaryMuscleLevel)]
    made.TransducerData, made.PatientOrientation = ["P8-3", "", ""], ""
    made.HeartRate = ultrasound.HEART_RATE
    return made


def heart(study: Made) -> Iterator[Dataset]:
    """Yield the loop of a beating heart, then a still with a measurement."""
    loop = _heart(study, ULTRASOUND_MULTI_FRAME, 1, 60)
    frames = ultrasound.clip(study.random("loop"))
    loop.NumberOfFrames, loop.FrameTime = len(frames), ultrasound.FRAME_TIME
    loop.FrameIncrementPointer = Tag("FrameTime")
    loop.CineRate = loop.RecommendedDisplayFrameRate = round(1000 / ultrasound.FRAME_TIME)
    loop.EffectiveDuration = round(len(frames) * ultrasound.FRAME_TIME / 1000, 3)
    yield put_pixels(loop, frames, 8)
    yield put_pixels(_heart(study, ULTRASOUND, 2, 150), ultrasound.still(study.random("still")), 8)
