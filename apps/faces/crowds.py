"""Crowds: pictures composed of the real faces and photographs in scikit-image, for when no data set is at hand.

Its wheel carries 100 faces of Labeled Faces in the Wild (Huang et al., 2007; 25 x 25 grey pixels), a portrait of
Eileen Collins in colour, and photographs without people; nothing is downloaded. Each face is tinted as skin, scaled,
tilted, and set softly into a head with hair and shoulders before one of the photographs. Some people show the back of
their heads, so that a detector learns faces, and not hair above shoulders, nor the border of what was set in.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from apps.errors import DataError
from apps.faces.examples import Example

VERSION = 1  # to be raised by whoever changes what is composed of a seed and an index
MOST = 60  # faces in a picture
SIDES = (12.0, 200.0)  # pixels: the root of the area of a box
LONG, SHORT = 640, 400  # pixels: the longer side of a picture, and the least of the shorter
CROWDED = 0.8  # the largest of n faces is at most that share of the side of an n-th of the picture
TRIES = 60  # places for a face, before all faces are made smaller
TURNED = 0.25  # backs of heads for each face
HELD_OUT = 20  # of the 100 faces

# A person, in units of the side of the square in which a face comes, from its top left corner: centre, radii.
FACE = np.array([0.5, 0.5, 0.41, 0.5])
HAIR = np.array([0.5, 0.36, 0.53, 0.54])
NECK = np.array([0.5, 1.0, 0.24, 0.45])
TORSO = np.array([0.5, 3.7, 1.1, 2.65])

HAIR_COLOURS = np.array([(24, 20, 18), (45, 32, 24), (70, 48, 32), (110, 78, 46), (150, 120, 80), (120, 118, 116)])
SKIN = np.array([0.68, 1.0, 1.3])  # powers for red, green, blue: middle greys become skin, black and white stay
ASTRONAUT = slice(68, 178), slice(169, 279)  # rows and columns of the face in the portrait
MARGIN = 0.2  # repeated around a square, of its side
FINE = 120  # pixels a side, to which a square with its margins is scaled before it is tilted


@dataclass(frozen=True)
class Crowds:
    """Examples with 1 to 60 faces: each a pure function of seed and index.

    Held out are other faces and other photographs than are used else.
    """

    count: int
    seed: int
    held_out: bool = False

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        if not -self.count <= index < self.count:
            raise IndexError(f"example {index} of {self.count}")
        index %= self.count
        return composed(*self._begin(index), self.held_out, f"crowd {self.seed}-{index}")

    def _begin(self, index: int) -> tuple[int, int, int, np.random.Generator]:
        """How many faces an example has, its width and height, and what draws the rest."""
        generator = np.random.default_rng([self.seed, index, self.held_out])
        n = int(np.exp(generator.uniform(0, np.log(MOST + 1))))
        sides = LONG, int(generator.integers(SHORT, LONG, endpoint=True))
        width, height = sides if generator.random() < 0.7 else sides[::-1]
        return n, width, height, generator

    def shapes(self) -> set[tuple[int, int]]:
        """Heights and widths of the examples, in pixels."""
        return {(height, width) for _, width, height, _ in map(self._begin, range(self.count))}

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(self.count))


def digest(crowds: Crowds) -> str:
    """Which crowds these are: 16 hexadecimal digits of a SHA-256 of this recipe's version, and of count and seed."""
    return hashlib.sha256(repr((VERSION, crowds)).encode()).hexdigest()[:16]


def crowd_of(n: int, seed: int, size: int = LONG, held_out: bool = False) -> Example:
    """One picture of size x size with exactly n faces. Raises DataError where they do not fit."""
    return composed(n, size, size, np.random.default_rng([seed, n, size, held_out]), held_out, f"crowd of {n}")


def composed(n: int, width: int, height: int, generator: np.random.Generator, held_out: bool, name: str) -> Example:
    """A picture of n faces, of which those lower in it stand before those above. Raises DataError."""
    people = layout(n, width, height, generator)
    canvas = background(width, height, generator, held_out)
    for i in np.argsort(people[:, 1] + people[:, 2], kind="stable"):
        paint_person(canvas, people[i], i < n, generator, held_out)
    boxes = reach(people[:n], FACE).astype(np.float32)
    return Example(developed(canvas, generator), boxes, np.zeros(n, bool), name)


def layout(n: int, width: int, height: int, generator: np.random.Generator) -> np.ndarray:
    """Squares, left, top and side, (n + m, 3): for n faces, then for backs of heads as far as there is room.

    No head meets a face. So nobody is hidden, for whose chin is lower is in front, and neck and torso start below it.
    Larger faces tend to be lower, as they are nearer. Raises DataError.
    """

    def drawn(count: int) -> np.ndarray:
        """Sizes up to `high`, largest first, because large faces find places less easily."""
        return np.sort(np.exp(generator.uniform(np.log(SIDES[0]), np.log(high), count)))[::-1]

    high = min(SIDES[1], CROWDED * (width * height / max(n, 1)) ** 0.5, 0.7 * min(width, height))
    while high >= SIDES[0]:
        squares = placed(drawn(n), np.zeros((0, 3)), width, height, generator)
        if len(squares) == n:
            backs = drawn(generator.binomial(n, TURNED))
            return placed(backs, squares, width, height, generator)
        high *= 0.85
    raise DataError(f"crowd: {n} faces found, fewer that fit into {width} x {height} pixels expected")


def placed(
    sizes: np.ndarray, before: np.ndarray, width: int, height: int, generator: np.random.Generator
) -> np.ndarray:
    """The squares that stood before, and after them one for each size for which a place was found."""
    squares = before
    for rank, size in enumerate(sizes):
        side = size / (2 * (FACE[2] * FACE[3]) ** 0.5)
        height_for_size = 1 - (rank + 0.5) / len(sizes)  # from top to bottom, where a face of that size belongs
        left = generator.uniform(0, width - side, TRIES)
        top = np.clip(generator.normal(height_for_size, 0.25, TRIES), 0, 1) * (height - side)
        places = np.column_stack([left, top, np.full(TRIES, side)])
        hidden = overlap(places, HAIR, squares, FACE) | overlap(places, FACE, squares, HAIR)
        free = places[~(hidden | overlap(places, FACE, squares, FACE)).any(axis=1)]
        squares = np.concatenate([squares, free[:1]])
    return squares


def reach(squares: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Boxes (..., 4) around a part of each person, whose square is (..., 3)."""
    corner, side = squares[..., :2], squares[..., 2:]
    return np.concatenate([corner + side * (part[:2] - part[2:]), corner + side * (part[:2] + part[2:])], axis=-1)


def overlap(some: np.ndarray, part: np.ndarray, others: np.ndarray, other_part: np.ndarray) -> np.ndarray:
    """Whether that part of some people, (m, 3), meets that other part of others, (n, 3): (m, n) bool."""
    a, b = reach(some, part)[:, None], reach(others, other_part)[None]
    return np.all((a[..., :2] < b[..., 2:]) & (b[..., :2] < a[..., 2:]), axis=-1)


def paint_person(
    canvas: np.ndarray, square: np.ndarray, shows_face: bool, generator: np.random.Generator, held_out: bool
) -> None:
    """Torso, neck, hair and face, or the back of a head, one over the other into a picture (H, W, 3) float32."""
    cloth = generator.uniform(20, 220) + generator.normal(0, 25, 3)
    hair = HAIR_COLOURS[generator.integers(len(HAIR_COLOURS))] * generator.uniform(0.6, 1.2)
    skin = generator.uniform(0.3, 0.8) ** SKIN * 255
    bald = generator.random() < 0.1
    if shows_face:
        head = face(generator, held_out)
        skin = 0.85 * np.array(head.resize((1, 1), Image.Resampling.BOX), float)[0, 0]
    else:
        head = material(skin if bald else hair, generator, held_out)

    paint(canvas, square, TORSO, material(cloth, generator, held_out), power=3.5, soft=0.03)
    paint(canvas, square, NECK, Image.new("RGB", (1, 1), tuple(skin.astype(int).tolist())))
    if not bald:
        paint(canvas, square, HAIR, material(hair, generator, held_out))
    paint(canvas, square, FACE, head, soft=0.25)


def paint(
    canvas: np.ndarray, square: np.ndarray, part: np.ndarray, source: Image.Image, power: float = 2, soft: float = 0.1
) -> None:
    """Sets a source into an ellipse, or for higher powers nearly into its box; `soft` is the width of its border."""
    x1, y1, x2, y2 = reach(square, part)
    left, right = np.clip(np.rint([x1, x2]).astype(int), 0, canvas.shape[1]).tolist()
    top, bottom = np.clip(np.rint([y1, y2]).astype(int), 0, canvas.shape[0]).tolist()
    if left == right or top == bottom:
        return
    corners = ((np.array([left, top, right, bottom]) - [x1, y1, x1, y1]) / [x2 - x1, y2 - y1, x2 - x1, y2 - y1]).clip(
        0, 1
    )
    box = tuple((corners * (*source.size, *source.size)).tolist())
    seen = np.asarray(source.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box), np.float32)

    x = np.abs((np.arange(left, right, dtype=np.float32) + 0.5 - x1) / (x2 - x1) * 2 - 1)
    y = np.abs((np.arange(top, bottom, dtype=np.float32) + 0.5 - y1) / (y2 - y1) * 2 - 1)
    distance = (y[:, None] ** power + x**power) ** (1 / power)
    cover = np.clip((1 - distance) / max(soft, 3 / (x2 - x1)), 0, 1)[:, :, None].astype(np.float32)
    target = canvas[top:bottom, left:right]
    target += cover * (seen - target)


def face(generator: np.random.Generator, held_out: bool) -> Image.Image:
    """A face that fills its ellipse: mirrored or not, tilted by up to 12 degrees, tinted if grey, in any light."""
    chosen = faces(held_out)[generator.integers(len(faces(held_out)))]
    picture = chosen.rotate(generator.uniform(-12, 12), Image.Resampling.BICUBIC)
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    x1, y1, x2, y2 = (MARGIN + reach(np.array([0, 0, 1]), FACE)) / (1 + 2 * MARGIN) * picture.width
    light = np.asarray(picture.crop((round(x1), round(y1), round(x2), round(y2))), np.float32) / 255
    if light.ndim == 2:
        light = light[:, :, None] ** (SKIN * generator.uniform(0.95, 1.05, 3))
    light = light * generator.uniform(0.75, 1.2) + generator.uniform(-0.03, 0.06)
    return Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8))


def material(colour: np.ndarray, generator: np.random.Generator, held_out: bool) -> Image.Image:
    """Something of that colour, with light and shade from somewhere in a photograph."""
    chosen = photographs(held_out)[generator.integers(len(photographs(held_out)))]
    side = int(generator.integers(24, 128))
    left, top = (int(generator.integers(0, length - side)) for length in chosen.size)
    shade = np.asarray(chosen.crop((left, top, left + side, top + side)).convert("L").resize((48, 48)), np.float32)
    shade = 1 + 0.2 * (shade - shade.mean()) / max(shade.std(), 16.0)
    return Image.fromarray(np.clip(shade[:, :, None] * colour, 0, 255).astype(np.uint8))


def background(width: int, height: int, generator: np.random.Generator, held_out: bool) -> np.ndarray:
    """Some part of a photograph, scaled and perhaps mirrored, (height, width, 3) float32."""
    chosen = photographs(held_out)[generator.integers(len(photographs(held_out)))]
    scale = generator.uniform(0.5, 1) * min(chosen.width / width, chosen.height / height)
    left = generator.uniform(0, chosen.width - scale * width)
    top = generator.uniform(0, chosen.height - scale * height)
    box = left, top, min(left + scale * width, chosen.width), min(top + scale * height, chosen.height)
    picture = np.asarray(chosen.resize((width, height), Image.Resampling.BICUBIC, box), np.float32)
    return np.array(picture[:, ::-1] if generator.random() < 0.5 else picture)


def developed(canvas: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The picture as a camera would give it, uint8: some tint, some noise, one in four without colour."""
    if generator.random() < 0.25:
        canvas = np.broadcast_to((canvas @ np.array([0.299, 0.587, 0.114], np.float32))[:, :, None], canvas.shape)
    tint = generator.uniform(0.75, 1.1) * generator.uniform(0.96, 1.04, 3)
    grain = int(generator.integers(0, 8))
    noise = generator.integers(-grain, grain, (*canvas.shape[:2], 1), np.int8, endpoint=True)
    return np.clip(canvas * tint.astype(np.float32) + noise, 0, 255).astype(np.uint8)


@cache
def faces(held_out: bool) -> list[Image.Image]:
    """The squares of faces, with a margin of repeated pixels, as a tilted face needs: in grey, and one in colour."""
    from skimage import data  # here, because it loads slowly

    grey = (data.lfw_subset()[:100] * 255).astype(np.uint8)
    squares = list(grey[-HELD_OUT:] if held_out else grey[:-HELD_OUT])
    if not held_out:
        squares += [data.astronaut()[ASTRONAUT]] * 4
    found = []
    for square in squares:
        margin = round(MARGIN * len(square))
        padded = np.pad(square, ((margin, margin), (margin, margin), (0, 0))[: square.ndim], mode="edge")
        found.append(Image.fromarray(padded).resize((FINE, FINE), Image.Resampling.BICUBIC))
    return found


@cache
def photographs(held_out: bool) -> list[Image.Image]:
    """The photographs without people, in colour."""
    from skimage import data  # as above

    if held_out:
        found = [data.rocket(), data.gravel(), data.moon()]
    else:
        found = [data.coffee(), data.chelsea(), data.stereo_motorcycle()[0], data.grass(), data.brick()]
    return [Image.fromarray(picture).convert("RGB") for picture in found]
