"""Transposition on CPU cores, tile by tile. Source: Ruetsch and Micikevicius (2009). Shapes as in reference.py.

Along a row of x the values of y lie far apart, and the other way round. Within a small tile the cache holds both: what
came with a value, its cache line, is used before it has to go.
"""

from numba import njit, prange

from kernels.cpu.checked import checked

TILE = 32


@njit(parallel=True, cache=True)
def transposed(x, y):
    """y[r,n,m] = x[r,m,n]. A core takes TILE columns of a matrix and walks down them tile by tile."""
    R, M, N = x.shape
    strips = (N + TILE - 1) // TILE
    for strip in prange(R * strips):
        r, first_n = strip // strips, strip % strips * TILE
        for first_m in range(0, M, TILE):
            for n in range(first_n, min(first_n + TILE, N)):
                for m in range(first_m, min(first_m + TILE, M)):
                    y[r, n, m] = x[r, m, n]


@checked
def forward(x, y):
    """y[r,n,m] = x[r,m,n]."""
    transposed(x, y)


@checked
def backward(dy, dx):
    """dx[r,m,n] = dy[r,n,m]: the same, the other way."""
    transposed(dy, dx)
