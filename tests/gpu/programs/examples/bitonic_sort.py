"""A sorting network, bitonic, of a block in shared memory."""

import numpy as np
from numba import cuda, int32

SIZE = 64


@cuda.jit
def sort(x):
    keys = cuda.shared.array(SIZE, int32)
    i = cuda.threadIdx.x
    base = cuda.blockIdx.x * SIZE
    keys[i] = x[base + i]
    cuda.syncthreads()
    length = 2
    while length <= SIZE:
        distance = length // 2
        while distance > 0:
            other = i ^ distance
            if other > i:
                ascending = (i & length) == 0
                if (keys[i] > keys[other]) == ascending:
                    keys[i], keys[other] = keys[other], keys[i]
            cuda.syncthreads()
            distance //= 2
        length *= 2
    x[base + i] = keys[i]


x = np.random.default_rng(15).integers(-1000, 1000, (3, SIZE)).astype(np.int32)
flat = x.ravel().copy()
sort[3, SIZE](flat)
assert np.array_equal(flat.reshape(3, SIZE), np.sort(x, axis=1))
print(f"bitonic sort: 3 blocks of {SIZE} keys")
