"""Moving average on CPU cores. Source: Tarvainen and Valpola (2017), section 2. Shapes as in reference.py."""

from numba import njit, prange

from kernels.cpu.checked import checked


@njit(parallel=True, cache=True)
def step(x, rate, average):
    for i in prange(x.size):
        average[i] += rate * (x[i] - average[i])


@checked
def forward(x, rate, average):
    """average = average + rate (x - average)."""
    step(x, rate[0], average)
