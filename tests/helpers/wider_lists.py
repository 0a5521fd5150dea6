"""Lists of faces as WIDER FACE's evaluation toolbox has them: MATLAB files with cells in cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.io import savemat


def cells(rows: Sequence) -> np.ndarray:
    """A cell array of one column, as MATLAB writes it."""
    array = np.empty((len(rows), 1), object)
    for i, row in enumerate(rows):
        array[i, 0] = row
    return array


def write_lists(
    folder: Path,
    boxes: Mapping[str, Sequence[Sequence[float]]],
    counted: Mapping[str, Mapping[str, Sequence[int]]],
    apart: bool = False,
) -> None:
    """wider_easy_val.mat and so on.

    boxes: x, y, w, h of all faces of each picture, by its name such as "0--Parade/0_Parade_a_1"; counted: for each list
    the numbers of the faces that count, from 1 on, by picture; apart: what all lists share is in wider_face_val.mat.
    """
    events = list(dict.fromkeys(name.split("/")[0] for name in boxes))
    pictures = [[name for name in boxes if name.split("/")[0] == event] for event in events]
    common = {
        "event_list": cells(events),
        "file_list": cells([cells([name.split("/")[1] for name in row]) for row in pictures]),
        "face_bbx_list": cells([cells([np.reshape(boxes[name], (-1, 4)) for name in row]) for row in pictures]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "wider_face_val.mat", common)
    for which, numbers in counted.items():
        chosen = [[np.array(numbers.get(name, ()), np.uint8)[:, np.newaxis] for name in row] for row in pictures]
        lists = {"gt_list": cells([cells(row) for row in chosen])}
        savemat(folder / f"wider_{which}_val.mat", lists if apart else common | lists)
