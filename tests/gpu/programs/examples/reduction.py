"""A sum in shared memory, halved with a barrier between the halves."""

import numpy as np
from numba import cuda, int32


@cuda.jit
def block_sums(x, sums):
    shared = cuda.shared.array(128, int32)
    thread = cuda.threadIdx.x
    i = cuda.grid(1)
    shared[thread] = x[i] if i < x.size else 0
    cuda.syncthreads()
    stride = cuda.blockDim.x // 2
    while stride > 0:
        if thread < stride:
            shared[thread] += shared[thread + stride]
        cuda.syncthreads()
        stride //= 2
    if thread == 0:
        sums[cuda.blockIdx.x] = shared[0]


x = cuda.to_device(np.arange(1000, dtype=np.int32))
sums = cuda.device_array(8, np.int32)
block_sums[8, 128](x, sums)
total = cuda.device_array(1, np.int32)
block_sums[1, 128](sums, total)
assert total.copy_to_host()[0] == 499500
print("reduction:", total.copy_to_host()[0])
