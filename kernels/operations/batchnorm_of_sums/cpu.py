"""Batch normalization by sums that are given, on CPU cores. Source: Zozoulenko (2018), eq. 37-42.

Shapes as in reference.py. What happens once a channel is NumPy, in float64.
"""

import numpy as np

from kernels.cpu.checked import checked
from kernels.operations.batchnorm.cpu.pieces import in_memory, scale_and_shift


@checked
def forward(x, gamma, beta, sums, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, count):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and the variance of all `count` values."""
    n = count or x.size // x.shape[1]
    exact_mean = sums[0] / n
    var = np.maximum(sums[1] / n - exact_mean**2, 0)
    running_mean[...] = momentum * exact_mean + (1 - momentum) * running_mean
    running_var[...] = momentum * var + (1 - momentum) * running_var
    mean[0] = exact_mean
    mean[1] = exact_mean - mean[0]
    inverse_std[...] = 1 / np.sqrt(var + epsilon)
    scale = gamma * inverse_std
    scale_and_shift(in_memory(x), mean[0], scale, beta - mean[1] * scale, in_memory(y))
