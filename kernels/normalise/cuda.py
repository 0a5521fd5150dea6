"""Normalisation on a GPU. Source: Zozoulenko (2018), eq. 37-39, with moments that are known beforehand.

Shapes as in reference.py. Mean and standard deviation are compile-time parameters: numbers in the code, not in memory.
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung
from kernels.gpu.index import unravel

BLOCK = 256


@kernel
def forward_direct(x, y, *, MEAN=(0.5,), STD=(0.5,), BLOCK=BLOCK):
    """One thread per output."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        r, c, h, w = unravel(n, y.shape[1], y.shape[2], y.shape[3])
        y[r, c, h, w] = (float32(x[r, h, w, c]) / float32(255) - float32(MEAN[c])) / float32(STD[c])


@rung(tiny={"BLOCK": 8})
def forward_1(x, y, mean, std, *, BLOCK=BLOCK):
    """One thread per output: the equation word for word."""
    return [forward_direct(MEAN=mean, STD=std, BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y)]


forward = Ladder(forward_1)
