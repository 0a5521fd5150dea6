"""The host gets cells that no kernel has written: no fault, but a note."""

import numpy as np
from numba import cuda


@cuda.jit
def fill(out):
    i = cuda.grid(1)
    if i < 6:  # RIGHT: if i < out.size:
        out[i] = i


out = cuda.device_array(10, np.int32)
fill[1, 16](out)
out.copy_to_host()
