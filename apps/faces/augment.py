"""Another view of an example each time: a random crop, scaled, perhaps turned and mirrored, in other light.

Random crops, mirroring with probability 1/2 and random colour jitter are what the network was trained with in
Zozoulenko (2018), section 6. Choosing half of the crops by the size that a face in it shall have follows PyramidBox
(Tang et al., 2018): otherwise large faces, and very small ones, are seldom seen. All other crops have 0.3 to 2 times
the photograph's shorter side, as SCRFD has them (Guo et al., 2021, section 3.2).

Everything random is drawn from a generator that is given, so a view is the same wherever and whenever it is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from math import log

import numpy as np
from PIL import Image, ImageFilter

from apps.faces.examples import Example
from apps.faces.paste import with_faces_of
from apps.faces.views import Window, mean_colour, view

ENLARGED = 3.0  # a face that is brought to a size is never enlarged more
PAPER_CROPS = (0.3, 1.0)  # of the shorter side
JITTER = (0.6, 1.4)
GREY = 0.1  # probability of a picture without colour
SOFT = (0.4, 1.5)  # radius of a blur in pixels
QUALITY = (15, 75)  # of a JPEG that shows what it is
TRIES = 8  # to find a place without faces
LUMA = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue look (ITU-R BT.601)


@dataclass(frozen=True)
class Augmentation:
    """How crops are chosen and changed. The probabilities are of each crop.

    shares        sides of crops, from and to, as parts of the photograph's shorter side
    faces         probability that a crop instead brings one face to a size
    sides         that size in pixels, from and to, sqrt(w h)
    empty         probability that a crop shows no face, where a place without one is found
    turned        probability that a crop is turned ...
    angle         ... by at most so many degrees
    pasted        probability that faces of another photograph are pasted into it
    blurred       probability that it is out of focus
    compressed    probability that it was a JPEG of poor quality
    """

    shares: tuple[float, float] = (0.3, 2.0)
    faces: float = 0.5
    sides: tuple[float, float] = (12.0, 256.0)
    empty: float = 0.0
    turned: float = 0.0
    angle: float = 30.0
    pasted: float = 0.0
    blurred: float = 0.0
    compressed: float = 0.0

    def __call__(
        self, example: Example, generator: np.random.Generator, size: int, another: Callable[[], Example] | None = None
    ) -> Example:
        """A view of size x size. `another` gives the example whose faces are pasted."""
        window = self._window(example, generator, size)
        angle = generator.uniform(-self.angle, self.angle) if chance(generator, self.turned) else 0.0
        colours = jitter(mean_colour(example.picture), generator)
        result = view(example, window, size, chance(generator, 0.5), colours, angle)
        if another and chance(generator, self.pasted):
            result = with_faces_of(another(), result, generator)
        return self._worse(result, generator)

    def _window(self, example: Example, generator: np.random.Generator, size: int) -> Window:
        countable = np.flatnonzero(~example.invalid)
        if len(countable) and chance(generator, self.faces):
            box = example.boxes[generator.choice(countable)]
            return face_window(example, box, generator, size, self.sides, self.shares[1])
        lonely = chance(generator, self.empty)
        for _ in range(TRIES if lonely else 1):
            side = min(example.picture.shape[:2]) * log_uniform(generator, *self.shares)
            window = window_at_random(example, side, generator)
            if not lonely or is_empty(example, window):
                break
        return window

    def _worse(self, example: Example, generator: np.random.Generator) -> Example:
        """The example as a poor camera or a careless editor would have it."""
        if not (self.blurred or self.compressed):
            return example
        picture = Image.fromarray(example.picture)
        if chance(generator, self.blurred):
            picture = picture.filter(ImageFilter.GaussianBlur(generator.uniform(*SOFT)))
        if chance(generator, self.compressed):
            written = BytesIO()
            picture.save(written, "jpeg", quality=int(generator.integers(*QUALITY, endpoint=True)))
            picture = Image.open(written)
        return Example(np.array(picture), example.boxes, example.invalid, example.name)


def paper_augmented(
    example: Example, generator: np.random.Generator, size: int, another: Callable[[], Example] | None = None
) -> Example:
    """A view of size x size as in Zozoulenko (2018): any square of the photograph, mirrored with probability 1/2.

    How large its crops are is not said; here a side is 0.3 to 1 of the photograph's shorter side.
    """
    side = min(example.picture.shape[:2]) * generator.uniform(*PAPER_CROPS)
    window = window_at_random(example, side, generator)
    return view(example, window, size, chance(generator, 0.5), jitter(mean_colour(example.picture), generator))


def face_window(
    example: Example,
    box: np.ndarray,
    generator: np.random.Generator,
    size: int,
    sides: tuple[float, float],
    most: float,
) -> Window:
    """A window that holds a face, (4,), whole, and in whose view the face has a size drawn from `sides`.

    A side of it has at most so many times the photograph's shorter side, as more would show nothing.
    """
    width, height = (box[2:] - box[:2]).astype(float)
    face = (width * height) ** 0.5
    high = min(sides[1], ENLARGED * face, size * face / max(width, height))
    low = max(sides[0], size * face / (most * min(example.picture.shape[:2])))
    target = log_uniform(generator, min(low, high), high)
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


def is_empty(example: Example, window: Window) -> bool:
    """Whether no face, invalid ones included, reaches into the window."""
    low = np.array([window.left, window.top])
    return not ((example.boxes[:, 2:] > low) & (example.boxes[:, :2] < low + window.side)).all(axis=1).any()


def chance(generator: np.random.Generator, probability: float) -> bool:
    """Whether it happens. Nothing is drawn for what cannot be."""
    return bool(probability) and bool(generator.random() < probability)


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(log(low), log(high))))


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
