"""Any picture of one digit, made to look like those of MNIST.

The recipe is LeCun's (http://yann.lecun.com/exdb/mnist): light ink on black, cropped to the ink, the longest side
scaled to 20 pixels with grey levels from antialiasing, the centre of mass moved to the centre of 28 x 28 pixels.
An image of MNIST comes back nearly as it went in.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from apps import images
from apps.errors import DataError
from apps.mnist.idx import SIDE

DIGIT = 20  # pixels, the longest side of a digit inside the 28 x 28
ENOUGH = 400  # pixels a side: larger pictures are averaged down to 400 to 800, which also calms noise
CONTRAST = 0.1  # between ink and paper, of the range from black to white: less is a blank picture
EDGE = 0.05  # of the strongest ink: what is fainter does not count when the picture is cropped

# For counting the shapes of a picture. Of MNIST's 10 000 digits held out, 3 fall into two shapes by these numbers.
COARSE = 64  # pixels, at least, of the longer side: larger ink is averaged down, so that noise neither joins nor parts
STRONG = 0.2  # of the strongest ink: what is fainter parts two shapes
TALL = 0.5  # of the tallest shape: what is lower is a dot, a speck or the bar of a 5
SLANT = 0.3  # of the narrower shape: how far another, as both lean, may stand above it

SHADES, ASCII = " ░▒▓█", " .+#@"  # from paper to ink


@dataclass(frozen=True)
class Digit:
    """What was found in a picture: the digit as MNIST has it, uint8 (28, 28), ink 255, and how many shapes it is of."""

    pixels: np.ndarray
    shapes: int


def read_digit(path: str | Path) -> Digit:
    """The digit in an image file of any size and mode.

    Dark ink on light paper or the reverse: the border of the picture is taken for paper. Raises DataError for a file
    that is no picture, and for a blank one.
    """
    ink, noise = find_ink(read_grey(path))
    if ink.max() <= max(CONTRAST, noise):
        raise DataError(f"{path}: a blank picture found, a digit on plain paper expected")
    ink = cropped(ink, noise)
    return Digit(np.rint(255 * centred(scaled(ink))).astype(np.uint8), count_shapes(ink))


def shades_for(encoding: str | None) -> str:
    """SHADES, where what is written to can have them."""
    try:
        SHADES.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return SHADES


def as_text(pixels: np.ndarray, shades: str = SHADES) -> str:
    """A digit (28, 28) as 14 lines of 28 letters: a letter is about as high as two pixels and as wide as one."""
    ink = pixels.reshape(SIDE // 2, 2, SIDE).mean(axis=1)
    levels = np.rint(ink / 255 * (len(shades) - 1)).astype(int)
    return "\n".join("".join(shades[level] for level in row) for row in levels)


def read_grey(path: str | Path) -> np.ndarray:
    """The picture upright, in grey: float32 (height, width), 0 black, 1 white. Raises DataError."""
    try:
        with images.opened(path) as file:
            picture = ImageOps.exif_transpose(file)
            if picture.mode[0] in "IF":  # 16 or 32 bits a pixel, which Pillow would cut off at 255
                deep = np.asarray(picture, np.float32)
                if not np.isfinite(deep).all():
                    raise ValueError("values that are no numbers")
                return deep / max(deep.max(), 255 if picture.mode[0] == "I" else 1)
            rgba = picture.convert("RGBA")
            del picture  # of a large one there shall not be more copies than need be
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        reason = getattr(error, "strerror", None) or type(error).__name__
        if isinstance(error, images.TooLarge):
            reason = str(error)
        raise DataError(f"{path}: no readable picture found ({reason}), an image file expected") from error

    opaque = rgba.getchannel("A").getextrema() == (255, 255)
    alpha = None if opaque else np.asarray(rgba.getchannel("A"), np.float32) / 255
    grey = np.asarray(rgba.convert("L"), np.float32) / 255
    if alpha is None:
        return grey
    return alpha * grey + (1 - alpha) * paper_behind(grey[alpha > 0.5])


def paper_behind(visible: np.ndarray) -> float:
    """The grey to lay behind a transparent picture: its own paper, or, if it has ink only, what contrasts with it."""
    if not visible.size:
        return 1.0
    low, middle, high = np.quantile(visible, [0.02, 0.5, 0.98])
    return float(middle if high - low > 0.25 else middle < 0.5)


def find_ink(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """How much each pixel differs from the paper, and how much of that may be noise, which is already taken off.

    The paper is as grey as the border's median. Light that falls from one side tilts it by the medians of opposite
    sides; of the flat and the tilted paper, the one that leaves less of the border unexplained is taken.
    """
    if (factor := max(grey.shape) // ENOUGH) > 1:
        grey = np.asarray(Image.fromarray(grey).reduce(factor))
    top, bottom, left, right = (np.median(side) for side in (grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    rows, columns = (np.linspace(-0.5, 0.5, size, dtype=np.float32) for size in grey.shape)
    flat = grey - np.median(border(grey))
    tilted = grey - np.add.outer((bottom - top) * rows, (right - left) * columns)
    tilted -= np.median(border(tilted))
    contrast = min(flat, tilted, key=unevenness)
    ink = contrast if contrast.max() > -contrast.min() else -contrast
    noise = 4 * unevenness(contrast)
    return np.maximum(ink - noise, 0), noise


def border(grey: np.ndarray) -> np.ndarray:
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def unevenness(contrast: np.ndarray) -> float:
    """The median deviation of the border from 0: robust where a stroke runs over the edge of the picture."""
    return float(np.median(np.abs(border(contrast))))


def cropped(ink: np.ndarray, noise: float) -> np.ndarray:
    """The smallest rectangle that holds the ink."""
    marked = ink > max(EDGE * ink.max(), noise)
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def count_shapes(ink: np.ndarray) -> int:
    """How many shapes of about one height stand side by side in what is cropped to the ink: "42" has two."""
    if (factor := max(ink.shape) // COARSE) > 1:
        ink = np.asarray(Image.fromarray(ink).reduce(factor))
    labels, _ = ndimage.label(ink > STRONG * ink.max(), np.ones((3, 3)))
    areas = ndimage.find_objects(labels)
    tallest = max(rows.stop - rows.start for rows, _ in areas)
    tall = [columns for rows, columns in areas if rows.stop - rows.start >= TALL * tallest]
    (start, stop), *others = sorted((columns.start, columns.stop) for columns in tall)
    count = 1
    for left, right in others:
        if stop - left <= SLANT * min(stop - start, right - left):
            count, start = count + 1, left
        stop = max(stop, right)
    return count


def scaled(ink: np.ndarray) -> np.ndarray:
    """The longest side 20 pixels, the strongest ink 1."""
    height, width = (max(1, round(DIGIT * side / max(ink.shape))) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.LANCZOS))
    return np.clip(small / small.max(), 0, 1)


def centred(ink: np.ndarray) -> np.ndarray:
    """The ink in 28 x 28 pixels, its centre of mass as near to (14, 14) as whole pixels and the edges allow."""
    canvas = np.zeros((SIDE, SIDE), np.float32)
    top, left = (
        int(np.clip(round(SIDE / 2 - np.average(np.arange(size), weights=ink.sum(axis=1 - axis))), 0, SIDE - size))
        for axis, size in enumerate(ink.shape)
    )
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return canvas
