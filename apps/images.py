"""Image files from anywhere, opened so that a small file cannot take much memory, nor start other programs.

A picture is refused for its size before its pixels are unpacked. Pillow's own limit warns from 89 million pixels on
and refuses only twice that. What is packed beside the pixels, such as a comment or a colour profile in a PNG, Pillow
unpacks up to 1 MiB a piece and 64 MiB in all. Of several pictures in a file (GIF, WebP, TIFF) only the first is
unpacked, and others by whoever asks for them (apps/faces/pictures.py), each refused for its own size.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from PIL import Image

MOST_PIXELS = 1 << 26  # 8192 x 8192, more than a camera of 64 megapixels gives; read and changed they take up to 1.9 GB

# Of what Pillow knows, the formats of pictures. Left out are those that it hands to other programs (EPS), and those
# that hold documents or data.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP")


# A JPEG file may add to all of its pixels over and over, in scans of a hundred bytes each. Encoders write up to 15.
MOST_SCANS, SCAN = 100, b"\xff\xda"


class TooLarge(ValueError):
    """A picture of more pixels than MOST_PIXELS, or one that takes too long for what it is."""


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
        if picture.format in ("JPEG", "MPO") and picture.fp:
            require_few_scans(picture.fp)
        yield picture


def require_size(width: int, height: int) -> None:
    """Raises TooLarge."""
    if width * height > MOST_PIXELS:
        raise TooLarge(f"{width} x {height} pixels, more than the {MOST_PIXELS:,} that are allowed")


def require_few_scans(file: IO[bytes]) -> None:
    """Raises TooLarge for a JPEG file of more than MOST_SCANS, those of the small pictures beside it included."""
    before, count, last = file.tell(), 0, b""
    file.seek(0)
    while part := file.read(1 << 20):
        count += (last + part).count(SCAN)
        last = part[-1:]
    file.seek(before)
    if count > MOST_SCANS:
        raise TooLarge(f"{count} scans, more than the {MOST_SCANS} that are allowed")
