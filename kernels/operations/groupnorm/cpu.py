"""Group normalization on CPU cores: with the loops of batch normalization, which stand in batchnorm/cpu/pieces.py.

Source: Wu and He (2018), eq. 1, 2, 6 and 7. Shapes as in reference.py. In memory a group of a picture is as a channel
of a single picture that has R * G of them, and a plane, a channel of a picture, as one of R * C. So sums are of pieces
that stay in the first-level cache, and on any number of cores they have the same bits.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.operations.batchnorm.cpu.pieces import PIECE, delta_sums, moments, scale_and_shift


@checked
def forward(x, gamma, beta, y, mean, inverse_std, groups, epsilon):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, of which all that is the same for a plane is one sum."""
    exact, variance = (found.reshape(mean.shape) for found in moments(as_channels(x, mean.size)))
    mean[...] = exact
    inverse_std[...] = 1 / np.sqrt(variance + epsilon)
    rest = exact - mean  # what a float32 leaves of the mean
    scale = gamma * per_plane(inverse_std, gamma)
    shift = beta - per_plane(rest, gamma) * scale
    planes = as_channels(x, scale.size), as_channels(y, scale.size)
    scale_and_shift(planes[0], flat(per_plane(mean, gamma)), flat(scale), flat(shift), planes[1])


@checked
def backward(dy, x, gamma, mean, inverse_std, dx, dgamma, dbeta, groups):
    """Of each plane the sums of dy and of dy x_hat; they give dbeta, dgamma, and the means of a group that dx takes."""
    R, C = x.shape[:2]
    near, k = per_plane(mean, gamma), per_plane(inverse_std, gamma)
    dy, x = as_channels(dy, R * C), as_channels(x, R * C)
    sum_dy, sum_dy_x = (found.reshape(R, C) for found in delta_sums(dy, x, flat(near)))
    sum_dy_x_hat = sum_dy_x * k
    if dgamma is not None:
        dgamma[...] = sum_dy_x_hat.sum(axis=0)
    if dbeta is not None:
        dbeta[...] = sum_dy.sum(axis=0)
    if dx is not None:
        size = x.size // mean.size
        offset, slope = (
            per_plane((gamma * found).reshape(*mean.shape, -1).sum(axis=2) / size, gamma)
            for found in (sum_dy, sum_dy_x_hat)
        )
        each = flat(near), flat(np.tile(gamma, R)), flat(k), flat(offset), flat(k * slope)
        subtract(dy, x, *each, as_channels(dx, R * C))


def as_channels(x, count):
    """x (R, C, H, W) as one picture of so many channels: (1, count, the values of each)."""
    return x.reshape(1, count, -1)


def per_plane(values, gamma):
    """values (R, G) spread over the channels of their group: (R, C)."""
    return np.repeat(values, gamma.size // values.shape[1], axis=1)


def flat(values):
    """values (R, C), or already in one row, as the loops take them: float32 (R * C,)."""
    return values.reshape(-1).astype(np.float32)


@njit(parallel=True, cache=True)
def subtract(dy, x, mean, gamma, inverse_std, offset, slope, dx):
    """dx = inverse_std (gamma dy - offset - (x - mean) slope)."""
    _, planes, S = x.shape
    pieces = (S + PIECE - 1) // PIECE
    for n in prange(planes * pieces):
        plane, piece = n // pieces, n % pieces
        values = slice(piece * PIECE, (piece + 1) * PIECE)
        dy_piece, x_piece, dx_piece = dy[0, plane, values], x[0, plane, values], dx[0, plane, values]
        m, scale, k, d, slant = mean[plane], gamma[plane], inverse_std[plane], offset[plane], slope[plane]
        for s in range(x_piece.size):
            dx_piece[s] = k * (scale * dy_piece[s] - d - (x_piece[s] - m) * slant)
