"""What a window shows of a photograph: scaled, perhaps turned and mirrored, and its boxes with it.

Only what is visible of the photograph is resized, and all changes of colour are one affine map, so that a view takes a
few milliseconds.
"""

from dataclasses import dataclass, replace
from math import ceil, cos, radians, sin

import numpy as np
from PIL import Image

from apps.faces.examples import Example

KEPT, COUNTED = 0.3, 0.5  # of a face must be visible to be kept if its centre is cut off, and to be counted


@dataclass(frozen=True)
class Window:
    """The square of a photograph that a view shows, in its pixels; it may reach beyond the edges, but not lie there."""

    left: float
    top: float
    side: float


def view(
    example: Example,
    window: Window,
    size: int,
    mirrored: bool = False,
    colours: np.ndarray | None = None,
    angle: float = 0.0,
) -> Example:
    """What the window shows, size x size. Beyond the edges is the mean colour.

    colours   (3, 4): an affine map of RGB
    angle     degrees by which the view is turned about its middle, against the clock

    A face whose centre is cut off is left out if less than 30 % of it remain; others are clipped. A face of which less
    than half remains becomes invalid.
    """
    whole = size if not angle else corner_to_corner(size, angle)
    more = window.side * (whole / size - 1) / 2
    wider = Window(window.left - more, window.top - more, window.side + 2 * more)
    picture, boxes = scaled(example, wider, whole)
    if angle:
        picture, boxes = turned(picture, boxes, size, angle)
    if colours is not None:
        picture = picture.convert("RGB", tuple(colours.ravel().tolist()))
    seen, invalid = clipped(boxes, example.invalid, size)
    result = Example(np.array(picture), seen, invalid, example.name)
    return flipped(result) if mirrored else result


def scaled(example: Example, window: Window, size: int) -> tuple[Image.Image, np.ndarray]:
    """The window in size x size pixels, and where its boxes are then, (n, 4) float64, inside or not."""
    height, width = example.picture.shape[:2]
    x, columns = visible(window.left, window.side, width, size)
    y, rows = visible(window.top, window.side, height, size)

    # Only whole pixels around what is visible go to Pillow.
    left, top, right, bottom = int(x[0]), int(y[0]), ceil(x[1]), ceil(y[1])
    region = Image.fromarray(np.ascontiguousarray(example.picture[top:bottom, left:right]))
    box = x[0] - left, y[0] - top, x[1] - left, y[1] - top
    shape = columns[1] - columns[0], rows[1] - rows[0]
    picture = region.resize(shape, Image.Resampling.BILINEAR, box, reducing_gap=2.0)
    if shape != (size, size):
        canvas = Image.new("RGB", (size, size), rgb(mean_colour(example.picture)))
        canvas.paste(picture, (columns[0], rows[0]))
        picture = canvas

    boxes = example.boxes.astype(float)
    boxes[:, 0::2] = columns[0] + (boxes[:, 0::2] - x[0]) * (shape[0] / (x[1] - x[0]))
    boxes[:, 1::2] = rows[0] + (boxes[:, 1::2] - y[0]) * (shape[1] / (y[1] - y[0]))
    return picture, boxes


def visible(start: float, side: float, length: int, size: int) -> tuple[tuple[float, float], tuple[int, int]]:
    """Along one axis: from where to where the photograph is seen, in its pixels, and in pixels of the view."""
    low, high = max(start, 0.0), min(start + side, float(length))
    first = min(round((low - start) / side * size), size - 1)
    return (low, high), (first, max(round((high - start) / side * size), first + 1))


def corner_to_corner(size: int, angle: float) -> int:
    """The side of the square that still covers size x size when it is turned; odd or even as the size is."""
    side = ceil(size * (abs(cos(radians(angle))) + abs(sin(radians(angle)))))
    return side + (side - size) % 2


def turned(picture: Image.Image, boxes: np.ndarray, size: int, angle: float) -> tuple[Image.Image, np.ndarray]:
    """The middle, size x size, of a square picture turned against the clock by so many degrees, and its boxes.

    A face is taken for the ellipse in its box: its new box is that of the turned ellipse, where the box of the turned
    corners would be too large by up to a third.
    """
    margin, middle = (picture.width - size) // 2, picture.width / 2
    picture = picture.rotate(angle, Image.Resampling.BILINEAR).crop((margin, margin, margin + size, margin + size))
    c, s = cos(radians(angle)), sin(radians(angle))
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2 - middle).T
    a, b = ((boxes[:, 2:] - boxes[:, :2]) / 2).T
    centres = np.stack([c * x + s * y, c * y - s * x], axis=1) + size / 2
    reach = np.stack([np.hypot(c * a, s * b), np.hypot(s * a, c * b)], axis=1)
    return picture, np.hstack([centres - reach, centres + reach])


def clipped(boxes: np.ndarray, invalid: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The faces that remain in size x size pixels, (m, 4) float32, and which are invalid: before, or by the cut."""
    seen = np.clip(boxes, 0, size)
    area, seen_area = ((b[:, 2:] - b[:, :2]).prod(axis=1) for b in (boxes, seen))
    share = seen_area / area
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres >= 0) & (centres <= size)).all(axis=1)
    seen = seen.astype(np.float32)
    kept = (inside | (share >= KEPT)) & (seen[:, :2] < seen[:, 2:]).all(axis=1)
    return seen[kept], (invalid | (share < COUNTED))[kept]


def flipped(example: Example) -> Example:
    """The example in a mirror that stands beside it."""
    picture = np.array(Image.fromarray(example.picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    x1, y1, x2, y2 = example.boxes.T
    width = np.float32(picture.shape[1])
    return replace(example, picture=picture, boxes=np.stack([width - x2, y1, width - x1, y2], axis=1))


def mean_colour(picture: np.ndarray) -> np.ndarray:
    """The mean of every eighth pixel of every eighth row, (3,): near enough, and quick."""
    return picture[::8, ::8].mean(axis=(0, 1))


def rgb(colour: np.ndarray) -> tuple[int, int, int]:
    """A colour as Pillow takes it."""
    red, green, blue = np.rint(colour).astype(int).tolist()
    return red, green, blue
