"""Globals are constants of a kernel, arrays in constant memory too; what a closure has captured likewise."""

import numpy as np
from numba import cuda

TAX = 0.2
BRACKETS = np.array([0.0, 10.0, 50.0, 200.0])
RATES = (0.0, 0.1, 0.25, 0.4)


@cuda.jit
def taxed(income, out):
    brackets = cuda.const.array_like(BRACKETS)
    i = cuda.grid(1)
    if i < income.size:
        which = 0
        for k in range(brackets.size):
            if income[i] >= brackets[k]:
                which = k
        out[i] = income[i] * (1 - RATES[which]) * (1 - TAX)


def scaling(factor):
    @cuda.jit
    def scale(x, out):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = factor * x[i]

    return scale


income = np.linspace(0, 300, 61)
out = np.zeros_like(income)
taxed[2, 32](income, out)
which = np.searchsorted(BRACKETS, income, side="right") - 1
assert np.allclose(out, income * (1 - np.array(RATES)[which]) * 0.8)
TAX = 0.5  # too late: the kernel is compiled
taxed[2, 32](income, out)
assert np.allclose(out, income * (1 - np.array(RATES)[which]) * 0.8)
for factor in (2.0, 3):
    scaling(factor)[2, 32](income, out)
    assert np.array_equal(out, factor * income)
print("constants: of a module, in constant memory, of a closure")
