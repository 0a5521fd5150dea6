"""The product of two matrices, out[m, n] = sum over k of left[m, k] right[k, n], tiled in shared memory and registers.

The matrices need not be there as such. Who uses a product says by device functions, as compile-time parameters, where
its elements stand in the arrays that are there ("implicit GEMM"):

    LEFT(left, m, k)            the value left[m, k]
    RIGHT(right, k, n)          the value right[k, n]
    STORE(out, b, m, n, value)  puts a sum into its place, with the bias b if it has one
    UNRAVEL_K(left, k)          what k counts through, such as (channel, row, column): what LEFT and RIGHT then get as k
    UNRAVEL_N(out, n)           the same of n, for RIGHT and STORE

Unless said, all are those of matrices that are stored as they stand: see `element`, `store` and `itself`.

Threads that follow each other should load values that do. LEFT_ALONG_K says whether in memory left values follow each
other along k, or else along m; RIGHT_ALONG_K the same of right ones, or else along n.

Sums are in float32 and in a fixed order, without atomics, so runs repeat bit for bit. `tiled` and `registers` make the
launches. Each is a rung of its own in the ladders of conv2d and linear.
"""

import math
from typing import NamedTuple

from kernels.gpu.compiler import cuda, float32, int64, uint32
from kernels.gpu.kernel import kernel, or_any
from kernels.gpu.source import device

# A matrix that is stored as it stands.


@device
def element(matrix, row, column):
    return matrix[row, column]


@device
def transposed(matrix, row, column):
    """An element of a matrix that is stored with rows and columns exchanged."""
    return matrix[column, row]


@device
def itself(array, index):
    """Of an index that counts through nothing."""
    return index


@device
def store(out, b, m, n, value):
    out[m, n] = value


# A block of threads computes a tile of the result, and loads a tile of either matrix for each TILE_K of the sum.


@kernel
def product_tiled(
    left, right, b, out, M, N, K,
    *, LEFT=element, RIGHT=element, STORE=store, UNRAVEL_K=itself, UNRAVEL_N=itself,
    LEFT_ALONG_K=True, RIGHT_ALONG_K=False, TILE=16, LEFT_WIDTH=16, RIGHT_WIDTH=16,
):  # fmt: skip
    """One thread per output, one block per TILE x TILE of them.

    Along k it goes in steps of TILE: each thread loads one element of either matrix, and each serves TILE threads.
    """
    left_tile = cuda.shared.array((TILE, LEFT_WIDTH), float32)
    right_tile = cuda.shared.array((TILE, RIGHT_WIDTH), float32)
    tn, tm = cuda.threadIdx.x, cuda.threadIdx.y
    first_m, first_n = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    # Which elements this thread loads: tn is what differs between threads that follow each other.
    left_m, left_k = (tm, tn) if LEFT_ALONG_K else (tn, tm)
    right_n, right_k = (tm, tn) if RIGHT_ALONG_K else (tn, tm)
    column = UNRAVEL_N(out, first_n + right_n)
    total = float32(0)
    for first_k in range(0, K, TILE):
        left_value, right_value = float32(0), float32(0)
        if first_m + left_m < M and first_k + left_k < K:
            left_value = LEFT(left, first_m + left_m, UNRAVEL_K(left, first_k + left_k))
        if first_n + right_n < N and first_k + right_k < K:
            right_value = RIGHT(right, UNRAVEL_K(left, first_k + right_k), column)
        left_tile[left_m, left_k] = left_value
        right_tile[right_k, right_n] = right_value
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += left_tile[tm, k] * right_tile[k, tn]
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    m, n = first_m + tm, first_n + tn
    if m < M and n < N:
        STORE(out, b, m, UNRAVEL_N(out, n), total)


def tiled(left, right, b, out, size, *, TILE, LEFT_ALONG_K=True, RIGHT_ALONG_K=False, **functions):
    """The launch of `product_tiled` for a product of size (M, N, K)."""
    M, N, _ = size
    # A tile that is transposed on the way is written down its columns: a row that is one value longer puts the values
    # of a column into different banks of shared memory.
    product = product_tiled(
        TILE=TILE, LEFT_ALONG_K=LEFT_ALONG_K, LEFT_WIDTH=TILE + (not LEFT_ALONG_K),
        RIGHT_ALONG_K=RIGHT_ALONG_K, RIGHT_WIDTH=TILE + RIGHT_ALONG_K, **functions,
    )  # fmt: skip
    return product[(math.ceil(N / TILE), math.ceil(M / TILE)), (TILE, TILE)](left, right, or_any(b, left), out, *size)


@device
def own(t, i, THREADS, GROUP):
    """The i-th of the rows (or columns) of a tile that belong to thread t: groups of GROUP that stand side by side.

    With GROUP = 1, threads that follow each other read words that do, which fall into different banks of shared
    memory. With GROUP = 4 they read 16 bytes at once, in one instruction. For that the compiler must know that the
    address is a multiple of 16, which it does not while t might be negative and the index so count from the end.
    """
    return (i // GROUP * THREADS + t) * GROUP + i % GROUP


@device
def add_products(left_tile, right_tile, left_values, right_values, total, k, tm, tn, SHAPE):
    """total[i, j] += left[m_i, k] right[k, n_j], for the PER_M x PER_N outputs of one thread.

    A value read from shared memory goes to a register first and from there into PER_N, or PER_M, products.
    """
    _, PER_M, PER_N, THREADS_M, THREADS_N, GROUP = SHAPE
    for i in range(PER_M):
        left_values[i] = left_tile[k, own(tm, i, THREADS_M, GROUP)]
    for j in range(PER_N):
        right_values[j] = right_tile[k, own(tn, j, THREADS_N, GROUP)]
    for i in range(PER_M):
        for j in range(PER_N):
            total[i, j] += left_values[i] * right_values[j]


@device
def multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE):
    """total[i, j] += sum over k of left[m_i, k] right[k, n_j]."""
    TILE_K, _, _, _, _, GROUP = SHAPE
    for turn in range(TILE_K):
        # For groups k must not seem negative either, see `own`. Where there are none, that would only cost registers.
        k = int64(uint32(turn)) if GROUP > 1 else turn
        add_products(left_tile, right_tile, left_values, right_values, total, k, tm, tn, SHAPE)


@device
def side_by_side(total, tile, tm, tn, SHAPE):
    """Exchange outputs within each row, so that threads that follow each other hold columns that do, as with GROUP = 1.

    Stored as they are, groups of 4 would leave the lanes of a warp 16 bytes apart: each store would touch 4 times the
    sectors that it fills. So each row of threads sends its outputs through a row of shared memory, THREADS_M <= TILE_K
    of them. Its threads belong to one warp, for THREADS_N divides 32, so nobody else need wait.
    """
    _, PER_M, PER_N, _, THREADS_N, GROUP = SHAPE
    if GROUP > 1:
        for i in range(PER_M):
            for j in range(PER_N):
                tile[tm, own(tn, j, THREADS_N, GROUP)] = total[i, j]
            cuda.syncwarp()  # the row is complete
            for j in range(PER_N):
                total[i, j] = tile[tm, own(tn, j, THREADS_N, 1)]
            cuda.syncwarp()  # nobody reads it any more: the next outputs may overwrite it


@kernel
def product_registers(
    left, right, b, out, M, N, K, part_length,
    *, LEFT=element, RIGHT=element, STORE=store, UNRAVEL_K=itself, UNRAVEL_N=itself,
    LEFT_ALONG_K=True, RIGHT_ALONG_K=False,
    TILE_M=64, TILE_N=64, TILE_K=8, PER_M=4, PER_N=4, GROUP=1, WIDTH_M=68, WIDTH_N=68,
):  # fmt: skip
    """One block per TILE_M x TILE_N outputs, one thread per PER_M x PER_N of them, which it keeps in registers.

    Each layer of blocks, by blockIdx.z, sums a part of the K products, part_length of them.
    """
    left_tile = cuda.shared.array((TILE_K, WIDTH_M), float32, alignment=16)
    right_tile = cuda.shared.array((TILE_K, WIDTH_N), float32, alignment=16)
    left_values = cuda.local.array(PER_M, float32)
    right_values = cuda.local.array(PER_N, float32)
    total = cuda.local.array((PER_M, PER_N), float32)
    THREADS_M, THREADS_N, THREADS = TILE_M // PER_M, TILE_N // PER_N, TILE_M * TILE_N // (PER_M * PER_N)
    SHAPE = (TILE_K, PER_M, PER_N, THREADS_M, THREADS_N, GROUP)
    t = int64(uint32(cuda.threadIdx.x))  # never negative: see `own`
    tm, tn = t // THREADS_N, t % THREADS_N
    first_m = int64(uint32(cuda.blockIdx.y)) * TILE_M
    first_n = int64(uint32(cuda.blockIdx.x)) * TILE_N
    part = int64(uint32(cuda.blockIdx.z))
    last_k = min(K, (part + 1) * part_length)
    # Along n a thread always loads the same column, along k always the same of TILE_K terms: it unravels them once.
    own_column = UNRAVEL_N(out, first_n + t % TILE_N)
    for i in range(PER_M):
        for j in range(PER_N):
            total[i, j] = float32(0)
    for first_k in range(part * part_length, last_k, TILE_K):
        own_term = UNRAVEL_K(left, first_k + t % TILE_K)
        for step in range(TILE_M * TILE_K // THREADS):
            place = step * THREADS + t
            m, k = (place // TILE_K, t % TILE_K) if LEFT_ALONG_K else (t % TILE_M, place // TILE_M)
            value = float32(0)
            if first_m + m < M and first_k + k < last_k:
                term = own_term if LEFT_ALONG_K else UNRAVEL_K(left, first_k + k)
                value = LEFT(left, first_m + m, term)
            left_tile[k, m] = value
        for step in range(TILE_N * TILE_K // THREADS):
            place = step * THREADS + t
            n, k = (place // TILE_K, t % TILE_K) if RIGHT_ALONG_K else (t % TILE_N, place // TILE_N)
            value = float32(0)
            # In 32 bits: a thread keeps these columns at hand, and 64 bits would take twice the registers.
            if uint32(first_n + n) < uint32(N) and first_k + k < last_k:
                term = own_term if RIGHT_ALONG_K else UNRAVEL_K(left, first_k + k)
                column = UNRAVEL_N(out, first_n + n) if RIGHT_ALONG_K else own_column
                value = RIGHT(right, term, column)
            right_tile[k, n] = value
        cuda.syncthreads()  # both tiles are complete
        multiply_tiles(left_tile, right_tile, left_values, right_values, total, tm, tn, SHAPE)
        cuda.syncthreads()  # nobody reads these tiles any more: the next step may overwrite them
    side_by_side(total, right_tile, tm, tn, SHAPE)
    for j in range(PER_N):
        n = first_n + own(tn, j, THREADS_N, 1)
        if n < N:
            column = UNRAVEL_N(out, n)
            for i in range(PER_M):
                m = first_m + own(tm, i, THREADS_M, GROUP)
                if m < M:
                    STORE(out, b, m, column, total[i, j])


class Tiles(NamedTuple):
    """The tiles of a register-tiled product.

    m, n     rows and columns of the result that a block computes
    k        terms of the sum that it loads at a time
    per      a thread computes per x per outputs
    group    how many of them stand side by side: 1, or 4 where shared memory is to give 16 bytes at a time

    m, n and k divide the number of threads, m n / per**2. With groups, that is a multiple of 32, n / per divides 32,
    and k is at least m / per: see `side_by_side`.
    """

    m: int = 64
    n: int = 64
    k: int = 8
    per: int = 4
    group: int = 1

    def grid(self, M, N):
        """Blocks that cover a result of size (M, N)."""
        return math.ceil(N / self.n), math.ceil(M / self.fitting(M)[0])

    def fitting(self, M):
        """Rows of a tile, and of them those of a thread: half of each where the result has few, and groups allow it."""
        half = self.m // 2, self.per // 2
        return half if half[0] >= M and half[1] >= self.group else (self.m, self.per)


def registers(left, right, b, out, size, tiles, part_length=None, **functions):
    """The launch of `product_registers` for a product of size (M, N, K), its sum as a whole or in parts of a length."""
    M, N, K = size
    part_length = part_length or K
    TILE_M, PER_M = tiles.fitting(M)
    # Shared memory has 32 banks. With this padding, the TILE_K rows that a warp writes into start in different ones,
    # while groups that are read at once still start at multiples of their size.
    pad = max(32 // tiles.k, tiles.group)
    product = product_registers(
        TILE_M=TILE_M, TILE_N=tiles.n, TILE_K=tiles.k, PER_M=PER_M, PER_N=tiles.per, GROUP=tiles.group,
        WIDTH_M=TILE_M + pad, WIDTH_N=tiles.n + pad, **functions,
    )  # fmt: skip
    grid = (*tiles.grid(M, N), math.ceil(K / part_length) if K else 1)
    threads = TILE_M * tiles.n // (PER_M * tiles.per)
    return product[grid, threads](left, right, or_any(b, left), out, *size, part_length)


def length_of_parts(size, tiles, BLOCKS):
    """How long the parts of a product's sums may be, so that about BLOCKS blocks share it out."""
    M, N, K = size
    parts = math.ceil(BLOCKS / math.prod(tiles.grid(M, N)))
    return math.ceil(math.ceil(K / parts) / tiles.k) * tiles.k
