"""Linear layer on CPU cores: the three matrix products of eq. 3, 15 and 17, by kernels/cpu/products.py.

Source: Zozoulenko (2018). Shapes as in reference.py. Each is out[m, l] = sum over t of a[m, t] v[t, l], where a stays
where it is and v is turned so that its rows l stand in blocks of lanes:

         m          t          l          a       v
    y    outputs    inputs     examples   w       xT
    dx   examples   outputs    inputs     dy      w
    dw   inputs     examples   outputs    xT      dy

So the weights, by far the largest, are read where they stand in y, and copied in dx alone. A sum has one order on any
number of cores, which those of NumPy's BLAS have not.
"""

from functools import lru_cache

import numpy as np
from numba import get_num_threads, njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.products import CHUNK, NO_BIAS, lanes_for, lanes_last, plan, products, scratch

ROWS = 64  # that a core copies at a time


@checked
def forward(x, w, b, y):
    """y = x wT + b (eq. 3)."""
    (R, N), M = x.shape, w.shape[0]
    v = scratch("v", blocks_of(R) * N)
    lanes_last(v, x.reshape(-1), lanes_for(R), R, N, 1, 0, N, 1)
    multiply(y, w, v, (M, N, R), a_steps=(N, 1), out_steps=(1, M))
    if b is not None:
        y += b


@checked
def backward(dy, x, w, dx, dw, db):
    """dx = dy w, dw = dyT x, db = the column sums of dy, in float64."""
    (R, N), M = x.shape, w.shape[0]
    if dx is not None:
        multiply(dx, dy, in_lanes(w), (R, M, N), a_steps=(M, 1), out_steps=(N, 1))
    if dw is not None:
        multiply(dw, x, in_lanes(dy), (N, R, M), a_steps=(1, N), out_steps=(1, N))
    if db is not None:
        db[...] = np.sum(dy, axis=0, dtype=np.float64)


def multiply(out, a, v, size, a_steps, out_steps):
    """The product of size (m, t, l). Steps are from one m, or t, of a to the next, and from one m, or l, of out."""
    threads = get_num_threads()
    products(out.reshape(-1), a.reshape(-1), v, NO_BIAS, threads, plan_of(threads, size, a_steps, out_steps))


@lru_cache(maxsize=256)
def plan_of(threads, size, a_steps, out_steps):
    """One class of rows, whose position is m, and stretches of up to CHUNK terms."""
    M, T, L = size
    m, t = np.arange(M), np.arange(0, T, CHUNK)
    terms = np.stack([t * a_steps[1], t, np.minimum(CHUNK, T - t)], axis=1)
    return plan(threads, L, out_steps[1], 1, (0, 0), np.array([0, 1]), (np.zeros(1, int), np.zeros(1, int)),
                 np.array([0, M]), (m * a_steps[0], m * out_steps[0]),
                 np.array([0, len(terms)]), terms, T, a_steps[1])  # fmt: skip


def blocks_of(rows):
    """Of rows in blocks of lanes, how many there are with those that fill up the last block."""
    return -(-rows // lanes_for(rows)) * lanes_for(rows)


def in_lanes(matrix):
    """(K, L) -> v[block, k, lane] = matrix[k, block * lanes + lane], with zeros after the last column."""
    K, L = matrix.shape
    v = scratch("v", K * blocks_of(L))
    copy_in_lanes(matrix, v.reshape(-1, K, lanes_for(L)))
    return v


@njit(parallel=True, cache=True)
def copy_in_lanes(matrix, v):
    blocks, K, lanes = v.shape
    parts = (K + ROWS - 1) // ROWS
    for job in prange(blocks * parts):
        block, part = job // parts, job % parts
        first = block * lanes
        live = min(lanes, matrix.shape[1] - first)
        for k in range(part * ROWS, min(K, (part + 1) * ROWS)):
            row = matrix[k, first : first + live]
            into = v[block, k]
            for lane in range(live):
                into[lane] = row[lane]
            for lane in range(live, lanes):
                into[lane] = 0
