"""Another view of an example each time: a random crop, scaled, perhaps mirrored, in other light.

Random crops, mirroring with probability 1/2 and random colour jitter are what the network was trained with in
Zozoulenko (2018), section 6. Choosing half of the crops by the size that a face in it shall have follows PyramidBox
(Tang et al., 2018): otherwise large faces, and very small ones, are seldom seen.

Everything random is drawn first, from a generator that is given; then `view` works it out. Only what is visible of
the photograph is resized, and all changes of colour are one affine map, so that a view takes a few milliseconds.
"""

from dataclasses import dataclass, replace
from math import ceil, log

import numpy as np
from PIL import Image

from apps.faces.examples import Example

SCALES = (0.4, 2.2)  # a photograph as a whole
SIDES = (12.0, 256.0)  # pixels, a face that is brought to a size; never enlarged more than
ENLARGED = 3.0
PAPER_CROPS = (0.3, 1.0)  # of the shorter side
JITTER = (0.6, 1.4)
GREY = 0.1  # probability of a picture without colour
KEPT, COUNTED = 0.3, 0.5  # of a face must be visible to be kept if its centre is cut off, and to be counted
LUMA = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue look (ITU-R BT.601)


@dataclass(frozen=True)
class Window:
    """The square of a photograph that a view shows, in its pixels; it may reach beyond the edges, but not lie there."""

    left: float
    top: float
    side: float


def augmented(example: Example, generator: np.random.Generator, size: int) -> Example:
    """A view of size x size: half of the time of the photograph at any scale, half of the time of one of its faces."""
    countable = np.flatnonzero(~example.invalid)
    if len(countable) and generator.random() < 0.5:
        window = face_window(example, example.boxes[generator.choice(countable)], generator, size)
    else:
        window = window_at_random(example, size / log_uniform(generator, *SCALES), generator)
    return view(example, window, size, generator.random() < 0.5, jitter(mean_colour(example.picture), generator))


def paper_augmented(example: Example, generator: np.random.Generator, size: int) -> Example:
    """A view of size x size as in Zozoulenko (2018): any square of the photograph, mirrored with probability 1/2.

    How large its crops are is not said; here a side is 0.3 to 1 of the photograph's shorter side.
    """
    side = min(example.picture.shape[:2]) * generator.uniform(*PAPER_CROPS)
    window = window_at_random(example, side, generator)
    return view(example, window, size, generator.random() < 0.5, jitter(mean_colour(example.picture), generator))


def face_window(example: Example, box: np.ndarray, generator: np.random.Generator, size: int) -> Window:
    """A window that holds a face, (4,), whole, and in whose view the face has a size drawn from SIDES."""
    width, height = (box[2:] - box[:2]).astype(float)
    face = (width * height) ** 0.5
    high = min(SIDES[1], ENLARGED * face, size * face / max(width, height))
    target = log_uniform(generator, min(SIDES[0], high), high)
    return window_at_random(example, size * face / target, generator, box)


def window_at_random(
    example: Example, side: float, generator: np.random.Generator, box: np.ndarray | None = None
) -> Window:
    """A window at random: inside the photograph where it is smaller, around it where it is larger, around the box."""
    height, width = example.picture.shape[:2]

    def start(length: int, first: float, last: float) -> float:
        low, high = max(min(0, length - side), last - side), min(max(0, length - side), first)
        return generator.uniform(low, max(low, high))

    x1, y1, x2, y2 = (np.inf, np.inf, -np.inf, -np.inf) if box is None else box.tolist()
    return Window(start(width, x1, x2), start(height, y1, y2), side)


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(log(low), log(high))))


def view(
    example: Example, window: Window, size: int, mirrored: bool = False, colours: np.ndarray | None = None
) -> Example:
    """What the window shows, size x size; colours (3, 4): an affine map of RGB. Beyond the edges is the mean colour.

    A face whose centre is cut off is left out if less than 30 % of it remain; others are clipped. A face of which less
    than half remains becomes invalid.
    """
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
        red, green, blue = np.rint(mean_colour(example.picture)).astype(int).tolist()
        canvas = Image.new("RGB", (size, size), (red, green, blue))
        canvas.paste(picture, (columns[0], rows[0]))
        picture = canvas
    if colours is not None:
        picture = picture.convert("RGB", tuple(colours.ravel().tolist()))

    boxes = example.boxes.astype(float)
    boxes[:, 0::2] = columns[0] + (boxes[:, 0::2] - x[0]) * (shape[0] / (x[1] - x[0]))
    boxes[:, 1::2] = rows[0] + (boxes[:, 1::2] - y[0]) * (shape[1] / (y[1] - y[0]))
    seen, invalid = clipped(boxes, example.invalid, size)
    result = Example(np.array(picture), seen, invalid, example.name)
    return flipped(result) if mirrored else result


def visible(start: float, side: float, length: int, size: int) -> tuple[tuple[float, float], tuple[int, int]]:
    """Along one axis: from where to where the photograph is seen, in its pixels, and in pixels of the view."""
    low, high = max(start, 0.0), min(start + side, float(length))
    first = min(round((low - start) / side * size), size - 1)
    return (low, high), (first, max(round((high - start) / side * size), first + 1))


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


def jitter(mean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Brightness, contrast about the mean colour, and saturation, in any order, as one affine map of RGB (3, 4)."""
    brightness, contrast, saturation = generator.uniform(*JITTER, 3)
    if generator.random() < GREY:
        saturation = 0.0
    matrix, offset = np.eye(3), np.zeros(3)
    for change in generator.permutation(3):
        if change == 0:
            matrix, offset = brightness * matrix, brightness * offset
        elif change == 1:
            matrix, offset = contrast * matrix, contrast * offset + (1 - contrast) * (LUMA @ (matrix @ mean + offset))
        else:
            mixed = saturation * np.eye(3) + (1 - saturation) * LUMA
            matrix, offset = mixed @ matrix, mixed @ offset
    return np.column_stack([matrix, offset])


def mean_colour(picture: np.ndarray) -> np.ndarray:
    """The mean of every eighth pixel of every eighth row, (3,): near enough, and quick."""
    return picture[::8, ::8].mean(axis=(0, 1))
