"""What kernels get from malloc, and give back with free: parts of a variable of the module that no text declares.

It lives as long as the kernel, from launch to launch. Parts begin at multiples of PAGE and lie that far apart or more,
so that what leaves one by a little meets no other. A new part is taken as long as there is room, then the one that was
given back first among those as large: where there is none either, malloc gives a null pointer, as a GPU's does.
"""

import ctypes
import sys
from collections import defaultdict, deque
from collections.abc import Callable

import numpy as np

from kernels.gpu.emulator.arena import PAGE, Arena, Region
from kernels.gpu.emulator.places import HEAP, HEAP_BYTES


class Heap:
    """Memory, as bytes, that is given in parts; `addresses` of functions that do it for compiled code.

    told    called with the offset of a part and its bytes when it is given, with 0 bytes when it is given back
    """

    def __init__(self, memory: np.ndarray):
        self.memory, self.address = memory, memory.ctypes.data
        self.top, self.live = 0, dict[int, int]()
        self.spare: dict[int, deque[int]] = defaultdict(deque)  # by pages
        self.told: Callable[[int, int], None] | None = None
        self._functions = (
            ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(self.malloc),
            ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint64)(self.free),
        )
        self.addresses = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in self._functions]

    def malloc(self, size: int) -> int:
        """The address of so many bytes, or 0."""
        pages = pages_of(size)
        if self.top + pages * PAGE <= self.memory.size:
            offset = self.top
            self.top += pages * PAGE
        elif self.spare[pages]:
            offset = self.spare[pages].popleft()
        else:
            return 0
        self.live[offset] = size
        self.memory[offset : offset + size] = 0xFF  # nobody's, as of shared memory
        if self.told:
            self.told(offset, size)
        return self.address + offset

    def free(self, address: int) -> int:
        """Take a part back; 1 for what is none, or was given back before."""
        if not address:
            return 0
        offset = address - self.address
        if offset not in self.live:
            sys.stderr.write(f"free({address:#x}): nothing that malloc gave begins there, or it is free already\n")
            return 1
        self.spare[pages_of(self.live.pop(offset))].append(offset)
        if self.told:
            self.told(offset, 0)
        return 0


def pages_of(size: int) -> int:
    """How many a part takes, with what keeps it apart from the next."""
    return -(-size // PAGE) + 1


class Parts:
    """The parts of a heap as regions of an arena, for checked mode: what is not given may not be touched.

    cells    slots that remember the accesses to the heap (shadow.py), so many for as many bytes as a cell has; they
             are emptied when a part is given
    """

    def __init__(self, heap: Heap, arena: Arena, cells: np.ndarray, slots: int, bytes: int):
        self.arena, self.cells, self.slots, self.bytes = arena, cells, slots, bytes
        whole = next(region for region in arena.regions if region.name == HEAP)
        self.first, count = whole.first, HEAP_BYTES // (2 * PAGE)
        arena.pages[self.first // PAGE : (self.first + HEAP_BYTES) // PAGE] = 0
        whole.first, whole.size = -HEAP_BYTES, 0  # near nothing
        arena.bounds = np.append(arena.bounds, np.full((count, 2), 1 << 62), axis=0)
        arena.sealed, arena.partly = (np.append(t, np.zeros(count, np.uint8)) for t in (arena.sealed, arena.partly))
        self.numbers: dict[int, int] = {}
        for offset, size in heap.live.items():
            self.told(offset, size)
        heap.told = self.told

    def told(self, offset: int, size: int) -> None:
        """A part is given, or given back."""
        arena, first = self.arena, self.first + offset
        if offset not in self.numbers:
            arena.regions.append(Region(first, size, "", "heap"))
            self.numbers[offset] = len(arena.regions)
        number = self.numbers[offset]
        region = arena.regions[number - 1]
        pages = slice(first // PAGE, -(-(first + max(size, region.size)) // PAGE))
        if size:
            region.size, region.name = size, f"malloc({size})"
            arena.bounds[number] = first, first + size
            arena.pages[pages] = number
            end = offset + pages_of(size) * PAGE
            self.cells[self.slots * (offset // self.bytes) : self.slots * (end // self.bytes)] = 0
        else:
            region.name = f"freed malloc({region.size})"
            arena.pages[pages] = 0
