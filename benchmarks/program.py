"""A program as users of Numba CUDA write it: three kernels, each launched twice and compared with NumPy.

    python -m kernels run -m benchmarks.program

It prints a line of JSON for each: its name, its threads, the seconds of the first launch, which compiles, and of the
second.
"""

import json
import time

import numpy as np
from numba import cuda, float32, int32

TILE, SIDE, LIMIT, BINS = 16, 128, 50, 64


@cuda.jit
def product(a, b, c):
    """Tiles of both matrices in shared memory."""
    sa = cuda.shared.array((TILE, TILE), float32)
    sb = cuda.shared.array((TILE, TILE), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    total = float32(0)
    for t in range(a.shape[1] // TILE):
        sa[ty, tx] = a[row, t * TILE + tx]
        sb[ty, tx] = b[t * TILE + ty, column]
        cuda.syncthreads()
        for k in range(TILE):
            total += sa[ty, k] * sb[k, tx]
        cuda.syncthreads()
    c[row, column] = total


@cuda.jit
def mandelbrot(image):
    """How many turns each point takes to leave."""
    x, y = cuda.grid(2)
    a, b = float32(-2 + 3 * x / image.shape[1]), float32(-1.5 + 3 * y / image.shape[0])
    real, imaginary, turns = float32(0), float32(0), int32(0)
    while turns < LIMIT and real * real + imaginary * imaginary < 4:
        real, imaginary = real * real - imaginary * imaginary + a, 2 * real * imaginary + b
        turns += 1
    image[y, x] = turns


@cuda.jit
def histogram(values, counts):
    """Counted in shared memory, then added up."""
    near = cuda.shared.array(BINS, int32)
    i = cuda.threadIdx.x
    if i < BINS:
        near[i] = 0
    cuda.syncthreads()
    for n in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        cuda.atomic.add(near, values[n], 1)
    cuda.syncthreads()
    if i < BINS:
        cuda.atomic.add(counts, i, near[i])


def timed(kernel, grid, block, *arrays):
    """Launch a kernel twice, and print how long it took; returns what the last array holds after the first."""
    seconds, found = [], None
    for _ in range(2):
        given = [cuda.to_device(array) for array in arrays]
        start = time.perf_counter()
        kernel[grid, block](*given)
        cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        found = given[-1].copy_to_host()
    threads = int(np.prod(grid) * np.prod(block))
    print(json.dumps({"kernel": kernel.py_func.__name__, "threads": threads, "seconds": seconds}), flush=True)
    return found


def main():
    generator = np.random.default_rng(0)
    blocks = SIDE // TILE
    a, b = generator.normal(size=(2, SIDE, SIDE)).astype(np.float32)
    c = timed(product, (blocks, blocks), (TILE, TILE), a, b, np.zeros_like(a))
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-4)

    image = timed(mandelbrot, (blocks, blocks), (TILE, TILE), np.zeros((SIDE, SIDE), np.int32))
    assert image.max() == LIMIT
    assert image[SIDE // 2, 2 * SIDE // 3] == LIMIT

    values = generator.integers(0, BINS, 2**17)
    counts = timed(histogram, 32, 256, values, np.zeros(BINS, np.int32))
    np.testing.assert_array_equal(counts, np.bincount(values, minlength=BINS))


if __name__ == "__main__":
    main()
