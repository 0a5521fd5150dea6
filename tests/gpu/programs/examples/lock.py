"""A lock of compare-and-swap, under which one thread at a time works on what no atomic can do at once."""

import numpy as np
from numba import cuda


@cuda.jit
def insert(values, lock, largest):
    i = cuda.grid(1)
    if i < values.size:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        cuda.threadfence()
        value = values[i]
        for k in range(largest.size):
            if value > largest[k]:
                largest[k], value = value, largest[k]
        cuda.threadfence()
        cuda.atomic.exch(lock, 0, 0)


values = np.random.default_rng(17).permutation(100).astype(np.float32)
largest = np.full(5, -1, np.float32)
insert[4, 32](values, np.zeros(1, np.int32), largest)
assert list(largest) == [99, 98, 97, 96, 95]
print("lock: the five largest of 100")
