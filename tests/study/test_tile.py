import numpy as np
import pytest

from dicom_gateway.study.tile import no_preview, tile
from tests.study.images import shown


@pytest.mark.parametrize("label", ["SR", "no preview", "W" * 300, "", "\x1b[31m\n\u202eüöä漢字"])
@pytest.mark.parametrize("detail", ["", "DX", "M" * 300])
def test_a_tile_is_square_and_its_text_stays_inside(label: str, detail: str) -> None:
    made = tile(label, detail)
    levels = shown(made)

    assert made.is_tile and levels.shape == (256, 256)
    margin = np.concatenate([levels[6:250, 6:10].ravel(), levels[6:250, 246:250].ravel()])
    assert margin.max() < 75
    assert (levels[:, 10:246].max() > 120) == bool(label or detail)


def test_the_label_can_be_told_from_another() -> None:
    assert np.abs(shown(tile("SR")) - shown(tile("PDF"))).max() > 100
    assert np.abs(shown(no_preview()) - shown(no_preview("DX"))).max() > 80
