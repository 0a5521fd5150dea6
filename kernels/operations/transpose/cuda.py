"""Transposition on a GPU, a ladder of five rungs. Source: Ruetsch and Micikevicius (2009). Shapes as in reference.py.

Nothing is computed, so everything is a matter of addresses: a warp is served at full speed where its threads want
neighbours, and what are neighbours in x are far apart in y. `python -m kernels xray transpose.forward --rung 1` and up
shows each cost appear and go.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward, backward   1   one thread per value
                        2   a tile in shared memory: 4.5 times fewer sectors
                        3   rows of the tile padded by a word: 8.8 times fewer turns, 2.5 times less predicted time
                        4   a tile as narrow as the matrix
                        5   four values at once
"""

import math

import numpy as np

from kernels.gpu import Ladder, cuda, float32, kernel, rung, uint32
from kernels.gpu.vectors import FOUR, in_fours, load_four, store_four

BLOCK = 256
TILE = 32
ROWS = 8


@kernel
def transpose_direct(x, y, *, BLOCK=BLOCK):
    """One thread per value of y: it fetches the value from its place in x."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < y.size:
        N, M = y.shape[1], y.shape[2]
        r, n, m = i // (M * N), i // M % N, i % M
        y[r, n, m] = x[r, m, n]


@kernel
def transpose_tiled(x, y, *, TILE=TILE, ROWS=ROWS, WIDTH=TILE):
    """One block per TILE x TILE values, ROWS rows of them at a time; a row of the tile takes WIDTH words.

    The tile is read along the rows of x and written along the rows of y. Shared memory turns it: there, going down a
    column costs nothing but bank conflicts, and not even these if WIDTH is odd.
    """
    tile = cuda.shared.array((TILE, WIDTH), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    M, N = x.shape[1], x.shape[2]
    r, first_m, first_n = cuda.blockIdx.x, cuda.blockIdx.y * TILE, cuda.blockIdx.z * TILE
    for i in range(ty, TILE, ROWS):
        if first_m + i < M and first_n + tx < N:
            tile[i, tx] = x[r, first_m + i, first_n + tx]
    cuda.syncthreads()  # the tile is complete
    for i in range(ty, TILE, ROWS):
        if first_n + i < N and first_m + tx < M:
            y[r, first_n + i, first_m + tx] = tile[tx, i]


@kernel
def transpose_fitted(x, y, *, HEIGHT=TILE, WIDTH=TILE, TILE=TILE, PADDED=TILE + 1, BLOCK=BLOCK):
    """One block per HEIGHT x WIDTH values, which its threads take in the order of x, then in the order of y.

    HEIGHT and WIDTH are powers of two whose product is TILE * TILE. Value i of the tile is kept as in a square one, in
    row i // TILE of PADDED words. So TILE threads that go down a column meet as many banks, however wide the tile is.
    """
    tile = cuda.shared.array((TILE, PADDED), float32)
    M, N = x.shape[1], x.shape[2]
    r, first_m, first_n = cuda.blockIdx.x, cuda.blockIdx.y * HEIGHT, cuda.blockIdx.z * WIDTH
    for i in range(cuda.threadIdx.x, TILE * TILE, BLOCK):
        m, n = i // WIDTH, i % WIDTH
        if first_m + m < M and first_n + n < N:
            tile[i // TILE, i % TILE] = x[r, first_m + m, first_n + n]
    cuda.syncthreads()  # the tile is complete
    for k in range(cuda.threadIdx.x, TILE * TILE, BLOCK):
        m, n = k % HEIGHT, k // HEIGHT
        if first_m + m < M and first_n + n < N:
            i = m * WIDTH + n
            y[r, first_n + n, first_m + m] = tile[i // TILE, i % TILE]


@kernel
def transpose_fours(x, y, M, N, *, TILE=64, PADDED=65, ROWS=16, LANES=8, WHOLE=True):
    """One block per TILE x TILE values, which LANES * ROWS threads take by groups of four, in both directions.

    x and y are flat. Eight threads go along a row and the next eight along the next one: so the values that a warp puts
    into the tile, four groups apart and a row of PADDED words apart, lie in 32 banks. WHOLE says that every tile is;
    else only the threads of the last tiles look where each of their groups is.

    A thread's places differ by known distances from its first, which is worked out in 32 bits.
    """
    tile, four = cuda.shared.array((TILE, PADDED), float32), cuda.local.array(4, float32)
    thread = uint32(cuda.threadIdx.x)  # without a sign, a division by a power of two is a shift
    lane, first = uint32(thread % LANES), uint32(thread // LANES)
    r, down, across = uint32(cuda.blockIdx.x), uint32(cuda.blockIdx.y), uint32(cuda.blockIdx.z)
    whole = WHOLE or ((down + 1) * TILE <= M and (across + 1) * TILE <= N)
    groups = uint32(N // 4)  # of a row of x
    row, column = uint32(uint32(down * TILE) + first), uint32(uint32(across * (TILE // 4)) + lane)
    group = uint32(uint32(uint32(uint32(r * M) + row) * groups) + column)
    for step in range(TILE // ROWS):
        i = first + step * ROWS
        for turn in range(TILE // (4 * LANES)):
            j = 4 * (lane + turn * LANES)
            if whole or (uint32(row + step * ROWS) < M and uint32(column + turn * LANES) < groups):
                load_four(x, group + step * ROWS * groups + turn * LANES, four)
                for k in range(4):
                    tile[i, j + k] = four[k]
    cuda.syncthreads()  # the tile is complete
    groups = uint32(M // 4)  # of a row of y
    row, column = uint32(uint32(across * TILE) + first), uint32(uint32(down * (TILE // 4)) + lane)
    group = uint32(uint32(uint32(uint32(r * N) + row) * groups) + column)
    for step in range(TILE // ROWS):
        i = first + step * ROWS
        for turn in range(TILE // (4 * LANES)):
            j = 4 * (lane + turn * LANES)
            if whole or (uint32(row + step * ROWS) < N and uint32(column + turn * LANES) < groups):
                for k in range(4):
                    four[k] = tile[j + k, i]
                store_four(y, group + step * ROWS * groups + turn * LANES, four)


# The rungs: what they add, and how they are launched.


def grid_of(x, height, width):
    """A block for each tile of each matrix."""
    R, M, N = x.shape
    return R, math.ceil(M / height), math.ceil(N / width)


def fitted_tile(M, N, TILE):
    """Height and width of a tile of TILE * TILE values, powers of two: where the matrix is narrow, so is the tile."""
    width = min(power_of_two(N), TILE)
    height = min(power_of_two(M), TILE * TILE // width)
    return height, TILE * TILE // height


def power_of_two(size):
    """The smallest that is not below `size`."""
    return 1 << (size - 1).bit_length()


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(x, y, *, BLOCK=BLOCK):
    """One thread per value of y. A warp writes neighbours, but its read touches 32 sectors of x where 4 would do."""
    return [transpose_direct(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y)]


@rung(registers=40, tiny={"TILE": 4, "ROWS": 2})
def forward_2(x, y, *, TILE=TILE, ROWS=ROWS):
    """A tile in shared memory: reads and writes touch 4 sectors, but a column of the tile is 32 turns of one bank.

    By the x-ray: 4.5 times fewer sectors.
    """
    return [transpose_tiled(TILE=TILE, ROWS=ROWS, WIDTH=TILE)[grid_of(x, TILE, TILE), (TILE, ROWS)](x, y)]


@rung(registers=40, tiny={"TILE": 4, "ROWS": 2})
def forward_3(x, y, *, TILE=TILE, ROWS=ROWS):
    """Rows of the tile are one word longer than they hold: a column of it lies in 32 banks, which take one turn.

    By the x-ray: 8.8 times fewer turns and 2.5 times less predicted time.
    """
    return [transpose_tiled(TILE=TILE, ROWS=ROWS, WIDTH=TILE + 1)[grid_of(x, TILE, TILE), (TILE, ROWS)](x, y)]


@rung(registers=40, tiny={"TILE": 4, "BLOCK": 8})
def forward_4(x, y, *, TILE=TILE, BLOCK=BLOCK):
    """A tile as narrow as the matrix: with two channels a warp writes 32 values, where a square tile leaves it 2.

    By the x-ray: 1.6 times more instructions.
    """
    height, width = fitted_tile(x.shape[1], x.shape[2], TILE)
    fitted = transpose_fitted(HEIGHT=height, WIDTH=width, TILE=TILE, PADDED=TILE + 1, BLOCK=BLOCK)
    return [fitted[grid_of(x, height, width), BLOCK](x, y)]


@rung(registers=40, tiny={"TILE": 8, "ROWS": 4, "LANES": 2})
def forward_5(x, y, *, TILE=64, ROWS=16, LANES=8):
    """Four values at once, and eight times in a thread: 16 bytes a lane, and addresses that differ by known distances.

    By the x-ray: 4.0 times fewer barriers and 30 times fewer instructions.

    Where rows or columns are no whole fours, or fewer than TILE / 2, rung 4 remains.
    """
    M, N = x.shape[1:]
    if M % FOUR or N % FOUR or 2 * min(M, N) < TILE or not in_fours(x, y):
        return forward_4(x, y)
    whole = M % TILE == 0 and N % TILE == 0
    fours = transpose_fours(TILE=TILE, PADDED=TILE + 1, ROWS=ROWS, LANES=LANES, WHOLE=whole)
    return [fours[grid_of(x, TILE, TILE), ROWS * LANES](x.reshape(-1), y.reshape(-1), np.uint32(M), np.uint32(N))]


# Delta-errors go back as values came: what stood in a row stands in a column again.


@rung(registers=forward_1.registers, tiny=forward_1.tiny)
def backward_1(dy, dx, **parameters):
    """One thread per value of dx. A warp writes neighbours, but its read touches 32 sectors of dy where 4 would do."""
    return forward_1(dy, dx, **parameters)


@rung(registers=forward_2.registers, tiny=forward_2.tiny)
def backward_2(dy, dx, **parameters):
    """A tile in shared memory: reads and writes touch 4 sectors, but a column of the tile is 32 turns of one bank."""
    return forward_2(dy, dx, **parameters)


@rung(registers=forward_3.registers, tiny=forward_3.tiny)
def backward_3(dy, dx, **parameters):
    """Rows of the tile are one word longer than they hold: a column of it lies in 32 banks, which take one turn."""
    return forward_3(dy, dx, **parameters)


@rung(registers=forward_4.registers, tiny=forward_4.tiny)
def backward_4(dy, dx, **parameters):
    """A tile as narrow as the matrix: with two channels a warp writes 32 values, where a square tile leaves it 2."""
    return forward_4(dy, dx, **parameters)


@rung(registers=forward_5.registers, tiny=forward_5.tiny)
def backward_5(dy, dx, **parameters):
    """Four values at once, and eight times in a thread: 16 bytes a lane, and addresses that differ by known distances.

    Where forward is left to rung 4, so is this.
    """
    return forward_5(dy, dx, **parameters)


forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4, forward_5)
backward = Ladder("backward", backward_1, backward_2, backward_3, backward_4, backward_5)
