"""Loops of batch normalization, channel by channel: the lower rungs. All take x as (R, C, S), S values side by side.

Sums are float64, so that values far from zero cost them no digits.
"""

import math

import numpy as np
from numba import njit, prange

from kernels.cpu.sums import VECTOR_SUMS


def in_channels(x):
    return x.reshape(*x.shape[:2], -1)


# The equations, word for word.


@njit(cache=True)
def moments(x):
    """Mean and biased variance of each channel (eq. 37-38)."""
    R, C, S = x.shape
    mean, var = np.zeros(C), np.zeros(C)
    for c in range(C):
        for r in range(R):
            for s in range(S):
                mean[c] += x[r, c, s]
        mean[c] /= R * S
        for r in range(R):
            for s in range(S):
                var[c] += (x[r, c, s] - mean[c]) ** 2
        var[c] /= R * S
    return mean, var


@njit(cache=True)
def normalize(x, mean, var, epsilon, gamma, beta, y):
    """Eq. 39-40."""
    R, C, S = x.shape
    for r in range(R):
        for c in range(C):
            for s in range(S):
                x_hat = (x[r, c, s] - mean[c]) / math.sqrt(var[c] + epsilon)
                y[r, c, s] = gamma[c] * x_hat + beta[c]


@njit(cache=True)
def delta_sums(dy, x, mean):
    """The sums of dy and of dy (x - mean) over each channel (eq. 53 and 52)."""
    R, C, S = x.shape
    sum_dy, sum_dy_x = np.zeros(C), np.zeros(C)
    for c in range(C):
        for r in range(R):
            for s in range(S):
                sum_dy[c] += dy[r, c, s]
                sum_dy_x[c] += dy[r, c, s] * (x[r, c, s] - mean[c])
    return sum_dy, sum_dy_x


@njit(cache=True)
def input_delta(dy, x, gamma, mean, inverse_std, sum_dy, sum_dy_x_hat, dx):
    """Eq. 51, as corrected."""
    R, C, S = x.shape
    RHW = R * S
    for r in range(R):
        for c in range(C):
            for s in range(S):
                x_hat = (x[r, c, s] - mean[c]) * inverse_std[c]
                bracket = RHW * dy[r, c, s] - sum_dy[c] - x_hat * sum_dy_x_hat[c]
                dx[r, c, s] = gamma[c] * inverse_std[c] / RHW * bracket


# What the values of a channel share is computed once, outside of the loop over them.


@njit(cache=True)
def scale_and_shift(x, mean, scale, shift, y):
    """y = (x - mean) scale + shift (eq. 39-40)."""
    R, C, S = x.shape
    for r in range(R):
        for c in range(C):
            m, k, b = mean[c], scale[c], shift[c]
            for s in range(S):
                y[r, c, s] = (x[r, c, s] - m) * k + b


@njit(cache=True)
def subtract(dy, x, mean, scale, offset, slope, dx):
    """dx = scale (dy - offset - (x - mean) slope) (eq. 51)."""
    R, C, S = x.shape
    for r in range(R):
        for c in range(C):
            m, k, d, slant = mean[c], scale[c], offset[c], slope[c]
            for s in range(S):
                dx[r, c, s] = k * (dy[r, c, s] - d - (x[r, c, s] - m) * slant)


# Vectors: products and squares are added in another order, several side by side.


@njit(cache=True, fastmath=VECTOR_SUMS)
def moments_in_vectors(x):
    R, C, S = x.shape
    mean, var = np.zeros(C), np.zeros(C)
    for c in range(C):
        total, square = 0.0, 0.0
        for r in range(R):
            for s in range(S):
                total += x[r, c, s]
        middle = total / (R * S)
        for r in range(R):
            for s in range(S):
                square += (x[r, c, s] - middle) ** 2
        mean[c], var[c] = middle, square / (R * S)
    return mean, var


@njit(cache=True, fastmath=VECTOR_SUMS)
def delta_sums_in_vectors(dy, x, mean):
    R, C, S = x.shape
    sum_dy, sum_dy_x = np.zeros(C), np.zeros(C)
    for c in range(C):
        total, product, middle = 0.0, 0.0, mean[c]
        for r in range(R):
            for s in range(S):
                total += dy[r, c, s]
                product += dy[r, c, s] * (x[r, c, s] - middle)
        sum_dy[c], sum_dy_x[c] = total, product
    return sum_dy, sum_dy_x


# All cores: each takes whole channels, so that no sum is shared out.


@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def moments_on_cores(x):
    R, C, S = x.shape
    mean, var = np.zeros(C), np.zeros(C)
    for c in prange(C):
        total, square = 0.0, 0.0
        for r in range(R):
            for s in range(S):
                total += x[r, c, s]
        middle = total / (R * S)
        for r in range(R):
            for s in range(S):
                square += (x[r, c, s] - middle) ** 2
        mean[c], var[c] = middle, square / (R * S)
    return mean, var


@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def delta_sums_on_cores(dy, x, mean):
    R, C, S = x.shape
    sum_dy, sum_dy_x = np.zeros(C), np.zeros(C)
    for c in prange(C):
        total, product, middle = 0.0, 0.0, mean[c]
        for r in range(R):
            for s in range(S):
                total += dy[r, c, s]
                product += dy[r, c, s] * (x[r, c, s] - middle)
        sum_dy[c], sum_dy_x[c] = total, product
    return sum_dy, sum_dy_x
