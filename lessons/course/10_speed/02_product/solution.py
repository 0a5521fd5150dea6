"""Climb: a matrix product that fetches both of its factors from global memory for each multiplication."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung

TILE = 16  # rows and columns of y that a block computes
STEP = 8  # terms of the sum whose factors it keeps at a time
PER = 2  # a thread computes PER x PER of its outputs
THREADS = TILE // PER


@kernel
def product_direct(x, w, y):
    """One thread per output: a row of x times a column of w."""
    j, r = cuda.grid(2)
    if r < y.shape[0] and j < y.shape[1]:
        total = float32(0)
        for i in range(x.shape[1]):
            total += x[r, i] * w[i, j]
        y[r, j] = total


@rung
def direct(x, w, y):
    """One thread per output."""
    grid = -(-y.shape[1] // 32), -(-y.shape[0] // 8)
    return [product_direct[grid, (32, 8)](x, w, y)]


@kernel
def product_tiled(x, w, y):
    """One block per TILE x TILE outputs: its threads load STEP terms of all of them, and each adds up PER x PER."""
    x_tile, w_tile = cuda.shared.array((TILE, STEP), float32), cuda.shared.array((STEP, TILE), float32)
    total = cuda.local.array((PER, PER), float32)
    column = cuda.local.array(PER, float32)
    tj, tr = cuda.threadIdx.x, cuda.threadIdx.y
    first_r, first_j = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    for m in range(PER):
        for n in range(PER):
            total[m, n] = float32(0)
    for first_i in range(0, x.shape[1], STEP):
        for place in range(tr * THREADS + tj, TILE * STEP, THREADS * THREADS):
            r, i = place // STEP, place % STEP
            inside = first_r + r < x.shape[0] and first_i + i < x.shape[1]
            x_tile[r, i] = x[first_r + r, first_i + i] if inside else float32(0)
            i, j = place // TILE, place % TILE
            inside = first_i + i < w.shape[0] and first_j + j < w.shape[1]
            w_tile[i, j] = w[first_i + i, first_j + j] if inside else float32(0)
        cuda.syncthreads()  # both tiles are there
        for i in range(STEP):
            for n in range(PER):
                column[n] = w_tile[i, tj + n * THREADS]
            for m in range(PER):
                value = x_tile[tr + m * THREADS, i]
                for n in range(PER):
                    total[m, n] += value * column[n]
        cuda.syncthreads()  # nobody reads these tiles any more
    for m in range(PER):
        for n in range(PER):
            r, j = first_r + tr + m * THREADS, first_j + tj + n * THREADS
            if r < y.shape[0] and j < y.shape[1]:
                y[r, j] = total[m, n]


@rung
def tiled(x, w, y):
    """Tiles in shared memory, and of these again in registers."""
    grid = -(-y.shape[1] // TILE), -(-y.shape[0] // TILE)
    return [product_tiled[grid, (THREADS, THREADS)](x, w, y)]


# Add a rung of yours: a kernel, a function that launches it, and its name in the ladder, behind the others.
forward = Ladder("forward", direct, tiled)
