"""Arrays of the checked mode: every access is looked at before it happens, and written into a trace.

A trace entry is one integer: the address, in cells, and the place in the source.
What a trace tells (races, or coalescing and bank conflicts) its observers find, see trace.py.
"""

import functools
import math
from operator import mul
from typing import Any

from kernels.gpu.interpreter.errors import ReadOnly, Uninitialised, indexed, writes_read_only
from kernels.gpu.interpreter.memory import ATOMICS
from kernels.gpu.interpreter.trace import RELEASE, SAME, SITE_BITS
from kernels.gpu.interpreter.viewable import Viewable, pointer


class Indexed(Viewable):
    """An array that checks its indices. The rewritten code gives `site`, the number of a place in the source."""

    def __init__(self, data, sites, name):
        self.data, self.sites, self.name = data, sites, name
        self.shape, self.size = data.shape, data.size
        self.origin: Any = self
        self.fields: dict = {}

    def __len__(self):
        return len(self.data)

    def check(self, index, site):
        """The index as a tuple. Raises OutOfBounds."""
        axes = index if isinstance(index, tuple) else (index,)
        for i, extent in zip(axes, self.shape, strict=True):
            if not 0 <= i < extent:
                raise self.beyond(index, site)
        return axes

    def error(self, kind, problem, index, site):
        place = self.sites[site]
        return kind(f"{indexed(place.what, index)} {problem}", array=place.what, index=index, site=place)


class ConstantArray(Indexed):
    """An array that does no more than that."""

    def view(self, data):
        made = ConstantArray(data, self.sites, self.name)
        made.origin = self.origin
        return made

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

    def __init__(self, template, sites, name):
        super().__init__(template, sites, name)
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

    writer = "any thread of the block"

    def __init__(self, data, sites, layout, memory):
        super().__init__(data, sites, layout.name)
        self.layout, self.memory = layout, memory
        self.load, self.stored = self.accessors()
        self.store = self.store_in_order if memory.has_fences else self.stored

    def accessors(self):
        """The functions load(index, site) and store(index, value, site)."""
        return accessors(self.data.ndim, self.data.dtype.names is not None)(self.data, self.layout, self.check)

    def view(self, data):
        made = self.over(data, self.layout.of_view(data, pointer(data) - pointer(self.data)))
        made.origin = self.origin
        return self.memory.viewed(made)

    def over(self, data, layout):
        """An array of the same kind."""
        return type(self)(data, self.sites, layout, self.memory)

    def element(self, index, site):
        """By which name, in which shape and at which index an element is known: a view's element by its origin's."""
        if self.origin is self:
            return self.sites[site].what, self.shape, index
        cell = self.address(index, site) >> SITE_BITS
        return self.name, self.origin.shape, self.origin.layout.index_at(cell)

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
        name, shape, at = self.element(index, site)
        problem = f"{indexed(name, at)} of shape {shape} is read before {self.writer} wrote it"
        error = Uninitialised(problem, array=name, index=at, site=self.sites[site])
        if self.layout.is_shared:
            error.is_written = lambda: self.is_written(index)
        return error

    def is_written(self, index):
        """Of shared memory: whether a thread of the block has written an element by now."""
        return True


@functools.cache
def accessors(ndim, is_record):
    """(data, layout, refuse) -> the functions load(index, site) and store(index, value, site) of a global array.

    They are written out for the number of dimensions, and add up the address themselves: most of what the checked mode
    costs is spent in these lines.
    """
    axes = range(ndim)
    inside = " and ".join(f"0 <= i{a} < n{a}" for a in axes) or "True"
    address = " + ".join(["first", *(f"i{a} * s{a}" for a in axes), "site"])
    unpacked = f"[{', '.join(f'i{a}' for a in axes)}]" if ndim != 1 else "i0"
    is_same = "data[index].tobytes() == value.tobytes()" if is_record else "data[index] == value"
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
            return data[index]{".copy()" * is_record}
        refuse(index, site)
    def store(index, value, site):
        {unpacked} = index
        if {inside}:
            record({address} + {SAME} if {is_same} else {address})
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
        name, _, at = self.element(index, site)
        raise ReadOnly(writes_read_only(name, at), array=name, index=at, site=self.sites[site])


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


class CellArray(GlobalArray):
    """Bytes that several arrays may share: dynamic shared memory, or memory seen through views.

    `written` has the cells that were written.
    """

    def __init__(self, data, sites, layout, memory, written):
        self.written = written
        self.span = covered(data.dtype, layout.cell_size)
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

    def over(self, data, layout):
        return type(self)(data, self.sites, layout, self.memory, self.written)

    def cells(self, index, site):
        first = self.address(index, site) >> SITE_BITS
        return [first + cell for cell in self.span]

    def is_written(self, index):
        return self.written.issuperset(self.cells(index, 0))

    def before(self, index, site):
        if not self.is_written(index):
            raise self.unwritten(index, site)
        return self.data[index]


def covered(dtype, cell_size):
    """The cells of an element that hold something: of a record not those between its fields."""
    if dtype.names is None:
        return range(dtype.itemsize // cell_size)
    cells: set[int] = set()
    for kind, offset, *_ in dtype.fields.values():
        base, shape = kind.subdtype or (kind, ())
        starts = [offset // cell_size + n * base.itemsize // cell_size for n in range(math.prod(shape))]
        cells.update(start + cell for start in starts for cell in covered(base, cell_size))
    return sorted(cells)


class LocalCells(CellArray):
    """Memory of a thread, seen through views. Nobody is told of its accesses."""

    writer = "this thread"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.store = self.stored

    atomic = ConstantArray.atomic
