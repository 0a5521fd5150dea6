"""Products of matrices that stay where they stand: nothing is packed, for sizes at which packing costs what it saves.

    out[m, l] = sum over t of a[m, t] * v[t, l]

with out and v row by row, and a either way round. Tiles of TILE rows and LANES lanes stay in registers (multiply.py); a
core takes stripes of lanes, whose part of v stays in its second-level cache as the tiles pass over it.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.multiply import placed16, placed32
from kernels.cpu.vectors import LANES, TILE


@njit(parallel=True, cache=True)
def multiply_placed(out, a, v, a_row, a_step):
    """out (M, L) = a v, with v (T, L), and a[m, t] = a[m*a_row + t*a_step], flat; float32, C-contiguous."""
    (M, L), T = out.shape, len(v)
    flat_out, flat_v = out.reshape(-1), v.reshape(-1)
    stripes = (L + LANES - 1) // LANES
    for number in prange(stripes):
        _stripe(flat_out, a, flat_v, a_row, a_step, M, T, L, np.int64(number) * LANES)


@njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _stripe(out, a, v, a_row, a_step, M, T, L, first):
    """The lanes from the first on."""
    if L - first >= LANES:
        for m in range(0, M, TILE):
            live = min(TILE, M - m)
            if LANES == 32:
                placed32(out, m * L + first, L, a, m * a_row, a_row, a_step, live, v, first, L, T, False)
            else:
                placed16(out, m * L + first, L, a, m * a_row, a_row, a_step, live, v, first, L, T, False)
        return
    while first < L:  # what is left, of which no vector must reach beyond the end of a row
        lanes = min(16, L - first)
        part, sums = v[first:], np.empty(TILE * 16, np.float32)
        if lanes < 16:
            part = np.zeros(T * 16, np.float32)
            for t in range(T):
                for lane in range(lanes):
                    part[t * 16 + lane] = v[t * L + first + lane]
        for m in range(0, M, TILE):
            live = min(TILE, M - m)
            step = L if lanes == 16 else 16
            placed16(sums, 0, 16, a, m * a_row, a_row, a_step, live, part, 0, step, T, False)
            for i in range(live):
                for lane in range(lanes):
                    out[(m + i) * L + first + lane] = sums[i * 16 + lane]
        first += 16
