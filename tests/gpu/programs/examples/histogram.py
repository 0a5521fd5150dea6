"""A histogram: counted in global memory, and by each block in shared memory; and the least and the largest number."""

import math

import numpy as np
from numba import cuda, int32

BINS = 16


@cuda.jit
def in_global(x, bins, low, high):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        which = int32(math.floor((x[i] - low) / (high - low) * BINS))
        if 0 <= which < BINS:
            cuda.atomic.add(bins, which, 1)


@cuda.jit
def in_shared(x, bins, low, high):
    counts = cuda.shared.array(BINS, int32)
    if cuda.threadIdx.x < BINS:
        counts[cuda.threadIdx.x] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        which = int32(math.floor((x[i] - low) / (high - low) * BINS))
        if 0 <= which < BINS:
            cuda.atomic.add(counts, which, 1)
    cuda.syncthreads()
    if cuda.threadIdx.x < BINS:
        cuda.atomic.add(bins, cuda.threadIdx.x, counts[cuda.threadIdx.x])


@cuda.jit
def extremes(x, found):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        cuda.atomic.min(found, 0, x[i])
        cuda.atomic.max(found, 1, x[i])


x = np.random.default_rng(5).normal(size=500).astype(np.float32)
d_x = cuda.to_device(x)
found = np.array([np.inf, -np.inf], np.float32)
extremes[2, 64](d_x, found)
assert (found == [x.min(), x.max()]).all()
low, high = np.float32(-2), np.float32(2)
expected = np.histogram(x, BINS, (low, high))[0]
for kernel in (in_global, in_shared):
    bins = np.zeros(BINS, np.int32)
    kernel[3, 64](d_x, bins, low, high)
    assert np.array_equal(bins, expected)
print(f"histogram: {expected.sum()} of {x.size} numbers in {BINS} bins")
