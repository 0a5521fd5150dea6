"""A few blocks of a launch, executed for their counts."""

import re

import numpy as np

from kernels.gpu.compiler import NoCompiler
from kernels.gpu.interpreter.errors import KernelError
from kernels.gpu.interpreter.launch import CheckedExecution
from kernels.gpu.interpreter.trace import PATH, SITE_BITS
from kernels.gpu.shown import cause, shown
from kernels.gpu.xray.counts import Counts, Subject, Xray
from kernels.gpu.xray.requests import Requests
from kernels.gpu.xray.roofline import GPUS, Gpu

BLOCKS = 1
ALIGNMENT = 256  # bytes: where GPU allocators let an array begin


def xray(launch, blocks=BLOCKS, gpu: Gpu = GPUS["h200"]) -> Xray:
    """Execute `blocks` blocks of a launch on NumPy arrays, spread over its grid, and count as `gpu` would see it.

    The arrays hold afterwards what these blocks wrote. Raises KernelError, and CompileError for a kernel that does not
    compile for the GPU; where no compiler is installed, every access is counted as the source has it.
    """
    try:
        execution = CountingExecution(launch, blocks, gpu.architecture)
        execution.run()
    except KernelError as error:
        error.kernel = launch.kernel.name
        raise shown(error) from cause(error)
    return execution.result()


class CountingExecution(CheckedExecution):
    """Some blocks of a launch being executed: accesses are checked and counted, races are not looked for."""

    counted = True

    def __init__(self, launch, blocks, architecture):
        try:
            self.wide, self.compiled_for = wide_accesses(launch.ptx(architecture)), architecture
        except NoCompiler:
            self.wide, self.compiled_for = {}, None
        super().__init__(launch)
        self.blocks = [self.blocks[n] for n in spread(blocks, len(self.blocks))]
        self.meetings = 0

    def observer(self):
        addresses = Addresses(self.memory, self.launch)
        self.counts = Counts(self.program.sites, addresses)
        return Requests(self.program.sites, addresses, self.wide, self.counts)

    def begin(self, thread):
        super().begin(thread)
        self.trace.codes.append(thread.path << SITE_BITS | PATH)

    def met_block(self, block):
        super().met_block(block)
        self.meetings += 1  # at each barrier, and at the end of each block

    def result(self):
        barriers = self.meetings / len(self.blocks) - 1
        return self.counts.result(Subject.of(self.launch), self.blocks, barriers, self.compiled_for)


def spread(count: int, total: int) -> list[int]:
    """The numbers of so many blocks of a grid, or of all: as far from each other and from its ends as they can be."""
    count = min(count, total)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


class Addresses:
    """Where the cells of a memory would lie on a GPU: each array that was allocated begins at a multiple of 256."""

    def __init__(self, memory, launch):
        self.memory, self.cell_size = memory, memory.cell_size
        names = launch.kernel.source.arguments
        given = [(n, a) for n, a in zip(names, launch.args, strict=True) if isinstance(a, np.ndarray) and a.size]
        # Regions of memory in the interpreter's order, and by how much each moves.
        lows = np.array([low for low, _ in memory.regions], np.int64)
        sizes = np.array([high - low for low, high in memory.regions], np.int64)
        self.first_cells = np.concatenate([[0], np.cumsum(sizes)[:-1]]) // self.cell_size
        offsets = np.zeros(len(lows), np.int64)
        for _, array in given:
            low, _ = np.lib.array_utils.byte_bounds(array)
            region = np.searchsorted(lows, low, "right") - 1
            offsets[region] = (lows[region] - allocation(array)) % ALIGNMENT
        rooms = -(-(sizes + offsets) // ALIGNMENT) * ALIGNMENT
        self.bases = np.concatenate([[0], np.cumsum(rooms)[:-1]]) + offsets
        self.arrays = []
        for name, array in given:
            cell = memory.cell_of(np.lib.array_utils.byte_bounds(array)[0])
            self.arrays.append((name, int(self.of_global(np.array([cell]))[0]), array.nbytes))

    def of_global(self, cells):
        region = np.searchsorted(self.first_cells, cells, "right") - 1
        return self.bases[region] + (cells - self.first_cells[region]) * self.cell_size

    def of(self, cells):
        """(address, whether shared) of cells. Shared memory has addresses of its own, from 0."""
        is_shared = cells >= self.memory.global_cells
        address = (cells - self.memory.global_cells) * self.cell_size
        if not is_shared.all():
            address[~is_shared] = self.of_global(cells[~is_shared])
        return address, is_shared

    def array_at(self, address, is_shared, alias=""):
        """(name, first address) of the array at an address. Of several arguments that are one array, `alias`."""
        if not is_shared:
            found = [(name, base) for name, base, nbytes in self.arrays if base <= address < base + nbytes]
            return next((pair for pair in found if pair[0] == alias), found[0])
        layouts = self.memory.shared_layouts.values()
        starts = [((la.first_cell - self.memory.global_cells) * self.cell_size, la.name) for la in layouts]
        start, name = max(pair for pair in starts if pair[0] <= address)
        return name, start


def allocation(array):
    """The address of the memory that an array is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return np.lib.array_utils.byte_bounds(array)[0]


WIDE = re.compile(r"\b(ld|st)\.(?:\w+\.)*?(global|shared)\.(?:\w+\.)*?v([24])\.[bfus](\d+)")


def wide_accesses(ptx):
    """(space, kind) -> most bytes that one instruction of the compiled kernel loads or stores for a lane."""
    found: dict[tuple[str, str], int] = {}
    for what, space, count, bits in WIDE.findall(ptx):
        key = space, {"ld": "load", "st": "store"}[what]
        found[key] = max(found.get(key, 0), int(count) * int(bits) // 8)
    return found
