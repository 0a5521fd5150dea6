"""Batch normalization by sums that are given, on a GPU. Source: Zozoulenko (2018), eq. 37-42.

Shapes as in reference.py. The statistics are a thread per channel, in float64, because a difference of squares is; then
every value is computed by the ladder of batchnorm.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    statistics   1   one thread per channel: nothing to climb, it is a few numbers
    values       1   one thread per value
                 2   four values at once, by threads that stay in a channel: 22 times fewer instructions
"""

import math

import numpy as np

from kernels.gpu import Ladder, cuda, float32, float64, kernel, rung
from kernels.operations.batchnorm.cuda.forward import store_statistics, values_1, values_2

BLOCK = 128


@kernel
def statistics_of_sums(sums, running_mean, running_var, mean, inverse_std, n, epsilon, momentum, *, BLOCK=BLOCK):
    """One thread per channel: eq. 37, 38, 41 and 42, given the sums."""
    c = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if c < inverse_std.size:
        exact = sums[0, c] / n
        var = sums[1, c] / n - exact * exact
        if var < float64(0):  # by rounding alone
            var = float64(0)
        high = float32(exact)
        low = float32(exact - float64(high))
        store_statistics(c, high, low, float32(var), running_mean, running_var, mean, inverse_std, epsilon, momentum)


@rung(registers=32, float64=True, tiny={"BLOCK": 4})
def statistics_1(
    x, sums, running_mean, running_var, mean, inverse_std, epsilon, momentum, count, *, BLOCK=BLOCK
):  # fmt: skip
    """One thread per channel."""
    n = count or x.size // x.shape[1]
    launch = statistics_of_sums(BLOCK=BLOCK)[math.ceil(inverse_std.size / BLOCK), BLOCK]
    settings = np.float64(n), np.float32(epsilon), np.float32(momentum)
    return [launch(sums, running_mean, running_var, mean, inverse_std, *settings)]


forward = Ladder("statistics", statistics_1) + Ladder("values", values_1, values_2)
