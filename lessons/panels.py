"""Arrays as grids of cells for a picture: which cells are shown, and where in the grid each stands."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from kernels.gpu.tracing import Recording

ROW, ROWS = 32, 8  # cells of a row, and rows, of an array of one dimension
LARGEST = 34  # rows and columns of a matrix; a tile of 32 with a column more is shown whole
PLANES = 2
NEAR = 3  # a gap of fewer cells is shown
BREAK = 0.7  # cells that a gap takes which is not


@dataclass
class Panel:
    """An array, or the part of it that is shown."""

    number: int
    label: str
    is_matrix: bool
    cells: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Column and row by number of the cell."""
    indices: dict[int, str] = field(default_factory=dict)
    """Of a cell in its matrix, as text."""
    notes: list[tuple[float, float, str]] = field(default_factory=list)
    """Column, row, and what stands there: where cells are left out, and the indices of planes."""
    width: float = 1.0
    height: float = 1.0


def touches(recording: Recording) -> list[dict[int, tuple[int | None, set[int]]]]:
    """Of each array, by cell: who wrote it last, and who has read it."""
    found: list[dict[int, tuple[int | None, set[int]]]] = [{} for _ in recording.arrays]
    for access in recording.accesses():
        writer, readers = found[access.array].get(access.cell, (None, set()))
        if access.kind == "load":
            readers.add(access.thread)
        else:
            writer = access.thread
        found[access.array][access.cell] = writer, readers
    return found


def panel_of(number: int, array, name: str, touched: Collection[int], wanted: Collection[int] = ()) -> Panel:
    """The panel of an array of a recording, of which some cells are touched, and some wanted rather than others."""
    shape = array.shape
    what = ", ".join(filter(None, (name, "" if array.space == "global" else "shared memory"))) or "array"
    label = f"{what}  {' × '.join(map(str, shape))}{' values' if len(shape) == 1 else ''}"
    panel = Panel(number, label, len(shape) > 1)
    if len(shape) == 1:
        row_of_cells(panel, shape[0], touched)
    else:
        planes_of_cells(panel, shape, touched, wanted)
    panel.width = max([1.0, *(column + 1 for column, _ in panel.cells.values())])
    panel.height = max([1.0, *(row + 1 for _, row in panel.cells.values())])
    return panel


def row_of_cells(panel: Panel, size: int, touched: Collection[int]) -> None:
    """An array of one dimension, a row that is wrapped."""
    column, row = 0.0, 0
    for index in range(size) if size <= ROW else with_gaps(touched, ROW * ROWS):
        if column + 1 > ROW:
            column, row = 0.0, row + 1
        if index is None:
            panel.notes.append((column, row, "…"))
            column += BREAK
        else:
            panel.cells[index], panel.indices[index] = (column, row), str(index)
            column += 1


def planes_of_cells(panel: Panel, shape: tuple[int, ...], touched: Collection[int], wanted: Collection[int]) -> None:
    """A matrix; of an array of more dimensions the first that are wanted or touched, one below the other."""
    *outer, rows, columns = shape
    row_numbers = sorted({cell // columns for cell in touched})
    planes = sorted({number // rows for number in row_numbers})
    chosen = sorted({cell // (rows * columns) for cell in wanted})
    planes_shown = sorted([*chosen, *(plane for plane in planes if plane not in chosen)][:PLANES])
    across = shown({cell % columns for cell in touched}, columns)
    top = 0.0
    for plane in planes_shown:
        if int(np.prod(outer)) > 1:
            panel.notes.append((0, top, f"[{', '.join(map(str, np.unravel_index(plane, outer)))}]"))
            top += BREAK + 0.1
        inside = {number % rows for number in row_numbers if number // rows == plane}
        for i in shown(inside, rows):
            left = 0.0
            for j in across:
                if i is not None and j is not None:
                    cell = (plane * rows + i) * columns + j
                    panel.cells[cell], panel.indices[cell] = (left, top), f"{i},{j}"
                elif (j is None and top == 0) or (i is None and left == 0):
                    panel.notes.append((left, top, "…"))
                left += BREAK if j is None else 1
            top += BREAK if i is None else 1
        top += 0.3
    if len(planes) > PLANES:
        panel.label += f", {PLANES} planes of {int(np.prod(outer))}"


def shown(touched: Collection[int], size: int) -> list[int | None]:
    """Rows or columns of a matrix: all, if not many more than those that are touched; else these."""
    if size <= min(LARGEST, max(touched) + 1 + NEAR) and min(touched) <= NEAR:
        return list(range(size))
    found = with_gaps(touched, LARGEST)
    return found if found[-1] in (None, size - 1) else [*found, None]


def with_gaps(numbers: Iterable[int], most: int) -> list[int | None]:
    """Numbers in their order with those between that are near, and None for each gap that is wider; cut at `most`."""
    found: list[int | None] = []
    last: int | None = None
    for number in sorted(numbers):
        if last is not None and number - last > NEAR:
            found.append(None)
        elif last is not None:
            found += range(last + 1, number)
        found.append(number)
        last = number
    return found if len(found) <= most else [*found[:most], None]
