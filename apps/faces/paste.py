"""Faces of one photograph pasted into a view of another: more faces, in places where the network does not expect them.

Source: Ghiasi et al. (2021), Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation; here a
face is cut out along the ellipse in its box, with a soft edge.
"""

from math import ceil, log

import numpy as np
from PIL import Image

from apps.faces.examples import Example

MOST = 6  # faces
SHARPEST = 24.0  # pixels, sqrt(w h): smaller faces are not worth being seen twice
SMALLEST = 8.0  # pixels
LARGEST = 0.3  # of the side of the view
MARGIN = 0.15  # of the face, around it: chin, ears and hair
SOFT = 0.25  # of the way from the middle to the edge, over which a pasted face fades
TRIES = 10  # to find a place where there is no face


def with_faces_of(source: Example, target: Example, generator: np.random.Generator) -> Example:
    """The target with one to MOST valid faces of the source, at random places where it has none, made smaller."""
    width, height = (source.boxes[:, 2:] - source.boxes[:, :2]).T
    sharp = np.flatnonzero(~source.invalid & (width * height >= SHARPEST**2))
    if not len(sharp):
        return target
    picture, boxes = target.picture.copy(), [target.boxes]
    for face in generator.choice(sharp, generator.integers(1, MOST, endpoint=True)):
        box = source.boxes[face].astype(float)
        if (placed := place(box, np.concatenate(boxes), picture.shape[0], generator)) is not None:
            paste(source.picture, box, picture, placed)
            boxes.append(placed[np.newaxis].astype(np.float32))
    invalid = np.concatenate([target.invalid, np.zeros(len(boxes) - 1, bool)])
    return Example(picture, np.concatenate(boxes), invalid, target.name)


def place(box: np.ndarray, taken: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray | None:
    """Where a face goes, (4,), in a view of size x size; nowhere if all places that were tried are taken."""
    shape = box[2:] - box[:2]
    face = shape.prod() ** 0.5
    high = min(face, LARGEST * size, size * face / shape.max() / (1 + 2 * MARGIN))
    shape = shape * (np.exp(generator.uniform(log(min(SMALLEST, high)), log(high))) / face)
    margin = MARGIN * shape
    for _ in range(TRIES):
        corner = generator.uniform(0, size - shape)
        low, high_corner = corner - margin, corner + shape + margin
        if not ((taken[:, 2:] > low) & (taken[:, :2] < high_corner)).all(axis=1).any():
            return np.concatenate([corner, corner + shape])
    return None


def paste(picture: np.ndarray, box: np.ndarray, onto: np.ndarray, where: np.ndarray) -> None:
    """Draw what is in the box (4,) of a picture, and a margin around it, where it belongs in another picture."""
    scale = (box[2:] - box[:2]) / (where[2:] - where[:2])
    margin = MARGIN * (where[2:] - where[:2])
    # Whole pixels of the view, and what part of the picture these show.
    low = np.maximum(np.floor(where[:2] - margin), 0)
    high = np.minimum(np.ceil(where[2:] + margin), onto.shape[1::-1])
    first, last = box[:2] + (low - where[:2]) * scale, box[:2] + (high - where[:2]) * scale
    inside = np.clip([*first, *last], 0, [*picture.shape[1::-1]] * 2)
    left, top, right, bottom = int(inside[0]), int(inside[1]), ceil(inside[2]), ceil(inside[3])
    region = Image.fromarray(np.ascontiguousarray(picture[top:bottom, left:right]))
    size = (high - low).astype(int)
    part = tuple((inside - [left, top, left, top]).tolist())
    seen = np.asarray(region.resize(tuple(size.tolist()), Image.Resampling.BILINEAR, part, reducing_gap=2.0), float)

    middle, reach = (where[:2] + where[2:]) / 2, (where[2:] - where[:2]) / 2 + margin
    x, y = ((np.arange(n) + 0.5 + start - at) / r for n, start, at, r in zip(size, low, middle, reach, strict=True))
    cover = np.clip((1 - np.hypot(*np.meshgrid(x, y))) / SOFT, 0, 1)[:, :, np.newaxis]
    (left, top), (right, bottom) = low.astype(int).tolist(), high.astype(int).tolist()
    spot = onto[top:bottom, left:right]
    onto[top:bottom, left:right] = np.rint(spot + cover * (seen - spot))
