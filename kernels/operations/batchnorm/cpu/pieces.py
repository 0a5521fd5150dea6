"""Loops of batch normalization in pieces. Shapes as in ../reference.py.

Each runs over the input once. Two layouts in memory need two loops:

- x (R, C, S), S values of a channel side by side: a core takes whole pieces, at most PIECE values of one channel;
- x (R, C), channels side by side: a core takes whole blocks of BLOCK channels.

Neither depends on how many cores there are, and the parts of a sum are added in a fixed order, so a result has the
same bits on any number of cores.
"""

import math

import numpy as np
from numba import njit, prange

from kernels.cpu.sums import VECTOR_SUMS

PIECE = 4096  # values: 16 KiB, so that a piece stays in the first-level cache while it is read twice
BLOCK = 64  # channels


def in_memory(x):
    """x as (R, C, S), or as (R, C) where a channel has one value per example."""
    R, C, *size = x.shape
    S = math.prod(size)
    return x.reshape(R, C, S) if S > 1 else x.reshape(R, C)


@njit(parallel=True, cache=True)
def moments(x):
    """Mean and biased variance of each channel, in float64 (eq. 37-38)."""
    R, C = x.shape[0], x.shape[1]
    mean, var = np.zeros(C), np.zeros(C)
    if x.ndim == 2:
        for block in prange((C + BLOCK - 1) // BLOCK):
            columns = slice(block * BLOCK, (block + 1) * BLOCK)
            column_moments(x, columns, mean[columns], var[columns])
    else:
        S = x.shape[2]
        pieces = (S + PIECE - 1) // PIECE
        own_mean, own_square = np.empty((C, R, pieces)), np.empty((C, R, pieces))
        for n in prange(R * C * pieces):
            r, c, piece = n // (C * pieces), n // pieces % C, n % pieces
            values = x[r, c, piece * PIECE : (piece + 1) * PIECE]
            own_mean[c, r, piece], own_square[c, r, piece] = piece_moments(values)
        for c in range(C):
            # Relative to the first piece, as its values are to the first of them.
            for r in range(R):
                for piece in range(pieces):
                    moved = own_mean[c, r, piece] - own_mean[c, 0, 0]
                    mean[c] += moved * min(PIECE, S - piece * PIECE) / (R * S)
            mean[c] += own_mean[c, 0, 0]
            for r in range(R):
                for piece in range(pieces):
                    # The squares of a piece are about its own mean. About the channel's they are this much more:
                    moved = min(PIECE, S - piece * PIECE) * (own_mean[c, r, piece] - mean[c]) ** 2
                    var[c] += (own_square[c, r, piece] + moved) / (R * S)
    return mean, var


@njit(cache=True)
def column_moments(x, columns, mean, var):
    """Adds to mean and var, which are zeros, those of the columns of x: row by row, in the order of memory."""
    R = x.shape[0]
    for r in range(R):
        row = x[r, columns]
        for c in range(mean.size):
            mean[c] += row[c]
    mean /= R
    for r in range(R):
        row = x[r, columns]
        for c in range(mean.size):
            var[c] += (row[c] - mean[c]) ** 2
    var /= R


@njit(cache=True, fastmath=VECTOR_SUMS, forceinline=True)
def piece_moments(x):
    """The mean of a few values, and the sum of squares of their distances from it.

    Values are taken relative to the first before they are added, so that a mean far from zero costs no digits. What
    that and rounding leave of the mean comes out of the distances, the corrected two-pass algorithm of Chan et al.
    (1983).
    """
    total, rest, square = np.float32(0), np.float32(0), np.float32(0)
    for s in range(x.size):
        total += x[s] - x[0]
    near = np.float32(x[0] + total / x.size)
    for s in range(x.size):
        distance = x[s] - near
        rest += distance
        square += distance * distance
    moved = np.float64(rest) / x.size
    return near + moved, square - x.size * moved**2


@njit(parallel=True, cache=True)
def delta_sums(dy, x, mean):
    """The sums of dy and of dy (x - mean) over each channel, in float64 (eq. 53 and 52)."""
    R, C = x.shape[0], x.shape[1]
    sum_dy, sum_dy_x = np.zeros(C), np.zeros(C)
    if x.ndim == 2:
        for block in prange((C + BLOCK - 1) // BLOCK):
            columns = slice(block * BLOCK, (block + 1) * BLOCK)
            column_sums(dy, x, columns, mean[columns], sum_dy[columns], sum_dy_x[columns])
    else:
        pieces = (x.shape[2] + PIECE - 1) // PIECE
        own_dy, own_dy_x = np.empty((C, R, pieces)), np.empty((C, R, pieces))
        for n in prange(R * C * pieces):
            r, c, piece = n // (C * pieces), n // pieces % C, n % pieces
            values = slice(piece * PIECE, (piece + 1) * PIECE)
            own_dy[c, r, piece], own_dy_x[c, r, piece] = piece_sums(dy[r, c, values], x[r, c, values], mean[c])
        for c in range(C):
            for r in range(R):
                for piece in range(pieces):
                    sum_dy[c] += own_dy[c, r, piece]
                    sum_dy_x[c] += own_dy_x[c, r, piece]
    return sum_dy, sum_dy_x


@njit(cache=True)
def column_sums(dy, x, columns, mean, sum_dy, sum_dy_x):
    """Adds the sums of dy and of dy (x - mean) over the columns."""
    for r in range(x.shape[0]):
        dy_row, x_row = dy[r, columns], x[r, columns]
        for c in range(mean.size):
            sum_dy[c] += dy_row[c]
            sum_dy_x[c] += dy_row[c] * (x_row[c] - mean[c])


@njit(cache=True, fastmath=VECTOR_SUMS, forceinline=True)
def piece_sums(dy, x, mean):
    """The sums of dy and of dy (x - mean) over a few values of one channel."""
    sum_dy, sum_dy_x = np.float32(0), np.float32(0)
    for s in range(x.size):
        sum_dy += dy[s]
        sum_dy_x += dy[s] * (x[s] - mean)
    return sum_dy, sum_dy_x


@njit(parallel=True, cache=True)
def scale_and_shift(x, mean, scale, shift, y):
    """y = (x - mean) scale + shift (eq. 39-40)."""
    R, C = x.shape[0], x.shape[1]
    if x.ndim == 2:
        for r in prange(R):
            for c in range(C):
                y[r, c] = (x[r, c] - mean[c]) * scale[c] + shift[c]
    else:
        pieces = (x.shape[2] + PIECE - 1) // PIECE
        for n in prange(R * C * pieces):
            r, c, piece = n // (C * pieces), n // pieces % C, n % pieces
            values = slice(piece * PIECE, (piece + 1) * PIECE)
            x_piece, y_piece = x[r, c, values], y[r, c, values]
            m, k, b = mean[c], scale[c], shift[c]
            for s in range(x_piece.size):
                y_piece[s] = (x_piece[s] - m) * k + b


@njit(parallel=True, cache=True)
def input_delta(dy, x, mean, scale, offset, slope, dx):
    """dx = scale (dy - offset - (x - mean) slope) (eq. 51)."""
    R, C = x.shape[0], x.shape[1]
    if x.ndim == 2:
        for r in prange(R):
            for c in range(C):
                dx[r, c] = scale[c] * (dy[r, c] - offset[c] - (x[r, c] - mean[c]) * slope[c])
    else:
        pieces = (x.shape[2] + PIECE - 1) // PIECE
        for n in prange(R * C * pieces):
            r, c, piece = n // (C * pieces), n // pieces % C, n % pieces
            values = slice(piece * PIECE, (piece + 1) * PIECE)
            dy_piece, x_piece, dx_piece = dy[r, c, values], x[r, c, values], dx[r, c, values]
            m, k, d, slant = mean[c], scale[c], offset[c], slope[c]
            for s in range(x_piece.size):
                dx_piece[s] = k * (dy_piece[s] - d - (x_piece[s] - m) * slant)
