"""A block leaves while the others wait for the whole grid."""

import numpy as np
from numba import cuda


@cuda.jit
def steps(x):
    i = cuda.blockIdx.x
    if i == 3:  # RIGHT: if i == 4:
        return
    x[i] = i
    cuda.cg.this_grid().sync()  # FAULT
    x[i] += 1


steps[4, 1](np.zeros(4))
