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
input that a weight would meet in the padding. Bit 31 is taken: all rows and columns have it, and terms beyond the last.
Nobody asks where a launch knows the answer: all tiles have TILE_K terms (WHOLE), and all right values stand somewhere,
too (INSIDE).

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


@device
def clear(total, SHAPE):
    for i in range(SHAPE[1]):
        for j in range(SHAPE[2]):
            total[i, j] = float32(0)


@device
def put_on_lists(left_terms, right_terms, words, t, term, is_there):
    """What `TERM` says of a term; a term that is not there has a bit in common with all rows and columns."""
    left_terms[t], right_terms[t], word = term
    words[t] = uint32(word if is_there else EVERY_BIT)


@device
def load_tile(tile, values, firsts, terms, first_words, words, places, common, t, HOW):
    """Load a tile: first all places, so that what the lists say is read 16 bytes at a time, then all values."""
    ROWS, TILE_K, THREADS, ALONG_K, EVERYWHERE = HOW
    for step in range(ROWS * TILE_K // THREADS):
        _, k = loads(step, t, ROWS, TILE_K, THREADS, ALONG_K)
        first = step if ALONG_K else 0
        places[step] = firsts[first] + terms[k]
        common[step] = uint32(0) if EVERYWHERE else uint32(first_words[first] & words[k])
    for step in range(ROWS * TILE_K // THREADS):
        row, k = loads(step, t, ROWS, TILE_K, THREADS, ALONG_K)
        tile[k, row] = values[places[step]] if common[step] == 0 else float32(0)


@device
def multiply_listed(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE):
    """`multiply_tiles` without `range`: Numba counts what is next and what is left, 12 instructions a turn."""
    k = 0
    while k < SHAPE[0]:
        add_products(left_tile, right_tile, left_values, right_values, total, k, tm, tn, SHAPE)
        k += 1


@kernel
def product_placed(
    left, right, flat_left, flat_right, b, out, M, N, K, part_length,
    *, ROW=row_of_matrix, COLUMN=column_of_matrix, TERM=term_of_matrices, STORE=store, UNRAVEL_N=itself,
    LEFT_ALONG_K=True, RIGHT_ALONG_K=False, PLACE=uint32, WHOLE=False, INSIDE=False,
    TILE_M=64, TILE_N=64, TILE_K=8, PER_M=4, PER_N=4, GROUP=1, WIDTH_M=68, WIDTH_N=68, ROWS=2, COLUMNS=1, LOADS=2,
):  # fmt: skip
    """Blocks, threads and sums are those of `product_registers`."""
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
    row_words = cuda.local.array(ROWS, uint32)
    column_words = cuda.local.array(COLUMNS, uint32)
    places = cuda.local.array(LOADS, PLACE)
    common = cuda.local.array(LOADS, uint32)
    THREADS_M, THREADS_N, THREADS = TILE_M // PER_M, TILE_N // PER_N, TILE_M * TILE_N // (PER_M * PER_N)
    SHAPE = (TILE_K, PER_M, PER_N, THREADS_M, THREADS_N, GROUP)
    HOW_LEFT = (TILE_M, TILE_K, THREADS, LEFT_ALONG_K, WHOLE)
    HOW_RIGHT = (TILE_N, TILE_K, THREADS, RIGHT_ALONG_K, INSIDE)
    t = int64(uint32(cuda.threadIdx.x))  # never negative: see `own`
    tm, tn = t // THREADS_N, t % THREADS_N
    first_m, first_n = int64(uint32(cuda.blockIdx.y)) * TILE_M, int64(uint32(cuda.blockIdx.x)) * TILE_N
    part = int64(uint32(cuda.blockIdx.z))
    last_k = min(K, (part + 1) * part_length)
    for step in range(ROWS):
        m = loads(step, t, TILE_M, TILE_K, THREADS, LEFT_ALONG_K)[0]
        rows[step], row_words[step] = PLACE(ROW(left, min(first_m + m, M - 1))), uint32(BEYOND)
    for step in range(COLUMNS):
        n, _ = loads(step, t, TILE_N, TILE_K, THREADS, RIGHT_ALONG_K)
        place, word = COLUMN(right, out, min(first_n + n, N - 1))
        columns[step], column_words[step] = PLACE(place), uint32(word | BEYOND)
    clear(total, SHAPE)
    k = part * part_length + t
    if t < TILE_K:
        put_on_lists(left_terms, right_terms, words, t, TERM(left, right, k), k < last_k)
    cuda.syncthreads()  # the terms of the first tiles are listed
    for first_k in range(part * part_length, last_k, TILE_K):
        load_tile(left_tile, flat_left, rows, left_terms, row_words, words, places, common, t, HOW_LEFT)
        load_tile(right_tile, flat_right, columns, right_terms, column_words, words, places, common, t, HOW_RIGHT)
        cuda.syncthreads()  # both tiles are complete, and their terms need no more be listed
        k = first_k + TILE_K + t
        if t < TILE_K:
            put_on_lists(left_terms, right_terms, words, t, TERM(left, right, k), k < last_k)
        multiply_listed(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE)
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
    loads_left, loads_right = TILE_M * tiles.k // threads, tiles.n * tiles.k // threads
    pad = max(32 // tiles.k, tiles.group)  # see `registers`
    WHOLE = K % tiles.k == 0 and part_length % tiles.k == 0
    product = product_placed(
        TILE_M=TILE_M, TILE_N=tiles.n, TILE_K=tiles.k, PER_M=PER_M, PER_N=tiles.per, GROUP=tiles.group,
        WIDTH_M=TILE_M + pad, WIDTH_N=tiles.n + pad,
        LOADS=max(loads_left, loads_right), LEFT_ALONG_K=LEFT_ALONG_K, ROWS=loads_left if LEFT_ALONG_K else 1,
        COLUMNS=loads_right if RIGHT_ALONG_K else 1, RIGHT_ALONG_K=RIGHT_ALONG_K,
        PLACE=uint32 if max(left.size, right.size) <= 2**32 else uint64, WHOLE=WHOLE, INSIDE=INSIDE and WHOLE,
        **functions,
    )  # fmt: skip
    grid = (*tiles.grid(M, N), math.ceil(K / part_length) if K else 1)
    arrays = left, right, left.reshape(-1), right.reshape(-1), or_any(b, left), out
    return product[grid, threads](*arrays, *size, part_length)
