"""Climb: the sum of a long vector, by trees in which ever fewer threads, ever further apart, have something to do."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung, scratch

BLOCK = 64


@kernel
def sum_interleaved(x, parts):
    """One block per BLOCK values: a tree in shared memory, its pairs first 1 apart, then 2, 4, and so on."""
    shared = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    i = cuda.blockIdx.x * BLOCK + t
    shared[t] = x[i] if i < x.size else float32(0)
    apart = 1
    while apart < BLOCK:
        cuda.syncthreads()  # the level below is complete
        if t % (2 * apart) == 0:
            shared[t] += shared[t + apart]
        apart *= 2
    if t == 0:
        parts[cuda.blockIdx.x] = shared[0]


@rung
def interleaved(x, y):
    """A tree for each BLOCK values, and one for their sums: of at most BLOCK * BLOCK values in all."""
    parts = scratch(x, -(-x.size // BLOCK))
    return [sum_interleaved[parts.size, BLOCK](x, parts), sum_interleaved[1, BLOCK](parts, y)]


# Add a rung of yours: a kernel, a function that launches it, and its name in the ladder, behind the others.
forward = Ladder("forward", interleaved)
