"""Counters of basic blocks, one for each thread, and their sums over threads and warps."""

import threading

import numba
import numpy as np

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.loaded import Loaded, Place
from kernels.gpu.interpreter.warp import WARP_SIZE


class Counters:
    """Observes a run of a kernel that was loaded as counted.

    threads    executions of each basic block, of all threads together
    warps      the same of warps: of each the most that one of its lanes has. Lanes that come by at different times
               make the warp execute the block more often than that
    """

    def __init__(self, loaded: Loaded):
        self.count = len(loaded.translation.counted)
        self.threads, self.warps = np.zeros(self.count, np.int64), np.zeros(self.count, np.int64)
        self.cells: dict[int, np.ndarray] = {}  # by place
        self.lock = threading.Lock()

    def begin(self, place: Place) -> None:
        """Give each thread its counters, and behind them those of the turns of loops."""
        cells = np.zeros((len(place.threads), 2 * self.count), np.uint32)
        pointers = cells.ctypes.data + cells.strides[0] * np.arange(len(cells))
        place.threads.view(np.int64)[:, layout.COUNTS // 8] = pointers
        self.cells[id(place)] = cells

    def ran(self, place: Place, number: int) -> None:
        """Take the counts of a block, and set them to 0 for the next."""
        threads, warps = collected(self.cells[id(place)], self.count)
        with self.lock:
            self.threads += threads
            self.warps += warps


@numba.njit(nogil=True, cache=True)
def collected(cells, count):
    """(sums over threads, sums over warps of the most that a lane has); the cells are 0 afterwards."""
    threads, warps = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for first in range(0, len(cells), WARP_SIZE):
        lanes = cells[first : first + WARP_SIZE]
        for number in range(count):
            total, most = np.int64(0), np.int64(0)
            for lane in range(len(lanes)):
                value = np.int64(lanes[lane, number])
                total += value
                most = max(most, value)
            threads[number] += total
            warps[number] += most
    cells[:] = 0
    return threads, warps
