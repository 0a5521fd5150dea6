"""Memory of the checked mode: every access is looked at before it happens, and written into a trace.

An array remembers the address of each index it was asked for, so an index is checked against the shape once
and looked up after that. A trace entry is one integer: the address, in cells, and the place in the source.
What a trace tells (races, or coalescing and bank conflicts) its observers find, see trace.py.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kernels.gpu.interpreter.errors import OutOfBounds, Uninitialised, indexed
from kernels.gpu.interpreter.memory import ATOMICS, Memory
from kernels.gpu.interpreter.trace import SITE_BITS

SHARED_ALIGNMENT = 16  # bytes: where a shared array may begin


class ConstantArray:
    """An array that only checks its indices. The rewritten code gives `site`, the number of a place in the source."""

    def __init__(self, data, sites):
        self.data, self.sites = data, sites
        self.shape, self.size = data.shape, data.size

    def __len__(self):
        return len(self.data)

    def check(self, index, site):
        """The index as a tuple. Raises OutOfBounds."""
        axes = index if isinstance(index, tuple) else (index,)
        for i, extent in zip(axes, self.shape, strict=True):
            if not 0 <= i < extent:
                raise self.error(OutOfBounds, f"is out of bounds for shape {self.shape}", index, site)
        return axes

    def error(self, kind, problem, index, site):
        place = self.sites[site]
        return kind(f"{indexed(place.what, index)} {problem}", array=place.what, index=index, site=place)

    def load(self, index, site):
        self.check(index, site)
        return self.data[index]

    def store(self, index, value, site):
        self.check(index, site)
        self.data[index] = value

    def atomic(self, index, operation, site, *operands):
        """Change an element; returns its old value."""
        old = self.data.dtype.type(self.load(index, site))
        self.replace(index, ATOMICS[operation](old, *map(self.data.dtype.type, operands)))
        return old

    def replace(self, index, value):
        self.data[index] = value


class LocalArray(ConstantArray):
    """Private to a thread: a dictionary of what it has written. Nobody else wants to know."""

    def __init__(self, template, sites):
        super().__init__(template, sites)
        self.values = {}

    def load(self, index, site):
        try:
            return self.values[index]
        except KeyError:
            self.check(index, site)
            problem = f"of shape {self.shape} is read before this thread wrote it"
            raise self.error(Uninitialised, problem, index, site) from None

    def store(self, index, value, site):
        if index not in self.values:
            self.check(index, site)
        self.values[index] = value


class GlobalArray(ConstantArray):
    """An array that other threads see: every access goes into the trace."""

    def __init__(self, data, sites, layout):
        super().__init__(data, sites)
        self.record, self.addresses = layout.record, layout.addresses
        self.layout = layout

    def locate(self, index, site):
        """The address of an element: its cell, in the bits above those of a source place."""
        axes = self.check(index, site)
        cell = self.layout.first_cell + sum(i * step for i, step in zip(axes, self.layout.steps, strict=True))
        address = self.addresses[index] = cell << SITE_BITS
        return address

    def load(self, index, site):
        try:
            address = self.addresses[index]
        except KeyError:
            address = self.locate(index, site)
        self.record(address | site)
        return self.data[index]

    def store(self, index, value, site):
        try:
            address = self.addresses[index]
        except KeyError:
            address = self.locate(index, site)
        self.record(address | site)
        self.data[index] = value


class SharedArray(GlobalArray):
    """A dictionary of what the block has written."""

    def __init__(self, template, sites, layout):
        super().__init__(template, sites, layout)
        self.values = {}

    def load(self, index, site):
        try:
            value = self.values[index]
        except KeyError:
            raise self.unwritten(index, site) from None
        self.record(self.addresses[index] | site)
        return value

    def store(self, index, value, site):
        try:
            address = self.addresses[index]
        except KeyError:
            address = self.locate(index, site)
        self.record(address | site)
        self.values[index] = value

    def replace(self, index, value):
        self.values[index] = value

    def unwritten(self, index, site):
        self.check(index, site)
        problem = f"of shape {self.shape} is read before any thread of the block wrote it"
        error = self.error(Uninitialised, problem, index, site)
        error.is_written = lambda: self.is_written(index)
        return error

    def is_written(self, index):
        """Whether a thread of the block has written an element by now."""
        return index in self.values


class DynamicArray(SharedArray):
    """Dynamic shared memory, the same bytes for all arrays of it. `written` has the cells that were written."""

    def __init__(self, data, sites, layout, written):
        super().__init__(data, sites, layout)
        self.written = written
        self.span = data.dtype.itemsize // layout.cell_size << SITE_BITS

    def cells(self, address):
        return range(address, address + self.span, 1 << SITE_BITS)

    def load(self, index, site):
        address = self.addresses.get(index)
        if address is None:
            address = self.locate(index, site)
        if not self.is_written(index):
            raise self.unwritten(index, site)
        self.record(address | site)
        return self.data[index]

    def store(self, index, value, site):
        GlobalArray.store(self, index, value, site)
        self.written.update(self.cells(self.addresses[index]))

    def is_written(self, index):
        return self.written.issuperset(self.cells(self.addresses[index]))

    replace = ConstantArray.replace


@dataclass(frozen=True)
class Layout:
    """Where an array lies in the space of cells, and how its accesses are recorded."""

    name: str
    shape: tuple
    first_cell: int
    cell_size: int
    steps: tuple
    record: Callable
    addresses: dict = field(default_factory=dict)


class CheckedMemory(Memory):
    """Arguments, shared and local memory of one launch, laid out in one space of cells.

    A cell is the largest unit of which every element covers a whole number: 4 bytes if all are float32.
    Arguments that overlap in memory overlap here, so a kernel may be given one buffer under two names.
    """

    def __init__(self, program, shared_bytes, arrays, trace):
        super().__init__(program.declarations, shared_bytes)
        self.sites, self.trace = program.sites, trace
        itemsizes = [thing.dtype.itemsize for thing in (*arrays, *program.declarations)]
        strides = [stride for array in arrays for stride in array.strides]
        self.cell_size = math.gcd(*itemsizes, *strides, *map(pointer, arrays)) or 1
        self.regions = merged(np.lib.array_utils.byte_bounds(array) for array in arrays if array.size)
        self.global_cells = sum(high - low for low, high in self.regions) // self.cell_size
        self.next_cell = self.global_cells + shared_bytes // self.cell_size
        self.layouts, self.shared_layouts = [], {}

    def argument(self, array, name):
        return GlobalArray(array, self.sites, self.layout(name, array, self.cell_of(pointer(array))))

    def layout(self, name, array, first_cell):
        steps = tuple(stride // self.cell_size for stride in array.strides)
        layout = Layout(name, array.shape, first_cell, self.cell_size, steps, self.trace.codes.append)
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
        is_dynamic = self.declarations[number].shape == (0,)
        if number not in self.shared_layouts:
            first_cell = self.shared_cell(number, data)
            self.shared_layouts[number] = self.layout(self.declarations[number].name, data, first_cell)
        layout = self.shared_layouts[number]
        if is_dynamic:
            return DynamicArray(data, self.sites, layout, block.shared.written_dynamic)
        return SharedArray(data, self.sites, layout)

    def shared_cell(self, number, data):
        """The first cell of a shared array. Blocks have the same ones: their accesses are never compared."""
        if self.declarations[number].shape == (0,):
            return self.global_cells
        first_cell = self.next_cell
        self.next_cell += -(-data.nbytes // SHARED_ALIGNMENT) * SHARED_ALIGNMENT // self.cell_size
        return first_cell

    def local(self, number):
        return LocalArray(self.templates[number], self.sites)

    def element(self, cell, name):
        """What lies at a cell: array name, shape, index. If several arrays do, the one called `name`."""
        found = name, None, None
        for layout in self.layouts:
            for index, address in layout.addresses.items():
                if address >> SITE_BITS == cell and (layout.name == name or found[1] is None):
                    found = layout.name, layout.shape, index
        return found


def pointer(array):
    return array.__array_interface__["data"][0]


def merged(spans):
    """Spans of addresses with those that overlap put together."""
    regions: list[list[int]] = []
    for low, high in sorted(spans):
        if regions and low < regions[-1][1]:
            regions[-1][1] = max(high, regions[-1][1])
        else:
            regions.append([low, high])
    return regions
