"""The viewer in a browser: what it draws is what the server draws, and mouse, wheel and keys do what they say."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_gateway.study.render import render
from tests.browser.browsing import Reader, reading
from tests.e2e.program import Program
from tests.peers import dcmtk
from tests.study.images import image, save

EDGE = 200
QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))  # of width and height
PIXEL = """([x, y, rows, columns]) => {
  const canvas = document.getElementById("canvas");
  const zoom = Math.min(canvas.width / columns, canvas.height / rows);
  const at = [canvas.width / 2 + (x - 0.5) * columns * zoom, canvas.height / 2 + (y - 0.5) * rows * zoom];
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, -Math.round(at[0]), -Math.round(at[1]));
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def quarters(values: list[Any], dtype: str) -> np.ndarray:
    """Return an image of four squares."""
    half = EDGE // 2
    top, bottom = (
        np.concatenate([np.full((half, half, *np.shape(v)), v, dtype) for v in pair], 1)
        for pair in (values[:2], values[2:])
    )
    return np.concatenate([top, bottom])


def lut() -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "OW", (65535 * (np.arange(4096) / 4095) ** 2).astype("<u2").tobytes())
    return [item]


GREY = quarters([100, 1100, 2500, 3900], "<u2")
FRAMES = np.stack([np.full((EDGE, EDGE), level, np.uint8) for level in (20, 120, 220)])
MADE: dict[str, Callable[[], Dataset]] = {
    "12 bits": lambda: image(GREY, BitsStored=12, WindowCenter=2000, WindowWidth=3000),
    "white first": lambda: image(GREY, BitsStored=12, PhotometricInterpretation="MONOCHROME1"),
    "below zero": lambda: image(
        quarters([-900, 0, 40, 900], "<i2"), RescaleSlope="1", RescaleIntercept="-24", WindowCenter=40, WindowWidth=400
    ),
    "16 bits, a curve": lambda: image(
        quarters([1, 20_000, 40_000, 65_535], "<u2"),
        WindowCenter=30_000, WindowWidth=40_000, VOILUTFunction="SIGMOID",
    ),
    "a table": lambda: image(GREY, BitsStored=12, VOILUTSequence=lut()),
    "no window": lambda: image(GREY, BitsStored=12),
    "colour": lambda: image(quarters([(250, 10, 10), (10, 200, 30), (5, 5, 180), (255, 255, 255)], "u1")),
    "frames": lambda: image(FRAMES, frames=3, WindowCenter=128, WindowWidth=256),
}  # fmt: skip


@pytest.fixture(scope="module")
def study(clinic: Program, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Path]]:
    """Send one image of each kind; return the study and the files in their order."""
    folder, uid, series = tmp_path_factory.mktemp("images"), generate_uid(), generate_uid()
    paths = []
    for number, make in enumerate(MADE.values(), 1):
        made = make()
        made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID = uid, series, generate_uid()
        made.PatientName, made.PatientID, made.SeriesNumber, made.InstanceNumber = "Doe^Rex", "P-1", 1, number
        paths.append(save(made, folder / f"{number}.dcm"))
    dcmtk("storescu", "-aet", "DX1", "127.0.0.1", str(clinic.dicom_port), *map(str, paths))
    return str(uid), paths


@pytest.fixture
def reader(browser: Browser, clinic: Program) -> Iterator[Reader]:
    with reading(browser, clinic.web_port) as reader:
        reader.log_in("Tom")
        yield reader


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pixels(page: Page) -> list[list[int]]:
    return [page.evaluate(PIXEL, [x, y, EDGE, EDGE]) for x, y in QUARTERS]


def drawn(path: Path, frame: int | None = None) -> list[list[int]]:
    """Return what the server draws at the same places."""
    picture = np.asarray(Image.open(io.BytesIO(render(path, frame, 8192, "png").jpeg)).convert("RGB")).astype(int)
    return [picture[round(y * EDGE), round(x * EDGE)].tolist() for x, y in QUARTERS]


def alike(one: list[list[int]], other: list[list[int]]) -> bool:
    return bool(np.abs(np.subtract(one, other)).max() <= 1)


def test_every_kind_of_image_looks_as_the_server_draws_it(reader: Reader, study: tuple[str, list[Path]]) -> None:
    uid, paths = study
    page = reader.open(f"/studies/{uid}/view")
    for number, (name, path) in enumerate(zip(MADE, paths, strict=True), 1):
        until(lambda number=number: page.inner_text("#image-name") == f"Image {number}")  # type: ignore[misc]
        expected = drawn(path, 0)
        until(lambda expected=expected: alike(pixels(page), expected))  # type: ignore[misc]
        assert len({tuple(one) for one in expected}) >= (1 if name == "frames" else 3)
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    until(lambda: page.inner_text("#image-name") == f"Image {len(paths) - 1}")


def test_the_window_by_dragging_numbers_and_presets(reader: Reader, study: tuple[str, list[Path]]) -> None:
    uid, paths = study
    page = reader.open(f"/studies/{uid}/view")
    until(lambda: page.input_value("#center") == "2000")
    before = drawn(paths[0], 0)
    until(lambda: alike(pixels(page), before))
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=3)
    page.mouse.up()
    assert float(page.input_value("#width")) > 3000 and float(page.input_value("#center")) > 2000
    assert page.input_value("#preset") == "o"
    page.fill("#center", "1100")
    page.fill("#width", "2")
    page.press("#width", "Enter")
    until(lambda: [one[0] for one in pixels(page)] == [0, 255, 255, 255])
    page.click("[data-do=invert]")
    until(lambda: [one[0] for one in pixels(page)] == [255, 0, 0, 0])
    assert page.get_attribute("[data-do=invert]", "aria-pressed") == "true"
    page.click("[data-do=reset]")
    until(lambda: alike(pixels(page), before))
    page.select_option("#preset", "f")
    assert float(page.input_value("#width")) == 3800


def test_zoom_move_and_values(reader: Reader, study: tuple[str, list[Path]]) -> None:
    page = reader.open(f"/studies/{study[0]}/view")
    until(lambda: page.inner_text("#zoom").endswith("%"))
    fitted = page.inner_text("#zoom")
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 - 50, box["y"] + box["height"] / 2 - 50)
    until(lambda: page.inner_text("#readout").endswith(" 100"))
    page.keyboard.press("1")
    until(lambda: page.inner_text("#zoom") == "100 %")
    page.mouse.wheel(0, -400)
    until(lambda: int(page.inner_text("#zoom").split()[0]) > 150)
    page.keyboard.press("0")
    until(lambda: page.inner_text("#zoom") == fitted)
    center = [0.5, 0.5, EDGE, EDGE]
    page.click("[data-tool=move]")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 1000, box["y"] + box["height"] / 2, steps=2)
    page.mouse.up()
    until(
        lambda: page.evaluate(PIXEL, center) != [0, 0, 0] and page.evaluate(PIXEL, [0.4, 0.5, EDGE, EDGE]) == [0, 0, 0]
    )


def test_frames(reader: Reader, study: tuple[str, list[Path]]) -> None:
    uid, paths = study
    page = reader.open(f"/studies/{uid}/view")
    page.click("#strip li:last-child a")
    until(lambda: page.inner_text("#frame-number") == "1 / 3")
    page.keyboard.press("ArrowDown")
    until(lambda: page.inner_text("#frame-number") == "2 / 3" and alike(pixels(page), drawn(paths[-1], 1)))
    assert page.url.endswith("&frame=1")
    assert "frame=1" in str(page.get_attribute("a[data-href*='form=png']", "href"))
    page.reload()
    until(lambda: page.inner_text("#frame-number") == "2 / 3")
    page.click("[data-do=play]")
    until(lambda: page.inner_text("#frame-number") == "3 / 3")
    until(lambda: page.inner_text("#frame-number") == "1 / 3")
    page.click("[data-do=play]")
    assert page.get_attribute("[data-do=play]", "aria-pressed") == "false"


def test_the_list_of_keys(reader: Reader, study: tuple[str, list[Path]]) -> None:
    page = reader.open(f"/studies/{study[0]}/view")
    until(lambda: page.input_value("#center") == "2000")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("i")
    assert page.get_attribute("[data-do=invert]", "aria-pressed") == "false", "no command while the list is open"
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")
    page.focus("#center")
    page.keyboard.press("i")
    assert page.get_attribute("[data-do=invert]", "aria-pressed") == "false", "no command while somebody types"


def test_the_header_is_searched(reader: Reader, study: tuple[str, list[Path]]) -> None:
    uid, paths = study
    page = reader.open(f"/studies/{uid}/view?instance=")
    page.click("#strip li:nth-child(5) a")
    until(lambda: page.inner_text("#image-name") == "Image 5")
    page.click("a[data-href$='/metadata']")
    page.fill("#find", "lutdescriptor")
    until(lambda: page.inner_text("#found") == "1")
    assert page.is_visible("text=LUTDescriptor") and not page.is_visible("text=BitsAllocated")
    page.fill("#find", "nothing like it")
    until(lambda: page.inner_text("#found") == "Nothing fits.")
