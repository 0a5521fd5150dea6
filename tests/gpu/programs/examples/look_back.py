"""Prefix sums in one launch, with decoupled look-back: a block asks those before it for what they have so far."""

import numpy as np
from numba import cuda, int32

THREADS = 32
NOTHING, OWN, ALL = 0, 1, 2


@cuda.jit
def scan(x, out, ticket, state, own, inclusive):
    shared = cuda.shared.array(THREADS, int32)
    block_and_before = cuda.shared.array(2, int32)
    thread = cuda.threadIdx.x
    if thread == 0:
        block_and_before[0] = cuda.atomic.add(ticket, 0, 1)  # blocks are numbered as they begin
    cuda.syncthreads()
    block = block_and_before[0]
    i = block * THREADS + thread
    value = x[i] if i < x.size else 0
    shared[thread] = value
    cuda.syncthreads()
    distance = 1
    while distance < THREADS:
        before = shared[thread - distance] if thread >= distance else 0
        cuda.syncthreads()
        shared[thread] += before
        cuda.syncthreads()
        distance *= 2
    if thread == 0:
        total = shared[THREADS - 1]
        before = 0
        if block > 0:
            own[block] = total
            cuda.threadfence()
            cuda.atomic.exch(state, block, OWN)
            look = block - 1
            while True:
                found = cuda.atomic.add(state, look, 0)
                if found == NOTHING:
                    continue
                cuda.threadfence()
                if found == ALL:
                    before += inclusive[look]
                    break
                before += own[look]
                look -= 1
        inclusive[block] = before + total
        cuda.threadfence()
        cuda.atomic.exch(state, block, ALL)
        block_and_before[1] = before
    cuda.syncthreads()
    if i < x.size:
        out[i] = block_and_before[1] + shared[thread]


x = np.random.default_rng(7).integers(0, 100, 300).astype(np.int32)
blocks = -(-x.size // THREADS)
out = cuda.device_array(x.size, np.int32)
ticket, state = cuda.to_device(np.zeros(1, np.int32)), cuda.to_device(np.zeros(blocks, np.int32))
own, inclusive = cuda.device_array(blocks, np.int32), cuda.device_array(blocks, np.int32)
scan[blocks, THREADS](cuda.to_device(x), out, ticket, state, own, inclusive)
assert np.array_equal(out.copy_to_host(), np.cumsum(x))
print(f"look-back: {x.size} numbers in {blocks} blocks, {x.sum()} in all")
