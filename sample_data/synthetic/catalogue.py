"""The studies of the sample set: ONE table of what makes them, which device, which transfer syntax.

Each has an order of its own in orders.json, so that a gateway which was given these orders knows the images.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from .animal_objects import heart, thorax_views
from .dental_objects import bitewings, cone_beam_slices, full_mouth, panoramic_view
from .encoding import save
from .objects import Device, Made

SEED = 20261123
ORDERS = Path(__file__).resolve().parent.parent / "orders.json"

_SENSOR = Device("IO", "Intraoral sensor", "SENSOR1", "IOS-0042")
_PANORAMIC = Device("PX", "Panoramic unit", "OPG1", "OPG-0007")
_CONE_BEAM = Device("CT", "Cone beam unit", "CBCT1", "CB-0003")
_FLAT_PANEL = Device("DX", "Flat panel", "DX1", "DR-4343")
_ULTRASOUND = Device("US", "Ultrasound", "US1", "US-0011")


@dataclass(frozen=True)
class Study:
    """One study: what draws it, its device, its words, its transfer syntaxes (the last one also for what follows)."""

    make: Callable[[Made], Iterator[Dataset]]
    device: Device
    description: str
    body_part: str
    syntaxes: tuple[str, ...]
    objects: int


STUDIES = {
    "bitewings": Study(bitewings, _SENSOR, "Bitewings", "JAW", (ExplicitVRLittleEndian,), 2),
    "fullmouth": Study(full_mouth, _SENSOR, "Full-mouth series", "JAW", (JPEGLosslessSV1,), 18),
    "panoramic": Study(panoramic_view, _PANORAMIC, "Panoramic", "JAW", (JPEGLSLossless,), 1),
    "cbct": Study(cone_beam_slices, _CONE_BEAM, "CBCT lower jaw", "JAW", (ImplicitVRLittleEndian,), 24),
    "thorax": Study(thorax_views, _FLAT_PANEL, "Thorax 2 views", "CHEST", (JPEG2000Lossless,), 2),
    "ultrasound": Study(heart, _ULTRASOUND, "Echocardiogram", "HEART", (JPEGBaseline8Bit, RLELossless), 2),
}


def order_of(name: str) -> dict[str, Any]:
    """Return the order of a study from orders.json."""
    orders: list[dict[str, Any]] = json.loads(ORDERS.read_text(encoding="utf-8"))["orders"]
    return next(order for order in orders if order["placer_order_number"] == f"SAMPLE-{name.upper()}")


def objects(name: str, order: dict[str, Any] | None = None, seed: int = SEED) -> Iterator[tuple[Dataset, str]]:
    """Yield the objects of a study, pixels native, and the transfer syntax that each is meant for.

    `order`: as the API takes or answers it; without one, that of orders.json. The same seed and order give the same.
    """
    study = STUDIES[name]
    made = Made(name, study.device, study.description, study.body_part, order or order_of(name), seed)
    for number, data_set in enumerate(study.make(made)):
        yield data_set, str(study.syntaxes[min(number, len(study.syntaxes) - 1)])


def write(
    folder: Path, names: Iterable[str] = tuple(STUDIES), order: dict[str, Any] | None = None, seed: int = SEED
) -> Iterator[Path]:
    """Write studies as FOLDER/NAME/001.dcm and so on; yield each file as it is written."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, (data_set, syntax) in enumerate(objects(name, order, seed), 1):
            path = folder / name / f"{number:03}.dcm"
            save(data_set, path, syntax)
            yield path
