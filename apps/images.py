"""Image files from anywhere, opened so that a small file cannot take much memory, nor start other programs.

A picture is refused for its size before its pixels are unpacked. Pillow's own limit warns from 89 million pixels on
and refuses only twice that. What is packed beside the pixels, such as a comment or a colour profile in a PNG, Pillow
unpacks up to 1 MiB a piece and 64 MiB in all. Of a film of pictures (GIF, WebP, TIFF) only the first is ever unpacked.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

MOST_PIXELS = 1 << 26  # 8192 x 8192, more than a camera of 64 megapixels gives; 256 MiB with 4 bytes for each

# Of what Pillow knows, the formats of pictures. Left out are those that it hands to other programs (EPS), and those
# that hold documents or data.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP")


class TooLarge(ValueError):
    """A picture of more pixels than MOST_PIXELS."""


@contextmanager
def opened(file: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """A picture, of which only the head has been read. Raises TooLarge, and whatever else Pillow raises."""
    Image.init()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of pictures that are refused below
            picture = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
    except Image.DecompressionBombError:
        raise TooLarge(f"more than the {MOST_PIXELS:,} pixels that are allowed") from None
    with picture:
        require_size(*picture.size)
        yield picture


def require_size(width: int, height: int) -> None:
    """Raises TooLarge."""
    if width * height > MOST_PIXELS:
        raise TooLarge(f"{width} x {height} pixels, more than the {MOST_PIXELS:,} that are allowed")
