"""Linear layer on a GPU: one matrix product, climbed in three rungs and used three times.

Source: Zozoulenko (2018), eq. 3, 15, 17 and 18. Shapes as in reference.py. The product is that of two matrices,
out[p, q] = sum over k of left[p, k] right[k, q], and its uses differ in which of them stands transposed in memory,
which each kernel knows as it is compiled:

               p    k    q
    y          R    N    M    x  w (+ b)
    dx         R    M    N    dy wT        the right matrix is read transposed
    dw         N    R    M    xT dy        the left matrix is read transposed

Sums are in float32 and in a fixed order, without atomics, so runs repeat bit for bit.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, int64, kernel, rung, uint32

BLOCK = 256
TILE = 16
COLUMNS = 32  # of neighbouring columns in memory, one for each thread of a warp


# Rung 1: one thread for each value of the result.


@kernel
def product_direct(left, right, b, out, *, LEFT_T=False, RIGHT_T=False, BIAS=False, BLOCK=BLOCK):
    """One thread per output: it multiplies a row of one matrix with a column of the other."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < out.size:
        p = n // out.shape[1]
        q = n % out.shape[1]
        total = b[q] if BIAS else float32(0)
        for k in range(left.shape[0] if LEFT_T else left.shape[1]):
            total += (left[k, p] if LEFT_T else left[p, k]) * (right[q, k] if RIGHT_T else right[k, q])
        out[p, q] = total


@kernel
def db_direct(dy, db, *, BLOCK=BLOCK):
    """One thread per bias: it adds up a column of delta-errors. Neighbouring threads read neighbouring columns."""
    j = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if j < db.size:
        total = float32(0)
        for r in range(dy.shape[0]):
            total += dy[r, j]
        db[j] = total


# Rungs 2 and 3 load tiles, whose rows are k: tile[k, p] and tile[k, q]. A matrix whose own rows are k is copied as it
# stands, another is transposed on the way. Beyond the edges of its matrix a tile is 0.


@device
def load(matrix, first_k, first, tile, thread, THREADS, DEPTH, WIDTH):
    """tile[k, i] = matrix[first_k + k, first + i]. Threads that follow each other read values that do: along i."""
    for step in range(DEPTH * WIDTH // THREADS):
        n = step * THREADS + thread
        k = n // WIDTH
        i = n % WIDTH
        value = float32(0)
        if first_k + k < matrix.shape[0] and first + i < matrix.shape[1]:
            value = matrix[first_k + k, first + i]
        tile[k, i] = value


@device
def load_transposed(matrix, first_k, first, tile, thread, THREADS, DEPTH, WIDTH):
    """tile[k, i] = matrix[first + i, first_k + k]. Threads that follow each other read values that do: along k."""
    for step in range(DEPTH * WIDTH // THREADS):
        n = step * THREADS + thread
        i = n // DEPTH
        k = n % DEPTH
        value = float32(0)
        if first + i < matrix.shape[0] and first_k + k < matrix.shape[1]:
            value = matrix[first + i, first_k + k]
        tile[k, i] = value


@kernel
def product_tiled(left, right, b, out, K, *, LOAD_LEFT=load, LOAD_RIGHT=load, BIAS=False, TILE=TILE, WIDTH=TILE + 1):
    """One thread per output, one block per TILE x TILE of them; it walks along k in steps of TILE.

    A tile's rows are one value longer than they hold (WIDTH), so that a tile which is transposed while it is
    loaded, and so written down its columns, spreads over all banks of shared memory.
    """
    left_tile = cuda.shared.array((TILE, WIDTH), float32)
    right_tile = cuda.shared.array((TILE, WIDTH), float32)
    tp, tq = cuda.threadIdx.y, cuda.threadIdx.x
    thread = tp * TILE + tq
    first_p, first_q = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    total = float32(0)
    for first_k in range(0, K, TILE):
        LOAD_LEFT(left, first_k, first_p, left_tile, thread, TILE * TILE, TILE, TILE)
        LOAD_RIGHT(right, first_k, first_q, right_tile, thread, TILE * TILE, TILE, TILE)
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += left_tile[k, tp] * right_tile[k, tq]
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    p = first_p + tp
    q = first_q + tq
    if p < out.shape[0] and q < out.shape[1]:
        out[p, q] = total + b[q] if BIAS else total


@kernel
def product_registers(
    left, right, b, out, K,
    *, LOAD_LEFT=load, LOAD_RIGHT=load, BIAS=False, TILE_P=64, TILE_Q=64, TILE_K=16, PER=4, WIDTH_P=68, WIDTH_Q=68,
):  # fmt: skip
    """One thread per PER x PER outputs that are neighbours, one block per TILE_P x TILE_Q of them.

    Its sums and the values it multiplies stay in registers: for each k it reads 2 PER values and uses each PER
    times. As they are neighbours on 16-byte boundaries, four are one read. So a tile's rows are 4 values longer
    than they hold (WIDTH), not 1.
    """
    left_tile = cuda.shared.array((TILE_K, WIDTH_P), float32, alignment=16)
    right_tile = cuda.shared.array((TILE_K, WIDTH_Q), float32, alignment=16)
    left_values = cuda.local.array(PER, float32)
    right_values = cuda.local.array(PER, float32)
    total = cuda.local.array((PER, PER), float32)
    THREADS = TILE_P * TILE_Q // (PER * PER)
    thread = int64(uint32(cuda.threadIdx.x))  # known not to be negative, so no index needs a check for that
    tp = thread // (TILE_Q // PER) * PER
    tq = thread % (TILE_Q // PER) * PER
    first_p, first_q = cuda.blockIdx.y * TILE_P, cuda.blockIdx.x * TILE_Q
    for i in range(PER):
        for j in range(PER):
            total[i, j] = float32(0)
    for first_k in range(0, K, TILE_K):
        LOAD_LEFT(left, first_k, first_p, left_tile, thread, THREADS, TILE_K, TILE_P)
        LOAD_RIGHT(right, first_k, first_q, right_tile, thread, THREADS, TILE_K, TILE_Q)
        cuda.syncthreads()  # both tiles are complete
        for k in range(uint32(TILE_K)):  # unsigned, for the same reason; without it four reads stay four
            for i in range(PER):
                left_values[i] = left_tile[k, tp + i]
            for j in range(PER):
                right_values[j] = right_tile[k, tq + j]
            for i in range(PER):
                for j in range(PER):
                    total[i, j] += left_values[i] * right_values[j]
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    for i in range(PER):
        p = first_p + tp + i
        for j in range(PER):
            q = first_q + tq + j
            if p < out.shape[0] and q < out.shape[1]:
                out[p, q] = total[i, j] + b[q] if BIAS else total[i, j]


@kernel
def db_reduced(dy, db, *, COLUMNS=COLUMNS, ROWS=8):
    """One block per COLUMNS columns, ROWS threads to each: they share the rows out and add their sums up as a tree."""
    sums = cuda.shared.array((ROWS, COLUMNS), float32)
    tj, tr = cuda.threadIdx.x, cuda.threadIdx.y
    j = cuda.blockIdx.x * COLUMNS + tj
    total = float32(0)
    if j < db.size:
        for r in range(tr, dy.shape[0], ROWS):
            total += dy[r, j]
    sums[tr, tj] = total
    half = ROWS // 2
    while half > 0:
        cuda.syncthreads()  # the level above is complete
        if tr < half:
            sums[tr, tj] += sums[tr + half, tj]
        half //= 2
    if tr == 0 and j < db.size:
        db[j] = sums[0, tj]


# The rungs: what they add, and how they are launched.


def direct_launch(left, right, b, out, *, left_t=False, right_t=False, BLOCK):
    product = product_direct(LEFT_T=left_t, RIGHT_T=right_t, BIAS=b is not None, BLOCK=BLOCK)
    return product[math.ceil(out.size / BLOCK), BLOCK](left, right, or_any(b, out), out)


def tiled_launch(left, right, b, out, *, left_t=False, right_t=False, TILE):
    product = product_tiled(**loads(left_t, right_t), BIAS=b is not None, TILE=TILE, WIDTH=TILE + 1)
    P, Q = out.shape
    grid = (math.ceil(Q / TILE), math.ceil(P / TILE))
    return product[grid, (TILE, TILE)](left, right, or_any(b, out), out, left.shape[0 if left_t else 1])


def registers_launch(left, right, b, out, *, left_t=False, right_t=False, TILE_P, TILE_Q, TILE_K, PER):
    product = product_registers(
        **loads(left_t, right_t), BIAS=b is not None,
        TILE_P=TILE_P, TILE_Q=TILE_Q, TILE_K=TILE_K, PER=PER, WIDTH_P=TILE_P + 4, WIDTH_Q=TILE_Q + 4,
    )  # fmt: skip
    P, Q = out.shape
    grid = (math.ceil(Q / TILE_Q), math.ceil(P / TILE_P))
    threads = TILE_P * TILE_Q // PER**2
    return product[grid, threads](left, right, or_any(b, out), out, left.shape[0 if left_t else 1])


def loads(left_t, right_t):
    """Tiles have k in their rows, as the right matrix has, and as the left one has where it is transposed."""
    return {
        "LOAD_LEFT": load if left_t else load_transposed,
        "LOAD_RIGHT": load_transposed if right_t else load,
    }


def or_any(b, out):
    """A kernel's argument cannot be None, so a missing bias is any array that nobody reads."""
    return out.reshape(-1) if b is None else b


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(x, w, b, y, *, BLOCK=BLOCK):
    """One thread per output: eq. 1 word for word."""
    return [direct_launch(x, w, b, y, BLOCK=BLOCK)]


@rung(registers=32, tiny={"TILE": 4})
def forward_2(x, w, b, y, *, TILE=TILE):
    """Shared-memory tiles: a value read from global memory serves TILE threads."""
    return [tiled_launch(x, w, b, y, TILE=TILE)]


@rung(registers=72, tiny={"TILE_P": 4, "TILE_Q": 8, "TILE_K": 2, "PER": 2})
def forward_3(x, w, b, y, *, TILE_P=64, TILE_Q=64, TILE_K=16, PER=4):
    """Register tiles: a value read from shared memory serves PER products."""
    return [registers_launch(x, w, b, y, TILE_P=TILE_P, TILE_Q=TILE_Q, TILE_K=TILE_K, PER=PER)]


@rung(registers=32, tiny={"BLOCK": 8})
def dx_1(dy, w, dx, *, BLOCK=BLOCK):
    """One thread per input value: eq. 15 without f'."""
    return [direct_launch(dy, w, None, dx, right_t=True, BLOCK=BLOCK)]


@rung(registers=32, tiny={"TILE": 4})
def dx_2(dy, w, dx, *, TILE=TILE):
    """Shared-memory tiles, the weights transposed while they are loaded, so that both are read in order of memory."""
    return [tiled_launch(dy, w, None, dx, right_t=True, TILE=TILE)]


@rung(registers=72, tiny={"TILE_P": 4, "TILE_Q": 8, "TILE_K": 2, "PER": 2})
def dx_3(dy, w, dx, *, TILE_P=64, TILE_Q=64, TILE_K=16, PER=4):
    """Register tiles: a value read from shared memory serves PER products."""
    tiles = {"TILE_P": TILE_P, "TILE_Q": TILE_Q, "TILE_K": TILE_K, "PER": PER}
    return [registers_launch(dy, w, None, dx, right_t=True, **tiles)]


@rung(registers=32, tiny={"BLOCK": 8})
def dw_1(dy, x, dw, *, BLOCK=BLOCK):
    """One thread per weight: eq. 17 without f'."""
    return [direct_launch(x, dy, None, dw, left_t=True, BLOCK=BLOCK)]


@rung(registers=32, tiny={"TILE": 4})
def dw_2(dy, x, dw, *, TILE=TILE):
    """Shared-memory tiles: x and dy both have the examples, along which they are summed, in their rows."""
    return [tiled_launch(x, dy, None, dw, left_t=True, TILE=TILE)]


@rung(registers=56, tiny={"TILE_P": 4, "TILE_Q": 8, "TILE_K": 2, "PER": 2})
def dw_3(dy, x, dw, *, TILE_P=64, TILE_Q=64, TILE_K=16, PER=4):
    """Register tiles: a value read from shared memory serves PER products."""
    tiles = {"TILE_P": TILE_P, "TILE_Q": TILE_Q, "TILE_K": TILE_K, "PER": PER}
    return [registers_launch(x, dy, None, dw, left_t=True, **tiles)]


@rung(registers=32, tiny={"BLOCK": 8})
def db_1(dy, db, *, BLOCK=BLOCK):
    """One thread per bias: eq. 18 without f'."""
    return [db_direct(BLOCK=BLOCK)[math.ceil(db.size / BLOCK), BLOCK](dy, db)]


@rung(registers=32, tiny={"COLUMNS": 4, "ROWS": 2})
def db_2(dy, db, *, COLUMNS=COLUMNS, ROWS=8):
    """Block reduction: ROWS threads share a column out, where one thread would wait for each of its reads."""
    return [db_reduced(COLUMNS=COLUMNS, ROWS=ROWS)[math.ceil(db.size / COLUMNS), (COLUMNS, ROWS)](dy, db)]


forward = Ladder("forward", forward_1, forward_2, forward_3)
dx = Ladder("dx", dx_1, dx_2, dx_3, writes="dx")
dw = Ladder("dw", dw_1, dw_2, dw_3, writes="dw")
db = Ladder("db", db_1, db_2, writes="db")
backward = dx + dw + db
