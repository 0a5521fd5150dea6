"""WIDER FACE: photographs with a box around each face (Yang et al., 2016), as the benchmark publishes them.

Photographs are in `train/images` and `val/images` (the prefix `WIDER_` of its archives may stay). What is in them is in
`wider_face_split/wider_face_train_bbx_gt.txt`, and likewise for `val`, which for each photograph has its path, a line
with the number of faces, and for each face a line `x y w h blur expression illumination invalid occlusion pose`.
"""

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from apps import images
from apps.errors import DataError
from apps.faces.evaluation import sizes
from apps.faces.examples import Example
from apps.faces.pictures import read_as_stored, reason
from apps.files import State, opened, require_same, state

COLUMNS = 10  # integers in the line of a face
INVALID = 7  # the column that says that a face is not to be counted
LARGEST = 1 << 24  # float32 holds every integer up to here


@dataclass(frozen=True, eq=False)
class Photograph:
    """What is written about a photograph: n faces in stored pixels, x1 < x2 and y1 < y2.

    boxes (n, 4) float32: x1, y1, x2, y2; invalid (n,) bool: not to be counted; attributes (n, 6) int32 in the order of
    the file: blur, expression, illumination, invalid, occlusion, pose; kept: of m faces that are written, which are
    these, bool (m,); line: where in its file the photograph is named; name: how; state: by what the file with its
    pixels is known again.
    """

    path: Path
    boxes: np.ndarray
    invalid: np.ndarray
    attributes: np.ndarray
    kept: np.ndarray
    line: int
    name: str
    state: State

    @property
    def title(self) -> str:
        """Its event and what it is called, as WIDER FACE's lists name it."""
        return f"{self.path.parent.name}/{self.path.stem}"


def read_wider(folder: str | Path, split: str, check: bool = False) -> tuple[list[Photograph], list[str]]:
    """The photographs of a split, "train" or "val", and what is wrong with them, one line each: file, line and what.

    A photograph whose file is missing is reported and left out; a box of negative size is reported and left out; a box
    of zero width or height holds nothing to find, so it is left out as well, and nothing is said. With `check`,
    files are opened to tell also which are no pictures and which boxes lie outside; those photographs stay.
    Raises DataError for a file that is not written as described above, or names a file that lies elsewhere than among
    the photographs, with the number of the line.
    """
    folder = Path(folder)
    annotations = folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt"
    stored = next((p for p in (folder / split / "images", folder / f"WIDER_{split}" / "images") if p.is_dir()), None)
    if stored is None:
        raise DataError(f"{folder}: neither {split}/images nor WIDER_{split}/images found, one of them expected")

    photographs, problems = [], []
    home = os.path.realpath(stored)
    for line, name, faces in read_annotations(annotations):
        path = stored / name
        if not leads_into(home, name):
            raise DataError(f"{annotations}:{line}: {name} found, the path of a file within {stored} expected")
        if not os.path.isfile(path):
            problems.append(f"{annotations}:{line}: {name} found, but no such file in {stored}")
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
        boxes, attributes = corners.astype(np.float32), faces[:, 4:].astype(np.int32)
        photographs.append(Photograph(path, boxes, invalid, attributes, solid, line, name, state(os.stat(path))))
    return photographs, problems


def leads_into(home: str, name: str) -> bool:
    """Whether a path that somebody else has written stays within a folder, wherever links on its way lead."""
    return os.path.realpath(os.path.join(home, name)).startswith(os.path.join(home, ""))


def digest(photographs: Sequence[Photograph]) -> str:
    """Which photographs these are, wherever they are: 16 hexadecimal digits of a SHA-256.

    It is of their names, the sizes of their files and what is written about their faces, but not of their pixels.
    """
    found = hashlib.sha256()
    for p in photographs:
        found.update(f"{p.name}\n{p.state[0]} bytes, {len(p.boxes)} faces\n".encode())
        found.update(p.boxes.tobytes() + p.attributes.tobytes())
    return found.hexdigest()[:16]


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
        with opened(path) as file:
            lines = file.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n")
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
        if not name or not name.isprintable():
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
        with images.opened(path) as image:
            width, height = image.size
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        yield line, f"{name} found, but it is no readable picture ({reason(error)})"
        return
    for n, (x1, y1, x2, y2) in zip(lines, corners, strict=True):
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            yield n, f"a box from ({x1}, {y1}) to ({x2}, {y2}) found in {name} of {width} x {height} pixels"


@dataclass
class Wider:
    """Photographs as examples, read when asked for. Boxes are clipped to the picture.

    A picture that cannot be read is named in one warning; in its place stands the next that can be read, after the
    last the first. Iterating leaves it out instead, so that every example comes once.

    Raises DataError for a file that is gone or has changed since the photographs were listed.
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

    def shapes(self) -> set[tuple[int, int]]:
        """Heights and widths as the heads of the files say; of those that say none, nothing."""
        found = set()
        for photograph in self.photographs:
            with suppress(Exception), images.opened(photograph.path) as image:  # as above
                found.add((image.height, image.width))
        return found

    def readable(self) -> "Wider":
        """Those not found broken so far: after iterating, by number what was iterated."""
        return Wider([photograph for photograph in self.photographs if photograph.path not in self.broken])

    def read(self, photograph: Photograph) -> Example | None:
        """The example, or None for a picture that cannot be read; the first time with a warning.

        Raises DataError for a file that is no longer what it was when the photographs were listed: a run would go on
        with other pictures than it began with.
        """
        path = photograph.path
        if path in self.broken:
            return None
        with opened(path) as file:
            try:
                picture = read_as_stored(file)
            except Exception as error:  # as above
                picture, said = None, reason(error)
            require_same(path, photograph.state, os.fstat(file.fileno()))
        if picture is None:
            self.broken.add(path)
            warnings.warn(f"{path}: left out, no readable picture found ({said})", stacklevel=3)
            return None
        height, width, _ = picture.shape
        boxes = np.clip(photograph.boxes, 0, np.array([width, height, width, height], np.float32))
        inside = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        kept = photograph.kept.copy()
        kept[kept] = inside
        return Example(picture, boxes[inside], photograph.invalid[inside], photograph.title, kept)
