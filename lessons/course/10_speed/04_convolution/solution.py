"""Climb: a convolution in which every thread fetches its own window, though those of neighbours overlap."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung

SIDE = 3  # of a window
WIDTH, HEIGHT = 32, 4  # of the outputs of a block
COLUMNS, ROWS = WIDTH + SIDE - 1, HEIGHT + SIDE - 1  # of the inputs under them


@kernel
def convolve_direct(x, w, y):
    """One thread per output: it weighs its window, channel by channel and row by row."""
    j, i = cuda.grid(2)
    m = cuda.blockIdx.z
    if i < y.shape[1] and j < y.shape[2]:
        total = float32(0)
        for c in range(x.shape[0]):
            for a in range(SIDE):
                for b in range(SIDE):
                    total += x[c, i + a, j + b] * w[m, c, a, b]
        y[m, i, j] = total


@rung
def direct(x, w, y):
    """One thread per output."""
    grid = -(-y.shape[2] // 32), -(-y.shape[1] // 4), y.shape[0]
    return [convolve_direct[grid, (32, 4)](x, w, y)]


@kernel
def convolve_tiled(x, w, y):
    """One thread per output. For each channel its block fetches what lies under all of its windows, and the weights."""
    x_tile, w_tile = cuda.shared.array((ROWS, COLUMNS), float32), cuda.shared.array((SIDE, SIDE), float32)
    tj, ti, m = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockIdx.z
    t = ti * WIDTH + tj
    top, left = cuda.blockIdx.y * HEIGHT, cuda.blockIdx.x * WIDTH
    total = float32(0)
    for c in range(x.shape[0]):
        for place in range(t, ROWS * COLUMNS, WIDTH * HEIGHT):
            a, b = place // COLUMNS, place % COLUMNS
            if top + a < x.shape[1] and left + b < x.shape[2]:
                x_tile[a, b] = x[c, top + a, left + b]
        if t < SIDE * SIDE:
            w_tile[t // SIDE, t % SIDE] = w[m, c, t // SIDE, t % SIDE]
        cuda.syncthreads()  # both tiles are there
        if top + ti < y.shape[1] and left + tj < y.shape[2]:
            for a in range(SIDE):
                for b in range(SIDE):
                    total += x_tile[ti + a, tj + b] * w_tile[a, b]
        cuda.syncthreads()  # nobody reads these tiles any more
    if top + ti < y.shape[1] and left + tj < y.shape[2]:
        y[m, top + ti, left + tj] = total


@rung
def tiled(x, w, y):
    """What lies under the windows of a block, in shared memory."""
    grid = -(-y.shape[2] // WIDTH), -(-y.shape[1] // HEIGHT), y.shape[0]
    return [convolve_tiled[grid, (WIDTH, HEIGHT)](x, w, y)]


# Add a rung of yours: a kernel, a function that launches it, and its name in the ladder, behind the others.
forward = Ladder("forward", direct, tiled)
