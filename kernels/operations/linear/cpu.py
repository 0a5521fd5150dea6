"""Linear layer on CPU cores: the three matrix products of eq. 3, 15 and 17, climbed from the loop to tiles.

Source: Zozoulenko (2018). Shapes as in reference.py. The rungs (docs/cpu.md climbs them, with what each gained):

    forward    1   the loop: an output after the other, a product after the other
               2   vectors: sums of several products side by side
               3   all cores
               4   fours: eight sums at a time, so that a value that was read is used several times
               5   tiles: 10 times 32 sums (6 times 16 without AVX-512) that stay in registers
               6   few examples: sums of vectors again, since most lanes of a tile would be empty
    backward   1   the loop
               2   in the order of memory: rows are added to rows, so that neighbours are read together
               3   all cores
               4   tiles
               5   placed: tiles again, and nothing is packed

The tiles are those of kernels/cpu/products.py. Each product is out[m, l] = sum over t of a[m, t] v[t, l], where a stays
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

from kernels.cpu.finishing import UNCHANGED
from kernels.cpu.ladder import Ladder, rung
from kernels.cpu.placed import multiply_placed
from kernels.cpu.products import CHUNK, lanes_for, lanes_last, plan, products, scratch
from kernels.cpu.sums import VECTOR_SUMS

ROWS = 64  # that a core copies at a time
FEW = 4  # examples


# y


@rung
def forward_loops(x, w, b, y):
    """The equation, word for word, on one core: y = x wT + b (eq. 3)."""
    y_loops(x, w, y)
    add_bias(y, b)


@njit(cache=True)
def y_loops(x, w, y):
    for r in range(len(x)):
        for m in range(len(w)):
            total = np.float32(0)
            for n in range(x.shape[1]):
                total += x[r, n] * w[m, n]
            y[r, m] = total


@rung
def forward_vectors(x, w, b, y):
    """Vectors: products may be added in another order, so a core takes 16 of them at once."""
    y_vectors(x, w, y)
    add_bias(y, b)


@njit(cache=True, fastmath=VECTOR_SUMS)
def y_vectors(x, w, y):
    for r in range(len(x)):
        for m in range(len(w)):
            total = np.float32(0)
            for n in range(x.shape[1]):
                total += x[r, n] * w[m, n]
            y[r, m] = total


@rung
def forward_cores(x, w, b, y):
    """All cores: each takes whole outputs, and reads their weights once for all examples."""
    y_cores(x, w, y)
    add_bias(y, b)


@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def y_cores(x, w, y):
    for m in prange(len(w)):
        for r in range(len(x)):
            total = np.float32(0)
            for n in range(x.shape[1]):
                total += x[r, n] * w[m, n]
            y[r, m] = total


@rung
def forward_fours(x, w, b, y):
    """A tile of registers: four examples times two outputs, eight sums of which each pair of values serves several."""
    y_fours(x, w, y)
    add_bias(y, b)


@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def y_fours(x, w, y):
    """Where there are no four examples more, or no second output, the last one is computed again."""
    R, M = y.shape
    for pair in prange((M + 1) // 2):
        j, k = 2 * pair, min(2 * pair + 1, M - 1)
        w_j, w_k = w[j], w[k]
        for r in range(0, R, 4):
            s, t, u = min(r + 1, R - 1), min(r + 2, R - 1), min(r + 3, R - 1)
            x_r, x_s, x_t, x_u = x[r], x[s], x[t], x[u]
            rj = rk = sj = sk = tj = tk = uj = uk = np.float32(0)
            for n in range(x.shape[1]):
                rj += x_r[n] * w_j[n]
                rk += x_r[n] * w_k[n]
                sj += x_s[n] * w_j[n]
                sk += x_s[n] * w_k[n]
                tj += x_t[n] * w_j[n]
                tk += x_t[n] * w_k[n]
                uj += x_u[n] * w_j[n]
                uk += x_u[n] * w_k[n]
            y[r, j], y[s, j], y[t, j], y[u, j] = rj, sj, tj, uj
            y[r, k], y[s, k], y[t, k], y[u, k] = rk, sk, tk, uk


@rung
def forward_tiles(x, w, b, y):
    """Tiles as large as the registers allow, from examples that are packed in the order in which they are read."""
    (R, N), M = x.shape, w.shape[0]
    v = scratch("v", blocks_of(R) * N)
    lanes_last(v, x.reshape(-1), lanes_for(R), R, N, 1, 0, N, 1)
    multiply(y, w, v, (M, N, R), a_steps=(N, 1), out_steps=(1, M))
    add_bias(y, b)


@rung(suits=lambda x: x[0] <= FEW)
def forward_few(x, w, b, y):
    """Few examples, which would leave most lanes of a tile empty: vectors along a row of weights, read once."""
    forward_cores(x, w, b, y)


def add_bias(y, b):
    if b is not None:
        y += b


# dx, dw, db


@rung
def backward_loops(dy, x, w, dx, dw, db):
    """The equations, word for word, on one core: dx = dy w, dw = dyT x, db = the column sums of dy."""
    deltas(dx_loops, dw_loops, dy, x, w, dx, dw, db)


@njit(cache=True)
def dx_loops(dy, w, dx):
    for r in range(len(dx)):
        for n in range(w.shape[1]):
            total = np.float32(0)
            for m in range(len(w)):
                total += dy[r, m] * w[m, n]
            dx[r, n] = total


@njit(cache=True)
def dw_loops(dy, x, dw):
    for m in range(len(dw)):
        for n in range(x.shape[1]):
            total = np.float32(0)
            for r in range(len(x)):
                total += dy[r, m] * x[r, n]
            dw[m, n] = total


@rung
def backward_rows(dy, x, w, dx, dw, db):
    """The order of memory: a row at a time, times one value, is added to a row; neighbours make a vector."""
    deltas(dx_rows, dw_rows, dy, x, w, dx, dw, db)


@njit(cache=True)
def dx_rows(dy, w, dx):
    for r in range(len(dx)):
        dx[r] = 0
        for m in range(len(w)):
            for n in range(w.shape[1]):
                dx[r, n] += dy[r, m] * w[m, n]


@njit(cache=True)
def dw_rows(dy, x, dw):
    for m in range(len(dw)):
        dw[m] = 0
        for r in range(len(x)):
            for n in range(x.shape[1]):
                dw[m, n] += dy[r, m] * x[r, n]


@rung
def backward_cores(dy, x, w, dx, dw, db):
    """All cores: each takes whole rows of dx and of dw."""
    deltas(dx_cores, dw_cores, dy, x, w, dx, dw, db)


@njit(parallel=True, cache=True)
def dx_cores(dy, w, dx):
    for r in prange(len(dx)):
        dx[r] = 0
        for m in range(len(w)):
            for n in range(w.shape[1]):
                dx[r, n] += dy[r, m] * w[m, n]


@njit(parallel=True, cache=True)
def dw_cores(dy, x, dw):
    for m in prange(len(dw)):
        dw[m] = 0
        for r in range(len(x)):
            for n in range(x.shape[1]):
                dw[m, n] += dy[r, m] * x[r, n]


@rung
def backward_tiles(dy, x, w, dx, dw, db):
    """Tiles of sums that stay in registers, from a matrix that is packed in the order in which it is read."""
    deltas(dx_tiles, dw_tiles, dy, x, w, dx, dw, db)


def dx_tiles(dy, w, dx):
    (R, M), N = dy.shape, w.shape[1]
    multiply(dx, dy, in_lanes(w), (R, M, N), a_steps=(M, 1), out_steps=(N, 1))


def dw_tiles(dy, x, dw):
    (R, M), N = dy.shape, x.shape[1]
    multiply(dw, x, in_lanes(dy), (N, R, M), a_steps=(1, N), out_steps=(1, N))


@rung
def backward_placed(dy, x, w, dx, dw, db):
    """Tiles of matrices that stay where they stand: to pack the weights costs as much as their product."""
    deltas(dx_placed, dw_placed, dy, x, w, dx, dw, db)


def dx_placed(dy, w, dx):
    multiply_placed(dx, dy.reshape(-1), w, dy.shape[1], 1)


def dw_placed(dy, x, dw):
    multiply_placed(dw, dy.reshape(-1), x, 1, dy.shape[1])


def deltas(dx_product, dw_product, dy, x, w, dx, dw, db):
    """What is wanted of the delta-errors; db in float64."""
    if dx is not None:
        dx_product(dy, w, dx)
    if dw is not None:
        dw_product(dy, x, dw)
    if db is not None:
        db[...] = np.sum(dy, axis=0, dtype=np.float64)


forward = Ladder("forward", forward_loops, forward_vectors, forward_cores, forward_fours, forward_tiles, forward_few)
backward = Ladder("backward", backward_loops, backward_rows, backward_cores, backward_tiles, backward_placed)


# The product in tiles


def multiply(out, a, v, size, a_steps, out_steps):
    """The product of size (m, t, l). Steps are from one m, or t, of a to the next, and from one m, or l, of out."""
    threads = get_num_threads()
    products(out.reshape(-1), a.reshape(-1), v, UNCHANGED, threads, plan_of(threads, size, a_steps, out_steps))


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
