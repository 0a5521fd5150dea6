"""Photographs as large as those that people have: data sets have them made small, and cameras do not.

A detector that is scored only on what is stored may fail on the same picture in twice the size, or on a face that fills
it, and nobody would know. So these are pictures of that size, enlarged before any detector sees them.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from apps.faces.evaluation import sizes
from apps.faces.examples import Example

LARGE = (300.0, 700.0)  # pixels: the root of the area of a large face
LARGEST_PICTURE = 1024  # pixels: the longer side of a picture around a large face, at most
MAGNIFIED = 6.0  # so many times at most; a face would be nothing but blur


def enlarged(example: Example, factor: float) -> Example:
    """The example, so many times as wide and as high."""
    height, width = example.picture.shape[:2]
    shape = round(width * factor), round(height * factor)
    picture = Image.fromarray(example.picture).resize(shape, Image.Resampling.BICUBIC)
    scale = np.array([shape[0] / width, shape[1] / height] * 2)
    return replace(example, picture=np.array(picture), boxes=(example.boxes * scale).astype(np.float32))


def close_up(example: Example) -> Example | None:
    """What is around the largest face that counts, in a picture in which this face is large.

    Its size, sqrt(w h), is drawn from LARGE, by the name of the example and so the same each time. A face that the crop
    cuts is ignored. None where the face would have to be magnified too much, and where no face counts.
    """
    countable = np.flatnonzero(~example.invalid)
    side = sizes(example.boxes[countable])
    if not side.size or side.max() * MAGNIFIED < LARGE[0]:
        return None
    face = example.boxes[countable[side.argmax()]].astype(float)
    generator = np.random.default_rng(zlib.crc32(example.name.encode()))
    factor = generator.uniform(LARGE[0], min(LARGE[1], MAGNIFIED * float(side.max()))) / float(side.max())
    return enlarged(cropped(example, face, int(LARGEST_PICTURE / factor)), factor)


def cropped(example: Example, box: np.ndarray, side: int) -> Example:
    """The part of the picture around the box, (4,), of at most so many pixels a side."""
    height, width = example.picture.shape[:2]
    centre = (box[:2] + box[2:]) / 2
    room = np.minimum([width, height], max(side, 1))
    left, top = np.clip(np.rint(centre - room / 2), 0, [width, height] - room).astype(int)
    picture = example.picture[top : top + room[1], left : left + room[0]]
    boxes = example.boxes - np.array([left, top] * 2, np.float32)
    seen = np.clip(boxes, 0, np.array([*room, *room], np.float32))
    inside = (seen[:, :2] < seen[:, 2:]).all(axis=1)
    cut = (seen != boxes).any(axis=1)
    return Example(picture, seen[inside], (example.invalid | cut)[inside], example.name)


# By the name that their scores have.
SIZES: dict[str, Callable[[Example], Example | None]] = {
    "1.5x": partial(enlarged, factor=1.5),
    "2x": partial(enlarged, factor=2.0),
    "large": close_up,
}


def enlarged_shape(name: str, height: int, width: int) -> tuple[int, int]:
    """Of one of the SIZES, how high and wide a picture of this shape becomes, at most."""
    if name == "large":
        return LARGEST_PICTURE, LARGEST_PICTURE
    factor = float(name.removesuffix("x"))
    return round(height * factor), round(width * factor)
