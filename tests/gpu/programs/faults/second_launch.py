"""Of one kernel's launches it is the second one that goes wrong, as it is given less."""

import numpy as np
from numba import cuda


@cuda.jit
def fill(x, count):
    i = cuda.grid(1)
    if i < count:
        x[i] = i  # FAULT


for size in (8, 4):
    fill[1, 8](np.zeros(size), 8)  # RIGHT: fill[1, 8](np.zeros(size), size)
