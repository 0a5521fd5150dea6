"""Accesses to memory as compiled code makes them, written down one by one while it runs.

A function in machine code is called at each, and adds a row: which access of the kernel, which thread, the address, and
the turns of the loops around it, mixed to one number. Where the room for rows is used up it only counts on.
"""

from functools import cache

import numba
import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.loaded import Loaded, Place
from kernels.gpu.emulator.loops import around

ROOM = 1 << 16  # rows at first
COLUMNS = ACCESS, THREAD, ADDRESS, TURNS = range(4)
MIX = 0x9E3779B97F4A7C15 - 2**64  # odd, and with its bits well spread: Knuth's choice for hashing by a product

# What the function knows, as words of 64 bits.
USED, MOST, ROWS, STARTS, LOOPS = range(5)


@intrinsic
def pointer(typing, address):
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@cache
def compiled_touch():
    """`touch` in machine code, compiled at its first use."""
    return numba.cfunc("int32(voidptr, voidptr, int64, int32, int32)", cache=True)(touch)


def touch(thread, block, address, nbytes, access):
    known = carray(pointer(carray(block, 16, np.int64)[layout.WATCH // 8]), 5, np.int64)
    row = known[USED]
    known[USED] = row + 1
    if row >= known[MOST]:
        return 0
    words = carray(thread, 16, np.int32)
    turns = carray(pointer(carray(thread, 8, np.int64)[layout.COUNTS // 8]), 1 << 30, np.uint32)
    starts = carray(pointer(known[STARTS]), 1 << 30, np.int64)
    loops = carray(pointer(known[LOOPS]), 1 << 30, np.int64)
    path = np.int64(0)
    for n in range(starts[access], starts[access + 1]):
        path = path * MIX + np.int64(turns[loops[n]])
    rows = carray(pointer(known[ROWS]), (1 << 30, 4), np.int64)
    rows[row, ACCESS] = access
    rows[row, THREAD] = words[layout.LINEAR // 4]
    rows[row, ADDRESS] = address
    rows[row, TURNS] = path
    return 0


class Touches:
    """Observes a run, on one core, of a kernel that was loaded as watched and counted. Its counters are another's.

    blocks    for each block its linear number, its rows, and where its shared memory lies: (first, last) address
    missing   rows that there was no room for
    """

    def __init__(self, loaded: Loaded, room: int = ROOM):
        translation = loaded.translation
        self.rows = np.zeros((room, len(COLUMNS)), np.int64)
        loops = [around(translation.loops, access.block) for access in translation.accesses]
        self.starts = np.concatenate([[0], np.cumsum([len(each) for each in loops])]).astype(np.int64)
        self.loops = np.array([len(translation.counted) + n for each in loops for n in each] or [0], np.int64)
        self.known = np.array(
            [0, room, self.rows.ctypes.data, self.starts.ctypes.data, self.loops.ctypes.data], np.int64
        )
        self.blocks: list[tuple[int, np.ndarray, tuple[int, int]]] = []
        self.taken = 0

    def begin(self, place: Place) -> None:
        wide = place.block.view(np.int64)
        wide[layout.TOUCH // 8], wide[layout.WATCH // 8] = compiled_touch().address, self.known.ctypes.data

    def ran(self, place: Place, number: int) -> None:
        used = min(int(self.known[USED]), len(self.rows))
        start = place.shared.ctypes.data
        self.blocks.append((number, self.rows[self.taken : used], (start, start + place.shared.size)))
        self.taken = used

    @property
    def missing(self) -> int:
        return max(int(self.known[USED]) - len(self.rows), 0)
