"""Top k on a GPU, a ladder of three rungs. Source: Lin et al. (2017), section 4.1.

Shapes as in reference.py. All of them ask how many rows come before a row: its rank, which is its place in the result
if it is below k. No two rows have the same rank, so each place is written by one thread and nothing needs atomics.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per row counts those before it
              2   tiles in shared memory: 31 times fewer sectors
              3   sorted tiles, searched: 24 times fewer turns, 350 times fewer flops, 3.2 times less predicted time
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung, scratch

BLOCK = 256
TILE = 2048


@device
def before(a, i, b, j):
    """Whether value a of row i comes before value b of row j: larger, or equal and higher up. A NaN comes last."""
    # a == a is false of NaN alone.
    equal = a == b or (a != a and b != b)
    return a > b or (a == a and b != b) or (equal and i < j)


# Rungs 1 and 2: a rank is counted, all rows with all.


@kernel
def count_direct(x, value, index, column, *, BLOCK=BLOCK):
    """One thread per row: it counts the rows that come before its own."""
    r, n = cuda.blockIdx.y, cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < x.shape[1]:
        mine = x[r, n, column]
        rank = 0
        for other in range(x.shape[1]):
            if before(x[r, other, column], other, mine, n):
                rank += 1
        if rank < value.shape[1]:
            value[r, rank] = mine
            index[r, rank] = int32(n)


@kernel
def count_tiled(x, value, index, column, *, BLOCK=BLOCK):
    """One thread per row: the others come by in tiles of BLOCK values, to which each thread brings one."""
    tile = cuda.shared.array(BLOCK, float32)
    thread, N = cuda.threadIdx.x, x.shape[1]
    r, n = cuda.blockIdx.y, cuda.blockIdx.x * BLOCK + thread
    mine = x[r, min(n, N - 1), column]  # beyond the end a thread has no row, but still brings values for the others
    rank = 0
    for first in range(0, N, BLOCK):
        if first + thread < N:
            tile[thread] = x[r, first + thread, column]
        cuda.syncthreads()  # the tile is complete
        for other in range(min(BLOCK, N - first)):
            if before(tile[other], first + other, mine, n):
                rank += 1
        cuda.syncthreads()  # everyone has seen the tile, so that the next may take its place
    if n < N and rank < value.shape[1]:
        value[r, rank] = mine
        index[r, rank] = int32(n)


# Rung 3: tiles are sorted, so that a rank need not be counted but can be searched.


@kernel
def sort_tiles(x, tile_value, tile_row, column, *, TILE=TILE, BLOCK=BLOCK):
    """One block per TILE rows: a bitonic network (Batcher (1968)) sorts them in shared memory.

    Runs of 2, 4, 8 ... rows fall and rise in turn; a falling one and the rising one after it merge into one of twice
    the length, by exchanges over half, a quarter ... of it. Which rows are compared does not depend on the values.
    """
    values, rows = cuda.shared.array(TILE, float32), cuda.shared.array(TILE, int32)
    thread, r, first = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * TILE
    for place in range(thread, TILE, BLOCK):
        # Rows beyond the end are NaN and have the highest numbers, so they come after all others.
        values[place] = x[r, first + place, column] if first + place < x.shape[1] else float32(math.nan)
        rows[place] = int32(first + place)
    length = 2
    while length <= TILE:
        distance = length // 2
        while distance > 0:
            cuda.syncthreads()  # what was exchanged over twice the distance is in place
            for pair in range(thread, TILE // 2, BLOCK):
                upper = 2 * pair - pair % distance
                lower = upper + distance
                falls = upper & length == 0
                if before(values[lower], rows[lower], values[upper], rows[upper]) == falls:
                    values[upper], values[lower] = values[lower], values[upper]
                    rows[upper], rows[lower] = rows[lower], rows[upper]
            distance //= 2
        length *= 2
    cuda.syncthreads()  # the tile is sorted
    for place in range(thread, TILE, BLOCK):
        tile_value[r, first + place] = values[place]
        tile_row[r, first + place] = rows[place]


@kernel
def search_tiles(tile_value, tile_row, value, index, *, TILE=TILE, BLOCK=BLOCK):
    """One thread per row: as many come before it as its place in its own tile says, and one search in each other.

    It stops when k rows come before it. Most rows do so at their place in their own tile.
    """
    r, n = cuda.blockIdx.y, cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < tile_value.shape[1]:
        mine, row = tile_value[r, n], tile_row[r, n]
        rank, first = n % TILE, 0
        while first < tile_value.shape[1] and rank < value.shape[1]:
            if first != n - n % TILE:
                low, high = first, first + TILE
                while low < high:
                    middle = (low + high) // 2
                    if before(tile_value[r, middle], tile_row[r, middle], mine, row):
                        low = middle + 1
                    else:
                        high = middle
                rank += low - first
            first += TILE
        if rank < value.shape[1]:
            value[r, rank] = mine
            index[r, rank] = row


# The rungs: what they add, and how they are launched.


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(x, value, index, column, *, BLOCK=BLOCK):
    """One thread per row counts the rows that come before it: the definition of a rank word for word."""
    R, N, C = x.shape
    return [count_direct(BLOCK=BLOCK)[(math.ceil(N / BLOCK), R), BLOCK](x, value, index, column % C)]


@rung(registers=32, tiny={"BLOCK": 8})
def forward_2(x, value, index, column, *, BLOCK=BLOCK):
    """Tiles in shared memory: each value is read from global memory once per block, not once per thread.

    By the x-ray: 31 times fewer sectors.
    """
    R, N, C = x.shape
    return [count_tiled(BLOCK=BLOCK)[(math.ceil(N / BLOCK), R), BLOCK](x, value, index, column % C)]


@rung(registers=48, tiny={"TILE": 16, "BLOCK": 4})
def forward_3(x, value, index, column, *, TILE=TILE, BLOCK=BLOCK):
    """Sorted tiles: a search in each takes log2(TILE) comparisons where counting takes TILE of them.

    By the x-ray: 5.6 times fewer sectors, 24 times fewer turns, 350 times fewer flops, 15 times fewer barriers and 3.2
    times less predicted time.
    """
    R, N, C = x.shape
    tiles = math.ceil(N / TILE)
    tile_value, tile_row = scratch(x, (R, tiles * TILE)), scratch(x, (R, tiles * TILE), "int32")
    blocks = math.ceil(tiles * TILE / BLOCK)
    return [
        sort_tiles(TILE=TILE, BLOCK=BLOCK)[(tiles, R), BLOCK](x, tile_value, tile_row, column % C),
        search_tiles(TILE=TILE, BLOCK=BLOCK)[(blocks, R), BLOCK](tile_value, tile_row, value, index),
    ]


forward = Ladder("forward", forward_1, forward_2, forward_3)
