"""Memory of the checked mode: every access is looked at before it happens, and written into a trace.

A trace entry is one integer: the address, in cells, and the place in the source.
What a trace tells (races, or coalescing and bank conflicts) its observers find, see trace.py.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import mul

import numpy as np

from kernels.gpu.interpreter.errors import OutOfBounds, ReadOnly, Uninitialised, indexed, writes_read_only
from kernels.gpu.interpreter.memory import ATOMICS, Memory
from kernels.gpu.interpreter.trace import RELEASE, SAME, SITE_BITS

SHARED_ALIGNMENT = 16  # bytes: where a shared array may begin


class Indexed:
    """An array that checks its indices. The rewritten code gives `site`, the number of a place in the source."""

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


class ConstantArray(Indexed):
    """An array that does no more than that."""

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


class GlobalArray(Indexed):
    """An array that other threads see: every access goes into the trace."""

    def __init__(self, data, sites, layout, memory):
        super().__init__(data, sites)
        self.layout, self.memory = layout, memory
        self.load, self.stored = self.accessors()
        self.store = self.store_in_order if memory.has_fences else self.stored

    def accessors(self):
        """The functions load(index, site) and store(index, value, site)."""
        return accessors(self.data.ndim)(self.data, self.layout, self.check)

    def address(self, index, site):
        """The address of an element: its cell, in the bits above those of a source place."""
        axes = self.check(index, site)
        return self.layout.first_cell + sum(map(mul, axes, self.layout.steps)) << SITE_BITS

    def atomic(self, index, operation, site, *operands):
        """Change an element; returns its old value."""
        address = self.address(index, site)
        if self.memory.has_fences:
            self.memory.order.change(self.memory.trace.current, address >> SITE_BITS, self.layout.is_shared)
        old = self.before(index, site)
        new = ATOMICS[operation](old, *map(self.data.dtype.type, operands))
        self.layout.record(address | site | (SAME if new == old else 0))
        self.replace(index, new)
        return old

    def before(self, index, site):
        """An element that is about to be changed."""
        return self.data[index]

    def replace(self, index, value):
        self.data[index] = value

    def store_in_order(self, index, value, site):
        """A store of a kernel that has fences: one that directly follows a fence opens a lock, or sets a flag."""
        memory, address = self.memory, self.address(index, site)
        thread = memory.trace.current
        if memory.order.is_behind_fence(thread):
            memory.order.release(thread, address >> SITE_BITS)
            site |= RELEASE
        self.stored(index, value, site)

    def unwritten(self, index, site):
        """The error of who reads shared memory too early."""
        self.check(index, site)
        problem = f"of shape {self.shape} is read before any thread of the block wrote it"
        error = self.error(Uninitialised, problem, index, site)
        error.is_written = lambda: self.is_written(index)
        return error

    def is_written(self, index):
        """Of shared memory: whether a thread of the block has written an element by now."""
        return True


@functools.cache
def accessors(ndim):
    """(data, layout, refuse) -> the functions load(index, site) and store(index, value, site) of a global array.

    They are written out for the number of dimensions, and add up the address themselves: most of what the checked mode
    costs is spent in these lines.
    """
    axes = range(ndim)
    inside = " and ".join(f"0 <= i{a} < n{a}" for a in axes)
    address = " + ".join(["first", *(f"i{a} * s{a}" for a in axes), "site"])
    unpacked = ", ".join(f"i{a}" for a in axes) + "," * (ndim > 1)
    source = f"""
def make(data, layout, refuse):
    first = layout.first_cell << {SITE_BITS}
    [{", ".join(f"n{a}" for a in axes)}] = data.shape
    [{", ".join(f"s{a}" for a in axes)}] = [step << {SITE_BITS} for step in layout.steps]
    record = layout.record
    def load(index, site):
        {unpacked} = index
        if {inside}:
            record({address})
            return data[index]
        refuse(index, site)
    def store(index, value, site):
        {unpacked} = index
        if {inside}:
            record({address} + {SAME} if data[index] == value else {address})
            data[index] = value
        else:
            refuse(index, site)
    return load, store
"""
    names: dict = {}
    exec(source, names)
    return names["make"]


class ReadOnlyArray(GlobalArray):
    """An array that can be read alone."""

    def accessors(self):
        load, _ = super().accessors()

        def store(index, value, site):
            self.atomic(index, "exch", site, value)

        return load, store

    def atomic(self, index, operation, site, *operands):
        self.check(index, site)
        name = self.sites[site].what
        raise ReadOnly(writes_read_only(name, index), array=name, index=index, site=self.sites[site])


class SharedArray(GlobalArray):
    """A dictionary of what the block has written."""

    def accessors(self):
        values: dict = {}
        self.values = values
        addresses, record, locate, unwritten = self.layout.addresses, self.layout.record, self.locate, self.unwritten

        def load(index, site):
            try:
                value = values[index]
            except KeyError:
                raise unwritten(index, site) from None
            record(addresses[index] | site)
            return value

        def store(index, value, site):
            try:
                address = addresses[index]
            except KeyError:
                address = locate(index, site)
            record(address | site | SAME if index in values and values[index] == value else address | site)
            values[index] = value

        return load, store

    def locate(self, index, site):
        address = self.layout.addresses[index] = self.address(index, site)
        return address

    def is_written(self, index):
        return index in self.values

    def before(self, index, site):
        if index not in self.values:
            raise self.unwritten(index, site)
        return self.data.dtype.type(self.values[index])

    def replace(self, index, value):
        self.values[index] = value


class DynamicArray(GlobalArray):
    """Dynamic shared memory, the same bytes for all arrays of it. `written` has the cells that were written."""

    def __init__(self, data, sites, layout, memory, written):
        self.written = written
        self.span = data.dtype.itemsize // layout.cell_size
        super().__init__(data, sites, layout, memory)

    def accessors(self):
        load_any, store_only = super().accessors()
        written, cells, unwritten = self.written, self.cells, self.unwritten

        def load(index, site):
            if not written.issuperset(cells(index, site)):
                raise unwritten(index, site)
            return load_any(index, site)

        def store(index, value, site):
            store_only(index, value, site)
            written.update(cells(index, site))

        return load, store

    def cells(self, index, site):
        first = self.address(index, site) >> SITE_BITS
        return range(first, first + self.span)

    def is_written(self, index):
        return self.written.issuperset(self.cells(index, 0))

    def before(self, index, site):
        if not self.is_written(index):
            raise self.unwritten(index, site)
        return self.data[index]


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

    def __init__(self, program, shared_bytes, arrays, trace, order):
        super().__init__(program.declarations, shared_bytes)
        self.sites, self.trace, self.order, self.has_fences = program.sites, trace, order, program.has_fences
        itemsizes = [thing.dtype.itemsize for thing in (*arrays, *program.declarations)]
        strides = [stride for array in arrays for stride in array.strides]
        self.cell_size = math.gcd(*itemsizes, *strides, *map(pointer, arrays)) or 1
        self.regions = merged(np.lib.array_utils.byte_bounds(array) for array in arrays if array.size)
        self.global_cells = sum(high - low for low, high in self.regions) // self.cell_size
        self.next_cell = self.global_cells + shared_bytes // self.cell_size
        self.layouts, self.shared_layouts = [], {}

    def argument(self, array, name):
        kind = GlobalArray if array.flags.writeable else ReadOnlyArray
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
        is_dynamic = self.declarations[number].shape == (0,)
        if number not in self.shared_layouts:
            first_cell = self.shared_cell(number, data)
            self.shared_layouts[number] = self.layout(self.declarations[number].name, data, first_cell, True)
        layout = self.shared_layouts[number]
        if is_dynamic:
            return DynamicArray(data, self.sites, layout, self, block.shared.written_dynamic)
        return SharedArray(data, self.sites, layout, self)

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
        found = [(layout.name, layout.shape, layout.index_at(cell)) for layout in self.layouts]
        found = [each for each in found if each[2] is not None]
        return next((each for each in found if each[0] == name), found[0] if found else (name, None, None))


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
