"""Loops of batch normalization, a whole channel after the other: the highest rung. Shapes as in ../reference.py.

A channel's sums and what is made of them follow each other on one core, while its values are in the second-level cache,
and all cores are called once. Two layouts in memory need two loops each, as in pieces.py; sums are of the same pieces.
"""

import math

import numpy as np
from numba import njit, prange

from kernels.operations.batchnorm.cpu.pieces import BLOCK, PIECE, column_moments, column_sums, piece_moments, piece_sums

LEAST = 8  # channels, or blocks of them, so that all cores get some


def suits(x):
    """Whether there are so many channels that cores share them fairly."""
    return x[1] >= (LEAST if math.prod(x[2:]) > 1 else LEAST * BLOCK)


def normalize(x, *others):
    """Forward, of x (R, C, S) or (R, C)."""
    (normalize_channels if x.ndim == 3 else normalize_columns)(x, *others)


def input_delta(dy, *others):
    """Backward with statistics of the batch, of (R, C, S) or (R, C)."""
    (delta_of_channels if dy.ndim == 3 else delta_of_columns)(dy, *others)


@njit(parallel=True, cache=True)
def normalize_channels(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    for number in prange(x.shape[1]):
        c = np.int64(number)
        exact, var = np.float64(running_mean[c]), np.float64(running_var[c])
        if training:
            exact, var = _moments(x, c)
            running_mean[c] = momentum * exact + (1 - momentum) * running_mean[c]
            running_var[c] = momentum * var + (1 - momentum) * running_var[c]
        mean[0, c], inverse_std[c] = exact, 1 / np.sqrt(var + epsilon)
        near, scale = mean[0, c], gamma[c] * inverse_std[c]
        mean[1, c] = exact - near
        shift = beta[c] - mean[1, c] * scale
        for r in range(x.shape[0]):
            x_row, y_row = x[r, c], y[r, c]
            for s in range(x_row.size):
                y_row[s] = (x_row[s] - near) * scale + shift


@njit(cache=True, forceinline=True)  # as sums in vectors stand in it, see kernels/cpu/sums.py
def _moments(x, c):
    """Mean and variance of a channel (eq. 37-38), piece by piece, each about its own mean (Chan et al., 1983)."""
    mean, square, count = 0.0, 0.0, 0
    for r in range(x.shape[0]):
        for first in range(0, x.shape[2], PIECE):
            values = x[r, c, first : first + PIECE]
            own_mean, own_square = piece_moments(values)
            moved, together = own_mean - mean, count + values.size
            mean += moved * values.size / together
            square += own_square + moved**2 * count * values.size / together
            count = together
    return mean, square / count


@njit(parallel=True, cache=True)
def normalize_columns(x, gamma, beta, running_mean, running_var, y, mean, inverse_std, epsilon, momentum, training):
    R, C = x.shape
    for number in prange((C + BLOCK - 1) // BLOCK):
        n = slice(np.int64(number) * BLOCK, min(C, np.int64(number) * BLOCK + BLOCK))
        exact, var = np.zeros(n.stop - n.start), np.zeros(n.stop - n.start)
        if training:
            column_moments(x, n, exact, var)
            running_mean[n] = momentum * exact + (1 - momentum) * running_mean[n]
            running_var[n] = momentum * var + (1 - momentum) * running_var[n]
        else:
            exact[:], var[:] = running_mean[n], running_var[n]
        mean[0, n], inverse_std[n] = exact, 1 / np.sqrt(var + epsilon)
        mean[1, n] = exact - mean[0, n]
        near, scale = mean[0, n], gamma[n] * inverse_std[n]
        shift = beta[n] - mean[1, n] * scale
        for r in range(R):
            x_row, y_row = x[r, n], y[r, n]
            for c in range(scale.size):
                y_row[c] = (x_row[c] - near[c]) * scale[c] + shift[c]


@njit(parallel=True, cache=True)
def delta_of_channels(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta):
    """Eq. 51-53."""
    (R, C, S), RHW = x.shape, x.shape[0] * x.shape[2]
    for number in prange(C):
        c = np.int64(number)
        near, total, product = mean[0, c], 0.0, 0.0
        for r in range(R):
            for first in range(0, S, PIECE):
                piece = slice(first, first + PIECE)
                own_dy, own_dy_x = piece_sums(dy[r, c, piece], x[r, c, piece], near)
                total += own_dy
                product += own_dy_x
        product = (product - mean[1, c] * total) * inverse_std[c]
        dgamma[c], dbeta[c] = product, total
        slant = inverse_std[c] * product / RHW
        slope, offset = np.float32(slant), np.float32(total / RHW - mean[1, c] * slant)
        scale = gamma[c] * inverse_std[c]
        for r in range(R):
            dy_row, x_row, dx_row = dy[r, c], x[r, c], dx[r, c]
            for s in range(dy_row.size):
                dx_row[s] = scale * (dy_row[s] - offset - (x_row[s] - near) * slope)


@njit(parallel=True, cache=True)
def delta_of_columns(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta):
    """Eq. 51-53."""
    R, C = x.shape
    for number in prange((C + BLOCK - 1) // BLOCK):
        n = slice(np.int64(number) * BLOCK, min(C, np.int64(number) * BLOCK + BLOCK))
        near, scale = mean[0, n], gamma[n] * inverse_std[n]
        total, product = np.zeros(scale.size), np.zeros(scale.size)
        column_sums(dy, x, n, near, total, product)
        product = (product - mean[1, n] * total) * inverse_std[n]
        dgamma[n], dbeta[n] = product, total
        slant = inverse_std[n] * product / R
        slope, offset = slant.astype(np.float32), (total / R - mean[1, n] * slant).astype(np.float32)
        for r in range(R):
            dy_row, x_row, dx_row = dy[r, n], x[r, n], dx[r, n]
            for c in range(scale.size):
                dx_row[c] = scale[c] * (dy_row[c] - offset[c] - (x_row[c] - near[c]) * slope[c])
