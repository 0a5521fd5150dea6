"""Numbers that pass a test, in their order: lanes vote, and count the votes below their own."""

import numpy as np
from numba import cuda, int32


@cuda.jit
def below(x, limit, out, count):
    places = cuda.shared.array(4, int32)
    i, lane, warp = cuda.grid(1), cuda.laneid, cuda.threadIdx.x // 32
    passes = i < x.size and x[i] < limit
    votes = cuda.ballot_sync(0xFFFFFFFF, passes)
    if lane == 0:
        places[warp] = cuda.popc(votes)
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        total = 0
        for w in range(cuda.blockDim.x // 32):
            kept = places[w]
            places[w] = total
            total += kept
        count[0] = total
    cuda.syncthreads()
    if passes:
        out[places[warp] + cuda.popc(votes & cuda.lanemask_lt())] = x[i]
    if cuda.all_sync(0xFFFFFFFF, passes) and lane == 0:
        cuda.atomic.add(count, 1, 1)
    if cuda.any_sync(0xFFFFFFFF, passes) and lane == 0:
        cuda.atomic.add(count, 2, 1)


x = np.random.default_rng(16).integers(0, 100, 120).astype(np.int32)
x[:32] = 3
out, count = np.full(128, -1, np.int32), np.zeros(3, np.int32)
below[1, 128](x, 40, out, count)
assert np.array_equal(out[: count[0]], x[x < 40])
assert list(count[1:]) == [1, 4]  # warps in which all pass, and in which any does
print(f"compaction: {count[0]} of {x.size}")
