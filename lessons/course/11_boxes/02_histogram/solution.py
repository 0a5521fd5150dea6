"""How many labels there are of each kind: atomics in shared memory first, then in global memory."""

from kernels.gpu import cuda, int32, kernel

BLOCK = 64
BINS = 6


@kernel
def histogram(labels, counts):
    """One thread per label; a block counts by itself, then its first BINS threads add what it found to counts."""
    bins = cuda.shared.array(BINS, int32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    if t < BINS:
        bins[t] = 0
    cuda.syncthreads()  # the bins are empty
    if i < labels.size:
        cuda.atomic.add(bins, labels[i], 1)
    cuda.syncthreads()  # all have counted
    if t < BINS:
        cuda.atomic.add(counts, t, bins[t])


def launches(labels, counts):
    """At least as many threads as labels."""
    return [histogram[-(-labels.size // BLOCK), BLOCK](labels, counts)]
