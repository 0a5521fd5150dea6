"""The register-tiled product once more, without working out where each element stands each time one is loaded.

`product_registers` (products.py) asks for an element by (m, k) or (k, n): divisions, axes and bounds, for each of them.
But in all products here a place in memory is a sum: what the row adds and what the term k adds, as in a matrix
m * width + k. What a row or a column adds stays the same from the first tile to the last, so each thread keeps it in
registers. What a term adds is the same for all rows and columns: for each tile one thread a term works it out and puts
it on a list in shared memory. What remains of a load is an addition. Who uses a product says by device functions:

    ROW(left, m)                what row m adds to a place in the left array
    COLUMN(right, out, n)       what column n adds to a place in the right array, and the word of the column
    TERM(left, right, k)        what term k adds to a place in the left and in the right array, and the word of the term
    STORE, UNRAVEL_N            as in products.py

Where a column and a term have a bit of their words in common, the right value is 0 and stands nowhere: such as the
input that a weight would meet in the padding. Bit 31 is taken: all columns have it, and terms beyond the last.

Rows and columns beyond the result load those of the last one, for nobody stores what becomes of them.
"""

import math

from kernels.gpu.compiler import cuda, float32, int64, uint32, uint64
from kernels.gpu.kernel import kernel, or_any
from kernels.gpu.products import add_products, itself, own, side_by_side, store
from kernels.gpu.source import device

EVERY_BIT, BEYOND = 0xFFFFFFFF, 0x80000000

# A matrix that is stored as it stands, or with rows and columns exchanged.


@device
def row_of_matrix(left, m):
    return m * left.shape[1]


@device
def row_of_transposed(left, m):
    return m


@device
def column_of_matrix(right, out, n):
    return n, 0


@device
def column_of_transposed(right, out, n):
    return n * right.shape[1], 0


@device
def term_of_matrices(left, right, k, *, LEFT_ALONG_K=True, RIGHT_ALONG_K=False):
    return k if LEFT_ALONG_K else k * left.shape[1], k if RIGHT_ALONG_K else k * right.shape[1], 0


@device
def loads(step, t, ROWS, TILE_K, THREADS, ALONG_K):
    """Which (row, k) of a tile of ROWS x TILE_K thread t loads in a step: along k, or k that follow each other."""
    row = step * (THREADS // TILE_K) + t // TILE_K if ALONG_K else t % ROWS
    k = t % TILE_K if ALONG_K else t // ROWS * (ROWS * TILE_K // THREADS) + step
    return row, k


@kernel
def product_placed(
    left, right, flat_left, flat_right, b, out, M, N, K, part_length,
    *, ROW=row_of_matrix, COLUMN=column_of_matrix, TERM=term_of_matrices, STORE=store, UNRAVEL_N=itself,
    LEFT_ALONG_K=True, RIGHT_ALONG_K=False, PLACE=uint32, WHOLE=False, INSIDE=False,
    TILE_M=64, TILE_N=64, TILE_K=8, PER_M=4, PER_N=4, GROUP=1, WIDTH_M=68, WIDTH_N=68, ROWS=2, COLUMNS=1, LOADS=2,
):  # fmt: skip
    """Blocks, threads and sums are those of `product_registers`.

    WHOLE     whether every tile has TILE_K terms
    INSIDE    whether moreover every right value stands somewhere
    """
    left_tile = cuda.shared.array((TILE_K, WIDTH_M), float32, alignment=16)
    right_tile = cuda.shared.array((TILE_K, WIDTH_N), float32, alignment=16)
    left_terms = cuda.shared.array(TILE_K, PLACE, alignment=16)
    right_terms = cuda.shared.array(TILE_K, PLACE, alignment=16)
    words = cuda.shared.array(TILE_K, uint32, alignment=16)
    left_values = cuda.local.array(PER_M, float32)
    right_values = cuda.local.array(PER_N, float32)
    total = cuda.local.array((PER_M, PER_N), float32)
    rows = cuda.local.array(ROWS, PLACE)
    columns = cuda.local.array(COLUMNS, PLACE)
    column_words = cuda.local.array(COLUMNS, uint32)
    places = cuda.local.array(LOADS, PLACE)
    common = cuda.local.array(LOADS, uint32)
    THREADS_M, THREADS_N, THREADS = TILE_M // PER_M, TILE_N // PER_N, TILE_M * TILE_N // (PER_M * PER_N)
    SHAPE = (TILE_K, PER_M, PER_N, THREADS_M, THREADS_N, GROUP)
    t = int64(uint32(cuda.threadIdx.x))  # never negative: see `own`
    tm, tn = t // THREADS_N, t % THREADS_N
    first_m = int64(uint32(cuda.blockIdx.y)) * TILE_M
    first_n = int64(uint32(cuda.blockIdx.x)) * TILE_N
    part = int64(uint32(cuda.blockIdx.z))
    last_k = min(K, (part + 1) * part_length)
    for step in range(ROWS):
        m, _ = loads(step, t, TILE_M, TILE_K, THREADS, LEFT_ALONG_K)
        rows[step] = PLACE(ROW(left, min(first_m + m, M - 1)))
    for step in range(COLUMNS):
        n, _ = loads(step, t, TILE_N, TILE_K, THREADS, RIGHT_ALONG_K)
        place, word = COLUMN(right, out, min(first_n + n, N - 1))
        columns[step], column_words[step] = PLACE(place), uint32(word | BEYOND)
    for i in range(PER_M):
        for j in range(PER_N):
            total[i, j] = float32(0)
    if t < TILE_K:
        left_place, right_place, word = TERM(left, right, part * part_length + t)
        left_terms[t], right_terms[t] = PLACE(left_place), PLACE(right_place)
        words[t] = uint32(word if part * part_length + t < last_k else EVERY_BIT)
    cuda.syncthreads()  # the terms of the first tiles are listed
    for first_k in range(part * part_length, last_k, TILE_K):
        for step in range(TILE_M * TILE_K // THREADS):
            m, k = loads(step, t, TILE_M, TILE_K, THREADS, LEFT_ALONG_K)
            value = float32(0)
            if WHOLE or first_k + k < last_k:
                value = flat_left[PLACE(rows[step % ROWS] + left_terms[k])]
            left_tile[k, m] = value
        for step in range(LOADS):  # first all places: what the lists say is then read 16 bytes at a time
            n, k = loads(step, t, TILE_N, TILE_K, THREADS, RIGHT_ALONG_K)
            places[step] = PLACE(columns[step % COLUMNS] + right_terms[k])
            common[step] = uint32(0) if INSIDE else uint32(column_words[step % COLUMNS] & words[k])
        for step in range(LOADS):
            n, k = loads(step, t, TILE_N, TILE_K, THREADS, RIGHT_ALONG_K)
            right_tile[k, n] = flat_right[places[step]] if common[step] == 0 else float32(0)
        cuda.syncthreads()  # both tiles are complete, and their terms need no more be listed
        if t < TILE_K:
            k = first_k + TILE_K + t
            left_place, right_place, word = TERM(left, right, k)
            left_terms[t], right_terms[t] = PLACE(left_place), PLACE(right_place)
            words[t] = uint32(word if k < last_k else EVERY_BIT)
        # A loop that `range` makes costs 12 instructions a turn: Numba counts twice, what is next and what is left.
        turn = 0
        while turn < TILE_K:
            add_products(left_tile, right_tile, left_values, right_values, total, turn, tm, tn, SHAPE)
            turn += 1
        cuda.syncthreads()  # nobody reads these tiles any more, and the terms of the next are listed
    side_by_side(total, right_tile, tm, tn, SHAPE)
    for j in range(PER_N):
        n = first_n + own(tn, j, THREADS_N, 1)
        if n < N:
            column = UNRAVEL_N(out, n)
            for i in range(PER_M):
                m = first_m + own(tm, i, THREADS_M, GROUP)
                if m < M:
                    STORE(out, b, m, column, total[i, j])


def placed(
    left, right, b, out, size, tiles, part_length=None,
    *, LEFT_ALONG_K=True, RIGHT_ALONG_K=False, INSIDE=True, **functions,
):  # fmt: skip
    """The launch of `product_placed`, as `registers` makes that of `product_registers`.

    INSIDE    whether words never have a bit in common but for the terms beyond the last
    """
    M, N, K = size
    part_length = part_length or K
    TILE_M, PER_M = tiles.fitting(M)
    threads = TILE_M * tiles.n // (PER_M * tiles.per)
    loads_right = tiles.n * tiles.k // threads
    pad = max(32 // tiles.k, tiles.group)  # see `registers`
    WHOLE = K % tiles.k == 0 and part_length % tiles.k == 0
    product = product_placed(
        TILE_M=TILE_M, TILE_N=tiles.n, TILE_K=tiles.k, PER_M=PER_M, PER_N=tiles.per, GROUP=tiles.group,
        WIDTH_M=TILE_M + pad, WIDTH_N=tiles.n + pad,
        LOADS=loads_right, ROWS=TILE_M * tiles.k // threads if LEFT_ALONG_K else 1, LEFT_ALONG_K=LEFT_ALONG_K,
        COLUMNS=loads_right if RIGHT_ALONG_K else 1, RIGHT_ALONG_K=RIGHT_ALONG_K,
        PLACE=uint32 if max(left.size, right.size) <= 2**32 else uint64, WHOLE=WHOLE, INSIDE=INSIDE and WHOLE,
        **functions,
    )  # fmt: skip
    grid = (*tiles.grid(M, N), math.ceil(K / part_length) if K else 1)
    arrays = left, right, left.reshape(-1), right.reshape(-1), or_any(b, left), out
    return product[grid, threads](*arrays, *size, part_length)
