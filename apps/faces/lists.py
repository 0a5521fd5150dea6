"""Which faces count: the official lists of easy, medium and hard faces, or else the heights of the faces.

WIDER FACE's evaluation toolbox comes with wider_easy_val.mat, wider_medium_val.mat, wider_hard_val.mat and
wider_face_val.mat. They have the events, the pictures of each, the boxes of each picture, and of those that count the
numbers, from 1 on. So a face is known by where it stands among the boxes of its picture, and a list fits a data set
whose boxes are in other pixels, if it has for each picture as many lines as the list has boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.errors import DataError
from apps.faces.evaluation import Truth
from apps.faces.matlab import read_matlab

# Face heights in pixels, from the first to below the second: the paper's three scales.
SCALES = {"large": (300, np.inf), "medium": (50, 300), "small": (10, 50)}
LISTS = {name: f"wider_{name}_val.mat" for name in ("easy", "medium", "hard")}

# Holds what a list lacks, if it lacks it: events, pictures and boxes, which are the same for all lists.
COMMON = "wider_face_val.mat"
COLUMNS = ("event_list", "file_list", "face_bbx_list", "gt_list")


@dataclass(frozen=True)
class Lists:
    """For each list by name: for each of its pictures by name, such as "0--Parade/0_Parade_Parade_0_205", which of its
    boxes count, bool (n,)."""

    folder: Path
    counted: Mapping[str, Mapping[str, np.ndarray]]

    def known(self, names: Sequence[str]) -> np.ndarray:
        """Which of the pictures all lists have, bool. Raises DataError where it is none of them."""
        known = np.array([all(bare(name) in each for each in self.counted.values()) for name in names], bool)
        if not known.any():
            raise DataError(f"{self.folder}: none of {len(names)} pictures found in the lists, at least one expected")
        return known

    def missing(self, names: Sequence[str]) -> int:
        """How many pictures of the lists are not among these."""
        return len(set().union(*self.counted.values()) - {bare(name) for name in names})

    def counts(self, which: str, name: str, written: int) -> np.ndarray:
        """Of so many faces that are written about a picture, which count by this list, bool (n,). Raises DataError."""
        counts = self.counted[which][bare(name)]
        if len(counts) != written:
            path = self.folder / LISTS[which]
            raise DataError(f"{path}: {len(counts)} faces in {name} found, {written} expected")
        return counts

    def truths(
        self, truths: Sequence[Truth], names: Sequence[str], kept: Sequence[np.ndarray]
    ) -> dict[str, list[Truth]]:
        """The truth by each list: in it all faces that are not in the list are ignored.

        kept: for each picture, which of the faces that are written about it have a box in its truth, bool (m,).
        Raises DataError for pictures about which other faces are written than the list has.
        """
        pictures = list(zip(truths, names, kept, strict=True))
        return {
            which: [Truth(truth.boxes, ~self.counts(which, name, len(own))[own]) for truth, name, own in pictures]
            for which in self.counted
        }


def bare(name: str) -> str:
    return name.removesuffix(".jpg")


def find_lists(folders: Sequence[Path]) -> Lists | None:
    """The lists in the first of the folders that has one of them. Raises DataError where it has not all."""
    for folder in folders:
        paths = {name: folder / file for name, file in LISTS.items()}
        if any(path.exists() for path in paths.values()):
            return Lists(folder, {name: read_list(path) for name, path in paths.items()})
    return None


def read_list(path: Path) -> dict[str, np.ndarray]:
    """For each picture of a list, by its name, which of its boxes count, bool (n,). Raises DataError."""
    file = read_matlab(path)
    common = path.with_name(COMMON)
    if not file.keys() >= set(COLUMNS) and common.exists():
        file = read_matlab(common) | file
    counted = {}
    try:
        for event, pictures, corners, faces in zip(*(file[key] for key in COLUMNS), strict=True):
            for picture, boxes, numbers in zip(pictures, corners, faces, strict=True):
                counts = np.zeros(len(boxes), bool)
                chosen = np.asarray(numbers, int).ravel()
                if chosen.size and not 1 <= chosen.min() <= chosen.max() <= len(boxes):
                    raise ValueError(f"faces {chosen.min()} to {chosen.max()} of {len(boxes)}")
                counts[chosen - 1] = True
                counted[f"{event}/{picture}"] = counts
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {error} found, a list of events, pictures and faces expected") from error
    return counted


def by_height(truths: Sequence[Truth]) -> dict[str, list[Truth]]:
    """The truth of the paper's three scales, of faces by their height in pixels of the pictures as they are.

    Large are those of 300 and more, medium those from 50 to 300, small those from 10 to 50; all others are ignored.
    """
    heights = [truth.boxes[:, 3] - truth.boxes[:, 1] for truth in truths]
    return {
        name: [truth.ignoring((h < low) | (h >= high)) for truth, h in zip(truths, heights, strict=True)]
        for name, (low, high) in SCALES.items()
    }
