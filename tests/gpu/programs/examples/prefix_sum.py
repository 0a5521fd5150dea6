"""Prefix sums by Hillis and Steele: within blocks, then of the blocks' sums, which are added to the blocks."""

import numpy as np
from numba import cuda, int64

THREADS = 64


@cuda.jit
def scan_blocks(x, out, sums):
    buffer = cuda.shared.array((2, THREADS), int64)
    thread, i = cuda.threadIdx.x, cuda.grid(1)
    now = 0
    buffer[now, thread] = x[i] if i < x.size else 0
    cuda.syncthreads()
    distance = 1
    while distance < THREADS:
        value = buffer[now, thread]
        if thread >= distance:
            value += buffer[now, thread - distance]
        now = 1 - now
        buffer[now, thread] = value
        cuda.syncthreads()
        distance *= 2
    if i < x.size:
        out[i] = buffer[now, thread]
    if thread == THREADS - 1:
        sums[cuda.blockIdx.x] = buffer[now, thread]


@cuda.jit
def add_before(out, sums):
    i = cuda.grid(1)
    if i < out.size and cuda.blockIdx.x > 0:
        out[i] += sums[cuda.blockIdx.x - 1]


x = np.random.default_rng(6).integers(-9, 100, 300)
blocks = -(-x.size // THREADS)
d_x, d_out = cuda.to_device(x), cuda.device_array(x.size, np.int64)
d_sums, d_scanned, d_all = (cuda.device_array(size, np.int64) for size in (blocks, blocks, 1))
scan_blocks[blocks, THREADS](d_x, d_out, d_sums)
scan_blocks[1, THREADS](d_sums, d_scanned, d_all)
add_before[blocks, THREADS](d_out, d_scanned)
assert np.array_equal(d_out.copy_to_host(), np.cumsum(x))
print(f"prefix sum: {x.size} numbers, {x.sum()} in all")
