"""WIDER FACE: photographs with a box around each face (Yang, Luo, Loy, Tang, 2016).

`load` finds the best data at hand: the folder WIDER_FACE_DIR, else crowds composed of the faces in scikit-image.
The folder is as the benchmark publishes it: photographs in `train/images` and `val/images` (the prefix `WIDER_` of its
archives may stay), and `wider_face_split/wider_face_train_bbx_gt.txt`, which for each photograph has its path, a line
with the number of faces, and for each face a line `x y w h blur expression illumination invalid occlusion pose`.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from apps.faces.evaluation import sizes

COLUMNS = 10  # integers in the line of a face
INVALID = 7  # the column that says that a face is not to be counted
LARGEST = 1 << 24  # float32 holds every integer up to here
WHOLE = (12880, 3226)  # photographs for training and validation in all of WIDER FACE
CROWDS = (2000, 200)  # what is composed instead, where there is none


class DataError(ValueError):
    """Data that cannot be used: one line that names the file, what was found and what was expected."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """What is written about a photograph: n faces in stored pixels, x1 < x2 and y1 < y2.

    boxes (n, 4) float32: x1, y1, x2, y2; invalid (n,) bool: not to be counted; attributes (n, 6) int32 in the order of
    the file: blur, expression, illumination, invalid, occlusion, pose; line: where in its file the photograph is named.
    """

    path: Path
    boxes: np.ndarray
    invalid: np.ndarray
    attributes: np.ndarray
    line: int


@dataclass(frozen=True, eq=False)
class Example:
    """What a detector learns from: picture (H, W, 3) uint8 RGB; boxes (n, 4) float32; invalid (n,) bool; name."""

    picture: np.ndarray
    boxes: np.ndarray
    invalid: np.ndarray
    name: str


class Examples(Protocol):
    """Examples by index, made anew each time, and small to send to another process."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...

    def __iter__(self) -> Iterator[Example]: ...


@dataclass(frozen=True)
class Faces:
    """Examples for training and validation.

    source: where from, a line; problems: what is to be known of them, a line each; lists: the folder where WIDER FACE's
    lists of easy, medium and hard faces would be.
    """

    train: Examples
    validation: Examples
    source: str
    problems: tuple[str, ...] = ()
    lists: Path | None = None


def load(source: str = "auto", most: int | None = None) -> Faces:
    """The faces: `auto` takes the best at hand, `wider` the folder WIDER_FACE_DIR only, `builtin` crowds.

    A folder in the environment variable WIDER_FACE_DIR is never silently passed over. For validation there are at most
    so many examples, spread evenly over all of them.
    Raises DataError for a folder that is unusable, and for `wider` where there is none.
    """
    if source not in ("auto", "wider", "builtin"):
        raise DataError(f"data: source {source!r} found, auto, wider or builtin expected")
    if source == "builtin":
        return builtin(most)
    if folder := os.environ.get("WIDER_FACE_DIR"):
        return read_folder(Path(folder), "WIDER_FACE_DIR", most)
    if source == "wider":
        raise DataError("WIDER FACE: no folder found, one in the environment variable WIDER_FACE_DIR expected")
    said = "WIDER_FACE_DIR is not set, so crowds of scikit-image's faces stand in for photographs"
    return replace(builtin(most), problems=(said,))


def read_folder(folder: Path, origin: str, most: int | None = None) -> Faces:
    """The photographs of a folder in the layout of WIDER FACE. Raises DataError."""
    (train, train_problems), (validation, validation_problems) = (read_wider(folder, s) for s in ("train", "val"))
    counts = len(train), len(validation)
    if not all(counts):
        raise DataError(f"{folder}: {counts[0]} and {counts[1]} photographs found, at least one of both expected")
    name = "WIDER FACE" if counts == WHOLE else "photographs"
    source = f"{name} from {origin} ({counts[0]} / {counts[1]})"
    chosen = np.linspace(0, counts[1], min(most or counts[1], counts[1]), endpoint=False).astype(int)
    return Faces(
        Wider(train),
        Wider([validation[i] for i in chosen]),
        source,
        (*train_problems, *validation_problems),
        folder / "wider_face_split",
    )


def builtin(most: int | None = None) -> Faces:
    """Crowds of faces that scikit-image carries: other faces and backgrounds for training than for validation."""
    from apps.faces.crowds import Crowds  # here, because it loads slowly and is seldom needed

    train, validation = Crowds(CROWDS[0], seed=0), Crowds(min(most or CROWDS[1], CROWDS[1]), seed=0, held_out=True)
    return Faces(train, validation, f"crowds composed of faces in scikit-image ({CROWDS[0]} / {CROWDS[1]})")


def read_wider(folder: str | Path, split: str, check: bool = False) -> tuple[list[Photograph], list[str]]:
    """The photographs of a split, "train" or "val", and what is wrong with them, one line each: file, line and what.

    A photograph whose file is missing is reported and left out; a box of negative size is reported and left out; a box
    of zero width or height holds nothing to find, so it is left out as well, and nothing is said. With `check`,
    files are opened to tell also which are no pictures and which boxes lie outside; those photographs stay.
    Raises DataError for a file that is not written as described above, with the number of the line.
    """
    folder = Path(folder)
    annotations = folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt"
    images = next((p for p in (folder / split / "images", folder / f"WIDER_{split}" / "images") if p.is_dir()), None)
    if images is None:
        raise DataError(f"{folder}: neither {split}/images nor WIDER_{split}/images found, one of them expected")

    photographs, problems = [], []
    for line, name, faces in read_annotations(annotations):
        path = images / name
        if not os.path.isfile(path):
            problems.append(f"{annotations}:{line}: {name} found, but no such file in {images}")
            continue
        lines = line + 2 + np.arange(len(faces))
        width, height = faces[:, 2], faces[:, 3]
        for i in np.flatnonzero((width < 0) | (height < 0)):
            problems.append(f"{annotations}:{lines[i]}: a box of {width[i]} x {height[i]} pixels found in {name}")
        solid = (width > 0) & (height > 0)
        faces, lines = faces[solid], lines[solid]
        corners = np.hstack([faces[:, :2], faces[:, :2] + faces[:, 2:4]])
        if check:
            problems += (f"{annotations}:{n}: {problem}" for n, problem in outside(path, name, line, corners, lines))
        invalid = faces[:, INVALID].astype(bool)
        photographs.append(Photograph(path, corners.astype(np.float32), invalid, faces[:, 4:].astype(np.int32), line))
    return photographs, problems


def statistics(photographs: Sequence[Photograph]) -> dict[str, int | float | None]:
    """How many photographs and faces there are, and the median of the valid faces' sqrt(width * height)."""
    each = [len(photograph.boxes) for photograph in photographs]
    valid = sizes(valid_boxes(photographs))
    return {
        "photographs": len(photographs),
        "without_faces": each.count(0),
        "faces": sum(each),
        "invalid": sum(each) - len(valid),
        "most_in_one": max(each, default=0),
        "median_size": round(float(np.median(valid)), 2) if len(valid) else None,
    }


def valid_boxes(photographs: Sequence[Photograph]) -> np.ndarray:
    """The boxes (n, 4) of all faces that count."""
    return np.concatenate([np.zeros((0, 4), np.float32), *(p.boxes[~p.invalid] for p in photographs)])


def read_annotations(path: Path) -> Iterator[tuple[int, str, np.ndarray]]:
    """For each photograph the number of its line, its path, and int (n, 10), a row a face. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error} found, a readable file expected") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is no text, lines of text expected") from error
    while lines and not lines[-1].strip():
        lines.pop()

    def refuse(index: int, expected: str) -> DataError:
        found = repr(lines[index][:60]) if index < len(lines) else "the end of the file"
        return DataError(f"{path}:{index + 1}: {found} found, {expected} expected")

    def integers(index: int, count: int, expected: str) -> list[int]:
        try:
            numbers = [int(word) for word in lines[index].split()]
        except (IndexError, ValueError):
            raise refuse(index, expected) from None
        if len(numbers) != count or any(abs(number) > LARGEST for number in numbers):
            raise refuse(index, expected)
        return numbers

    at = 0
    while at < len(lines):
        name = lines[at].strip()
        if not name:
            raise refuse(at, "the path of a photograph")
        (count,) = integers(at + 1, 1, f"the number of faces in {name}")
        if count < 0:
            raise refuse(at + 1, f"the number of faces in {name}")
        rows = [integers(at + 2 + i, COLUMNS, f"{COLUMNS} integers for face {i + 1} of {count}") for i in range(count)]
        if not count and any(integers(at + 2, COLUMNS, f"{COLUMNS} zeros for no face")):
            raise refuse(at + 2, f"{COLUMNS} zeros for no face")
        yield at + 1, name, np.array(rows, np.int64).reshape(count, COLUMNS)
        at += 2 + max(count, 1)


def outside(path: Path, name: str, line: int, corners: np.ndarray, lines: np.ndarray) -> Iterator[tuple[int, str]]:
    """Which boxes lie partly outside their photograph, and whether it is a picture at all: line and what."""
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        yield line, f"{name} found, but it is no readable picture ({reason(error)})"
        return
    for n, (x1, y1, x2, y2) in zip(lines, corners, strict=True):
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            yield n, f"a box from ({x1}, {y1}) to ({x2}, {y2}) found in {name} of {width} x {height} pixels"


def reason(error: Exception) -> str:
    """What is wrong with a picture, without its path."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "no format that Pillow knows"
    return str(getattr(error, "strerror", None) or error)


def read_picture(path: Path) -> np.ndarray:
    """uint8 (H, W, 3) RGB, as it is stored: boxes refer to stored pixels, so EXIF does not turn it."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


@dataclass
class Wider:
    """Photographs as examples, read when asked for. Boxes are clipped to the picture.

    A picture that cannot be read is named in one warning; in its place stands the next that can be read, after the
    last the first. Iterating leaves it out instead, so that every example comes once.
    """

    photographs: Sequence[Photograph]
    broken: set[Path] = field(default_factory=set, init=False)

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, index: int) -> Example:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"example {index} of {count}")
        for step in range(count):
            if example := self.read(self.photographs[(index + step) % count]):
                return example
        raise DataError(f"{self.photographs[index].path}: none of {count} pictures is readable, at least one expected")

    def __iter__(self) -> Iterator[Example]:
        return (example for photograph in self.photographs if (example := self.read(photograph)))

    def readable(self) -> "Wider":
        """Those not found broken so far: after iterating, by number what was iterated."""
        return Wider([photograph for photograph in self.photographs if photograph.path not in self.broken])

    def read(self, photograph: Photograph) -> Example | None:
        """The example, or None for a picture that cannot be read; the first time with a warning."""
        path = photograph.path
        if path in self.broken:
            return None
        try:
            picture = read_picture(path)
        except Exception as error:  # as above
            self.broken.add(path)
            warnings.warn(f"{path}: left out, no readable picture found ({reason(error)})", stacklevel=3)
            return None
        height, width, _ = picture.shape
        boxes = np.clip(photograph.boxes, 0, np.array([width, height, width, height], np.float32))
        inside = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        return Example(picture, boxes[inside], photograph.invalid[inside], f"{path.parent.name}/{path.stem}")
