"""Memory of the checked mode: every access is looked at before it happens, and written into a trace.

An array remembers the address of each index it was asked for, so an index is checked against the shape once
and looked up after that. A trace entry is one integer: the address, in cells, and the place in the source.
What a trace tells (races now; coalescing and bank conflicts could be next) its observers find, see trace.py.
"""

import math

import numpy as np

from kernels.gpu.interpreter.errors import OutOfBounds, Uninitialised, indexed
from kernels.gpu.interpreter.memory import ATOMICS, Memory
from kernels.gpu.interpreter.trace import SITE_BITS


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
        old = self.load(index, site)
        self.data[index] = ATOMICS[operation](old, *map(self.data.dtype.type, operands))
        return old


class LocalArray(ConstantArray):
    """Private to a thread. Remembers which elements were written; nobody else wants to know."""

    def __init__(self, data, sites):
        super().__init__(data, sites)
        self.written = set()

    def load(self, index, site):
        if index not in self.written:
            self.check(index, site)
            raise self.error(Uninitialised, f"of shape {self.shape} is read before this thread wrote it", index, site)
        return self.data[index]

    def store(self, index, value, site):
        if index not in self.written:
            self.check(index, site)
            self.written.add(index)
        self.data[index] = value


class GlobalArray(ConstantArray):
    """An array that other threads see: every access goes into the trace."""

    def __init__(self, data, sites, trace, first_cell, cell_size, addresses):
        super().__init__(data, sites)
        self.record = trace.codes.append
        self.first_cell, self.addresses = first_cell, addresses
        self.steps = [stride // cell_size for stride in data.strides]

    def locate(self, index, site):
        """The address of an element: its cell, in the bits above those of a source place."""
        axes = self.check(index, site)
        cell = self.first_cell + sum(i * step for i, step in zip(axes, self.steps, strict=True))
        address = self.addresses[index] = cell << SITE_BITS
        return address

    def load(self, index, site):
        address = self.addresses.get(index)
        if address is None:
            address = self.locate(index, site)
        self.record(address | site)
        return self.data[index]

    def store(self, index, value, site):
        address = self.addresses.get(index)
        if address is None:
            address = self.locate(index, site)
        self.record(address | site)
        self.data[index] = value


class SharedArray(GlobalArray):
    """Also remembers which of its cells the block has written, together with the arrays it shares them with."""

    def __init__(self, data, sites, trace, first_cell, cell_size, addresses, written):
        super().__init__(data, sites, trace, first_cell, cell_size, addresses)
        self.written = written
        width = data.dtype.itemsize // cell_size
        self.other_cells = [n << SITE_BITS for n in range(1, width)]  # of an element wider than a cell

    def load(self, index, site):
        address = self.addresses.get(index)
        if address is None:
            address = self.locate(index, site)
        written = self.written
        if address not in written or self.other_cells and not all(address + o in written for o in self.other_cells):
            problem = f"of shape {self.shape} is read before any thread of the block wrote it (is a barrier missing?)"
            raise self.error(Uninitialised, problem, index, site)
        self.record(address | site)
        return self.data[index]

    def store(self, index, value, site):
        address = self.addresses.get(index)
        if address is None:
            address = self.locate(index, site)
        self.record(address | site)
        self.data[index] = value
        self.written.add(address)
        for other in self.other_cells:
            self.written.add(address + other)


class CheckedMemory(Memory):
    """Arguments, shared and local memory of one launch, laid out in one space of cells.

    A cell is the largest unit of which every element covers a whole number: 4 bytes if all are float32.
    Arguments that overlap in memory overlap here, so a kernel may be given one buffer under two names.
    """

    def __init__(self, program, shared_bytes, arrays, trace):
        super().__init__(program.declarations, shared_bytes)
        self.sites, self.trace = program.sites, trace
        spans = sorted(np.lib.array_utils.byte_bounds(array) for array in arrays if array.size)
        itemsizes = [thing.dtype.itemsize for thing in (*arrays, *program.declarations)]
        strides = [stride for array in arrays for stride in array.strides]
        self.cell_size = math.gcd(*itemsizes, *strides, *(low for low, _ in spans)) or 1
        self.regions, cells = [], 0
        for low, high in spans:
            if not self.regions or low >= self.regions[-1][1]:
                self.regions.append([low, high, cells])
            cells += (max(high, self.regions[-1][1]) - max(low, self.regions[-1][1] if low < self.regions[-1][1] else low)) // self.cell_size
            self.regions[-1][1] = max(high, self.regions[-1][1])
        self.global_cells = cells
        self.first_cells, self.addresses = {}, {}

    def begin_block(self, block):
        super().begin_block(block)
        self.written_dynamic = set()
