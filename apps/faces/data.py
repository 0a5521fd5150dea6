"""The faces to learn from and to be scored on: WIDER FACE, or crowds composed of the faces in scikit-image.

`load` finds the best data at hand.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apps.errors import DataError
from apps.faces import crowds
from apps.faces.crowds import Crowds
from apps.faces.examples import Examples
from apps.faces.wider import Wider, digest, read_wider

WHOLE = (12880, 3226)  # photographs for training and validation in all of WIDER FACE
CROWDS = (2000, 200)  # what is composed instead, where there is none


@dataclass(frozen=True)
class Faces:
    """Examples for training and validation.

    source: where from, a line; problems: what is to be known of them, a line each; lists: the folders where the lists
    of WIDER FACE's easy, medium and hard faces may be; digest: which faces are learned from, wherever they were found,
    or nothing where nobody knows.
    """

    train: Examples
    validation: Examples
    source: str
    problems: tuple[str, ...] = ()
    lists: tuple[Path, ...] = ()
    digest: str = ""


def load(source: str = "auto", most: int | None = None, learning: bool = True) -> Faces:
    """The faces: `auto` takes the best at hand, `wider` the folder WIDER_FACE_DIR only, `builtin` crowds.

    A folder in the environment variable WIDER_FACE_DIR is never silently passed over. For validation there are at most
    so many examples, spread evenly over all of them. Without `learning`, photographs for training need not be there.
    Raises DataError for a folder that is unusable, and for `wider` where there is none.
    """
    if source not in ("auto", "wider", "builtin"):
        raise DataError(f"data: source {source!r} found, auto, wider or builtin expected")
    if source == "builtin":
        return builtin(most)
    if folder := os.environ.get("WIDER_FACE_DIR"):
        return read_folder(Path(folder), "WIDER_FACE_DIR", most, learning)
    if source == "wider":
        raise DataError("WIDER FACE: no folder found, one in the environment variable WIDER_FACE_DIR expected")
    said = "WIDER_FACE_DIR is not set, so crowds of scikit-image's faces stand in for photographs"
    return replace(builtin(most), problems=(said,))


def read_folder(folder: Path, origin: str, most: int | None = None, learning: bool = True) -> Faces:
    """The photographs of a folder in the layout of WIDER FACE. Raises DataError."""
    train, train_problems = read_wider(folder, "train") if learning else ([], [])
    validation, validation_problems = read_wider(folder, "val")
    counts = len(train), len(validation)
    if learning and not all(counts):
        raise DataError(f"{folder}: {counts[0]} and {counts[1]} photographs found, at least one of both expected")
    if not validation:
        raise DataError(f"{folder}: no photograph for validation found, at least one expected")
    name = "WIDER FACE" if counts == (WHOLE[0] if learning else 0, WHOLE[1]) else "photographs"
    source = f"{name} from {origin} ({f'{counts[0]} / {counts[1]}' if learning else f'{counts[1]} held out'})"
    chosen = np.linspace(0, counts[1], min(most or counts[1], counts[1]), endpoint=False).astype(int)
    return Faces(
        Wider(train),
        Wider([validation[i] for i in chosen]),
        source,
        (*train_problems, *validation_problems),
        (folder / "wider_face_split", folder),
        digest(train),
    )


def builtin(most: int | None = None) -> Faces:
    """Crowds of faces that scikit-image carries: other faces and backgrounds for training than for validation."""
    train, validation = Crowds(CROWDS[0], seed=0), Crowds(min(most or CROWDS[1], CROWDS[1]), seed=0, held_out=True)
    source = f"crowds composed of faces in scikit-image ({CROWDS[0]} / {CROWDS[1]})"
    return Faces(train, validation, source, digest=crowds.digest(train))
