"""What a picture that leaves the gateway says of itself: a line below it, which covers nothing of the picture."""

from typing import Final

from PIL import Image, ImageDraw, ImageFont

CAPTION: Final = "Not for diagnosis"
_SMALLEST: Final = 12  # pixels: the height of the letters
_PART: Final = 50  # of the longer edge
_INK, _BACKGROUND = 230, 24  # grey levels


def marked(image: Image.Image) -> Image.Image:
    """Return a picture (L or RGB) with the caption on a strip below it; one narrower than the words is widened."""
    size = max(_SMALLEST, max(image.size) // _PART)
    font = ImageFont.load_default(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(CAPTION))
    margin = size // 2
    width = max(image.width, right - left + 2 * margin)
    whole = Image.new(image.mode, (width, image.height + bottom - top + 2 * margin), (_BACKGROUND,) * len(image.mode))
    whole.paste(image, (0, 0))
    ImageDraw.Draw(whole).text(
        (margin - left, image.height + margin - top), CAPTION, fill=(_INK,) * len(image.mode), font=font
    )
    return whole
