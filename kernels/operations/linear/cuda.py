"""Linear layer on a GPU: one matrix product, climbed in four rungs and used three times.

Source: Zozoulenko (2018), eq. 3, 15, 17 and 18. Shapes as in reference.py. The product is that of two matrices,
out[m, n] = sum over k of left[m, k] right[k, n], and its uses differ in which of them stands transposed in memory,
which each kernel knows as it is compiled:

          m    k    n
    y     R    N    M    x wT (+ b)    the right matrix is read transposed
    dx    R    M    N    dy w
    dw    M    R    N    dyT x         the left matrix is read transposed

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per output
              2   tiles in shared memory: 57 times fewer sectors, 11 times less predicted time
              3   tiles in registers, read 16 bytes at a time: 3.8 times fewer sectors, 7.6 times fewer turns
              4   places as sums: a load adds what its row and what its term contribute
    dx        1   one thread per input value
              2   tiles in shared memory: 7.8 times fewer sectors
              3   tiles in registers, read 16 bytes at a time: 4.4 times fewer sectors, 8.5 times fewer turns
              4   places as sums: a load adds what its row and what its term contribute
    dw        1   one thread per weight
              2   tiles in shared memory: 8.8 times fewer sectors
              3   tiles in registers, read 16 bytes at a time: 7.5 times fewer turns, 7.3 times less predicted time
              4   places as sums: a load adds what its row and what its term contribute
    db        1   one thread per bias
              2   one block per COLUMNS biases: 4.7 times less predicted time

Tiles are those of kernels/gpu/products.py and placed.py, shared with conv2d. Sums are in float32 and in a fixed order,
without atomics, so runs repeat bit for bit.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, or_any, rung
from kernels.gpu.placed import column_of_transposed, placed, row_of_transposed, term_of_matrices
from kernels.gpu.products import Tiles, element, registers, store, tiled, transposed
from kernels.gpu.reduce import compensated

BLOCK = 256
TILE = 16
TILES, TINY = Tiles(k=16, group=4), Tiles(m=8, n=16, k=4, per=2, group=2)
COLUMNS = 32  # of neighbouring columns in memory, one for each thread of a warp


# y, dx and dw: the size (M, N, K) of each product, how its matrices stand, and along what their values follow each
# other in memory.


@device
def store_with_bias(y, b, r, j, value):
    y[r, j] = value + b[j]


def y_product(x, b, y):
    """y = x wT + b."""
    functions = {"RIGHT": transposed, "RIGHT_ALONG_K": True, "STORE": store if b is None else store_with_bias}
    return (*y.shape, x.shape[1]), functions


def dx_product(dy, dx):
    """dx = dy w."""
    return (*dx.shape, dy.shape[1]), {}


def dw_product(dy, dw):
    """dw = dyT x."""
    return (*dw.shape, dy.shape[0]), {"LEFT": transposed, "LEFT_ALONG_K": False}


@kernel
def product_direct(left, right, b, out, K, *, LEFT=element, RIGHT=element, STORE=store, BLOCK=BLOCK):
    """One thread per output: it multiplies a row of one matrix with a column of the other."""
    place = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if place < out.size:
        m = place // out.shape[1]
        n = place % out.shape[1]
        total = float32(0)
        for k in range(K):
            total += LEFT(left, m, k) * RIGHT(right, k, n)
        STORE(out, b, m, n, total)


def direct(left, right, b, out, size, *, BLOCK, LEFT_ALONG_K=True, RIGHT_ALONG_K=False, **functions):
    """The launch of `product_direct`. It loads for itself alone, in whatever order the equation asks for."""
    product = product_direct(BLOCK=BLOCK, **functions)
    return product[math.ceil(out.size / BLOCK), BLOCK](left, right, or_any(b, left), out, size[2])


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(x, w, b, y, *, BLOCK=BLOCK):
    """One thread per output: eq. 1 word for word."""
    size, functions = y_product(x, b, y)
    return [direct(x, w, b, y, size, BLOCK=BLOCK, **functions)]


@rung(registers=32, tiny={"TILE": 4})
def forward_2(x, w, b, y, *, TILE=TILE):
    """Shared-memory tiles: a value read from global memory serves TILE threads.

    By the x-ray: 57 times fewer sectors, 11 times fewer turns and 11 times less predicted time, for 1.3 times more
    flops.

    The weights are transposed while they are loaded, so that both matrices are read in order of memory.
    """
    size, functions = y_product(x, b, y)
    return [tiled(x, w, b, y, size, TILE=TILE, **functions)]


@rung(registers=64, tiny={"TILES": TINY})
def forward_3(x, w, b, y, *, TILES=TILES):
    """Register tiles: a value read from shared memory serves several products, and four are one read.

    By the x-ray: 3.8 times fewer sectors, 7.6 times fewer turns and 16 times fewer barriers.
    """
    size, functions = y_product(x, b, y)
    return [registers(x, w, b, y, size, TILES, **functions)]


@rung(registers=64, tiny={"TILES": TINY})
def forward_4(x, w, b, y, *, TILES=TILES):
    """Places as sums: where a row begins is worked out once, and what a term adds to that once for a block.

    By the x-ray: 1.5 times fewer instructions, for 1.1 times more turns and 1.1 times more predicted time.
    """
    functions = {
        "COLUMN": column_of_transposed,
        "TERM": term_of_matrices(RIGHT_ALONG_K=True),
        "STORE": store if b is None else store_with_bias,
    }
    return [placed(x, w, b, y, (*y.shape, x.shape[1]), TILES, RIGHT_ALONG_K=True, **functions)]


@rung(registers=32, tiny={"BLOCK": 8})
def dx_1(dy, w, dx, *, BLOCK=BLOCK):
    """One thread per input value: eq. 15 without f'."""
    size, functions = dx_product(dy, dx)
    return [direct(dy, w, None, dx, size, BLOCK=BLOCK, **functions)]


@rung(registers=32, tiny={"TILE": 4})
def dx_2(dy, w, dx, *, TILE=TILE):
    """Shared-memory tiles: a value read from global memory serves TILE threads.

    By the x-ray: 7.8 times fewer sectors, for 1.5 times more turns, 1.3 times more flops and 1.2 times more predicted
    time.
    """
    size, functions = dx_product(dy, dx)
    return [tiled(dy, w, None, dx, size, TILE=TILE, **functions)]


@rung(registers=64, tiny={"TILES": TINY})
def dx_3(dy, w, dx, *, TILES=TILES):
    """Register tiles: a value read from shared memory serves several products, and four are one read.

    By the x-ray: 4.4 times fewer sectors, 8.5 times fewer turns and 16 times fewer barriers, for 1.9 times more
    predicted time.
    """
    size, functions = dx_product(dy, dx)
    return [registers(dy, w, None, dx, size, TILES, **functions)]


@rung(registers=64, tiny={"TILES": TINY})
def dx_4(dy, w, dx, *, TILES=TILES):
    """Places as sums: where a row begins is worked out once, and what a term adds to that once for a block.

    By the x-ray: 1.5 times fewer instructions.
    """
    return [placed(dy, w, None, dx, (*dx.shape, dy.shape[1]), TILES)]


@rung(registers=32, tiny={"BLOCK": 8})
def dw_1(dy, x, dw, *, BLOCK=BLOCK):
    """One thread per weight: eq. 17 without f'."""
    size, functions = dw_product(dy, dw)
    return [direct(dy, x, None, dw, size, BLOCK=BLOCK, **functions)]


@rung(registers=32, tiny={"TILE": 4})
def dw_2(dy, x, dw, *, TILE=TILE):
    """Shared-memory tiles: x and dy both have the examples, along which they are summed, in their rows.

    By the x-ray: 8.8 times fewer sectors, for 1.5 times more turns, 1.3 times more flops and 1.5 times more predicted
    time.
    """
    size, functions = dw_product(dy, dw)
    return [tiled(dy, x, None, dw, size, TILE=TILE, **functions)]


@rung(registers=48, tiny={"TILES": TINY})
def dw_3(dy, x, dw, *, TILES=TILES):
    """Register tiles: a value read from shared memory serves several products, and four are one read.

    By the x-ray: 2.8 times fewer sectors, 7.5 times fewer turns, 16 times fewer barriers and 7.3 times less predicted
    time.
    """
    size, functions = dw_product(dy, dw)
    return [registers(dy, x, None, dw, size, TILES, **functions)]


@rung(registers=64, tiny={"TILES": TINY})
def dw_4(dy, x, dw, *, TILES=TILES):
    """Places as sums: what a term, here an example, adds to a place is worked out once for a block.

    By the x-ray: 1.5 times fewer instructions, for 1.1 times more barriers.
    """
    functions = {"ROW": row_of_transposed, "TERM": term_of_matrices(LEFT_ALONG_K=False)}
    return [placed(dy, x, None, dw, (*dw.shape, dy.shape[0]), TILES, LEFT_ALONG_K=False, **functions)]


@kernel
def db_direct(dy, db, *, BLOCK=BLOCK):
    """One thread per bias: it adds up a column of delta-errors. Neighbouring threads read neighbouring columns."""
    j = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if j < db.size:
        total, lost = float32(0), float32(0)
        for r in range(dy.shape[0]):
            total, lost = compensated(total, lost, dy[r, j])
        db[j] = total


@rung(registers=32, tiny={"BLOCK": 8})
def db_1(dy, db, *, BLOCK=BLOCK):
    """One thread per bias: eq. 18 without f'."""
    return [db_direct(BLOCK=BLOCK)[math.ceil(db.size / BLOCK), BLOCK](dy, db)]


@kernel
def db_reduced(dy, db, *, COLUMNS=COLUMNS, ROWS=8):
    """One block per COLUMNS columns, ROWS threads to each: they share the rows out and add their sums up as a tree."""
    sums = cuda.shared.array((ROWS, COLUMNS), float32)
    tj, tr = cuda.threadIdx.x, cuda.threadIdx.y
    j = cuda.blockIdx.x * COLUMNS + tj
    total, lost = float32(0), float32(0)
    if j < db.size:
        for r in range(tr, dy.shape[0], ROWS):
            total, lost = compensated(total, lost, dy[r, j])
    sums[tr, tj] = total
    half = ROWS // 2
    while half > 0:
        cuda.syncthreads()  # the level above is complete
        if tr < half:
            sums[tr, tj] += sums[tr + half, tj]
        half //= 2
    if tr == 0 and j < db.size:
        db[j] = sums[0, tj]


@rung(registers=32, tiny={"COLUMNS": 4, "ROWS": 2})
def db_2(dy, db, *, COLUMNS=COLUMNS, ROWS=8):
    """Block reduction: ROWS threads share a column out, where one thread would wait for each of its reads.

    By the x-ray: 4.7 times less predicted time, for 1.6 times more turns.
    """
    return [db_reduced(COLUMNS=COLUMNS, ROWS=ROWS)[math.ceil(db.size / COLUMNS), (COLUMNS, ROWS)](dy, db)]


forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4)
backward = (
    Ladder("dx", dx_1, dx_2, dx_3, dx_4, writes="dx")
    + Ladder("dw", dw_1, dw_2, dw_3, dw_4, writes="dw")
    + Ladder("db", db_1, db_2, writes="db")
)
