"""Memory of the checked mode: the arrays of a launch, laid out in one space of cells, see arrays.py."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kernels.gpu.interpreter.arrays import CellArray, GlobalArray, LocalArray, LocalCells, ReadOnlyArray, SharedArray
from kernels.gpu.interpreter.memory import Memory
from kernels.gpu.interpreter.misaligned import MisalignedArray, is_misaligned
from kernels.gpu.interpreter.partly import PartlyArray
from kernels.gpu.interpreter.viewable import pointer

SHARED_ALIGNMENT = 16  # bytes: where a shared array may begin


@dataclass(frozen=True)
class Layout:
    """Where an array lies in the space of cells, and how its accesses are recorded."""

    name: str
    shape: tuple
    first_cell: int
    cell_size: int
    steps: tuple
    width: int
    """Cells of an element."""
    is_shared: bool
    record: Callable
    addresses: dict = field(default_factory=dict)

    def of_view(self, data, away):
        """The layout of a view of the array, whose first element lies so many bytes behind this one's first."""
        steps = tuple(stride // self.cell_size for stride in data.strides)
        first_cell, width = self.first_cell + away // self.cell_size, data.itemsize // self.cell_size
        place = (data.shape, first_cell, self.cell_size, steps, width)
        return Layout(self.name, *place, self.is_shared, self.record)

    def index_at(self, cell):
        """The index of the element that covers a cell: an integer, or a tuple of them; None if none does."""
        away, index = cell - self.first_cell, [0] * len(self.shape)
        # From the end at which all steps lead upwards: a view may walk through memory backwards.
        away -= sum(step * (n - 1) for step, n in zip(self.steps, self.shape, strict=True) if step < 0)
        for axis in sorted(range(len(self.shape)), key=lambda axis: -abs(self.steps[axis])):
            step, extent = self.steps[axis], self.shape[axis]
            along = min(away // abs(step), extent - 1) if step else 0
            away -= along * abs(step)
            index[axis] = extent - 1 - along if step < 0 else along
        if not 0 <= away < self.width or 0 in self.shape:
            return None
        return index[0] if len(index) == 1 else tuple(index)


class CheckedMemory(Memory):
    """Arguments, shared and local memory of one launch, laid out in one space of cells.

    A cell is the largest unit of which every element covers a whole number: 4 bytes if all are float32.
    Arguments that overlap in memory overlap here, so a kernel may be given one buffer under two names.
    """

    def __init__(self, program, shared_bytes, arrays, trace, order, marks=None):
        super().__init__(program.declarations, shared_bytes)
        self.marks = marks
        self.sites, self.trace, self.order, self.has_fences = program.sites, trace, order, program.has_fences
        self.has_views = program.has_views
        itemsizes = [size for dtype in (*program.dtypes, *(array.dtype for array in arrays)) for size in sizes(dtype)]
        strides = [stride for array in arrays for stride in array.strides]
        self.cell_size = math.gcd(*itemsizes, *strides, *map(pointer, arrays)) or 1
        self.regions = merged(np.lib.array_utils.byte_bounds(array) for array in arrays if array.size)
        self.global_cells = sum(high - low for low, high in self.regions) // self.cell_size
        self.next_cell = self.global_cells + shared_bytes // self.cell_size
        self.layouts, self.shared_layouts = [], {}

    def argument(self, array, name):
        kind: type[GlobalArray] = GlobalArray if array.flags.writeable else ReadOnlyArray
        if self.marks is not None and self.marks(array) is not None:
            kind = PartlyArray
        if self.marks is not None and is_misaligned(array):  # in memory of a device, which it is copied from nowhere
            kind = MisalignedArray
        return kind(array, self.sites, self.layout(name, array, self.cell_of(pointer(array)), False), self)

    def layout(self, name, array, first_cell, is_shared):
        steps = tuple(stride // self.cell_size for stride in array.strides)
        width = array.dtype.itemsize // self.cell_size
        record = self.trace.codes.append
        layout = Layout(name, array.shape, first_cell, self.cell_size, steps, width, is_shared, record)
        self.layouts.append(layout)
        return layout

    def cell_of(self, address):
        """The cell of a global address."""
        before = 0
        for low, high in self.regions:
            if low <= address < high:
                return (before + address - low) // self.cell_size
            before += high - low
        return 0  # an array without elements

    def new_shared(self, number, data, block):
        has_cells = self.has_views or self.declarations[number].shape == (0,)
        if number not in self.shared_layouts:
            first_cell = self.shared_cell(number, data)
            self.shared_layouts[number] = self.layout(self.declarations[number].name, data, first_cell, True)
        layout = self.shared_layouts[number]
        if has_cells:
            return CellArray(data, self.sites, layout, self, block.shared.written)
        return SharedArray(data, self.sites, layout, self)

    def shared_cell(self, number, data):
        """The first cell of a shared array. Blocks have the same ones: their accesses are never compared."""
        if self.declarations[number].shape == (0,):
            return self.global_cells
        first_cell = self.next_cell
        self.next_cell += -(-data.nbytes // SHARED_ALIGNMENT) * SHARED_ALIGNMENT // self.cell_size
        return first_cell

    def local(self, number):
        name, template = self.declarations[number].name, self.templates[number]
        if not self.has_views:
            return LocalArray(template, self.sites, name)
        whole = Layout(name, template.shape, 0, self.cell_size, (), 0, False, ignore)
        return LocalCells(template.copy(), self.sites, whole.of_view(template, 0), self, set())

    def viewed(self, view):
        """A view of an array, which the rewritten code has asked for, as it is to see it."""
        return view

    def element(self, cell, name):
        """What lies at a cell: array name, shape, index. If several arrays do, the one called `name`."""
        found = [(layout.name, layout.shape, layout.index_at(cell)) for layout in self.layouts]
        found = [each for each in found if each[2] is not None]
        return next((each for each in found if each[0] == name), found[0] if found else (name, None, None))


def ignore(code):
    """Takes an access of memory that is nobody else's."""


def sizes(dtype):
    """Bytes of an element; of a record also where its fields lie, and those of its fields."""
    yield dtype.itemsize
    for kind, offset, *_ in (dtype.fields or {}).values():
        yield offset
        yield from sizes(kind.base)


def merged(spans):
    """Spans of addresses with those that overlap put together."""
    regions: list[list[int]] = []
    for low, high in sorted(spans):
        if regions and low < regions[-1][1]:
            regions[-1][1] = max(high, regions[-1][1])
        else:
            regions.append([low, high])
    return regions
