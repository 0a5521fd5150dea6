"""Which cells of an array a page shows: of small arrays all, of large ones the rows that the block touches."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

WIDTH = 32  # cells of a strip, at most
ALL = {"global": 64, "shared": 1024}  # of so many cells all are shown
MOST = 2048  # cells of one array


class Strip(NamedTuple):
    """Cells that stand side by side in a row of an array."""

    label: str
    """The index of the first; of a narrow matrix that of its row."""
    first: int
    width: int
    is_plane: bool
    """Whether something else than another row of the same matrix begins here."""


def strips(traced, touched) -> tuple[list[Strip], int]:
    """The strips of an array, and how many touched cells lie in none of them."""
    size = int(np.prod(traced.shape))
    chosen, shown, left_out = [], 0, 0
    for strip in all_strips(traced.shape, None if size <= ALL[traced.space] else touched):
        inside = range(strip.first, strip.first + strip.width)
        if shown + strip.width > MOST:
            left_out += len(touched.intersection(inside))
        else:
            chosen.append(strip)
            shown += strip.width
    return chosen, left_out


def all_strips(shape, touched) -> Iterator[Strip]:
    """In their order; those that have touched cells, or with None all."""
    columns = shape[-1] if shape else 1
    size = int(np.prod(shape))
    if not size:
        return
    wanted = range(0, size) if touched is None else sorted(touched)
    firsts = sorted({cell - cell % columns + cell % columns // WIDTH * WIDTH for cell in wanted})
    plane = None
    for first in firsts:
        index = [int(i) for i in np.unravel_index(first, shape)]
        here = (*index[:-2], index[-1]) if len(index) > 1 else ()
        count = min(WIDTH, columns - index[-1])
        label = index if len(index) == 1 or columns > WIDTH else index[:-1]
        yield Strip(", ".join(map(str, label)), first, count, plane is not None and here != plane)
        plane = here
