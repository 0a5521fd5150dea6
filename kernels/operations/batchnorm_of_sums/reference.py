"""Batch normalization by sums that are given, in NumPy. Source: Zozoulenko (2018), eq. 37-42.

x, gamma, beta, running averages, y, mean (2, C) and inverse_std as in ../batchnorm/reference.py; sums (2, C) as in
../channel_sums/reference.py, of `count` values a channel, which are more than x has where other devices have the rest.
count = 0 stands for as many as x has.
"""

from kernels.operations.batchnorm.reference import per_channel


def forward(x, gamma, beta, sums, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, count):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and the variance of all `count` values."""
    n = count or x.size // x.shape[1]
    mean[0], mean[1] = sums[0] / n, 0  # eq. 37
    var = (sums[1] / n - mean[0] ** 2).clip(min=0)  # eq. 38; below 0 by rounding alone
    running_mean[...] = momentum * mean[0] + (1 - momentum) * running_mean  # eq. 41
    running_var[...] = momentum * var + (1 - momentum) * running_var  # eq. 42
    inverse_std[...] = (var + epsilon) ** -0.5
    y[...] = per_channel(gamma * inverse_std, x) * (x - per_channel(mean[0], x)) + per_channel(beta, x)  # eq. 39-40
