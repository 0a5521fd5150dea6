"""Sums, means and norms of your own in the place of this project's."""

import math

from kernels.gpu import cuda, float32, kernel

BLOCK = 64


@kernel
def reduce_forward(x, y, scale, is_norm):
    """One block: each thread adds up every BLOCK-th value, or its square; then the threads add up their sums."""
    ...  # as in `tree_sum`; y[0] is the sum times scale, or the root of the sum of squares


@kernel
def reduce_backward(dy, x, y, dx, scale, is_norm):
    """One thread per value: each counted as much as any other, but in a norm as much as its size."""
    ...  # dy[0] times scale; of a norm dy[0] / y[0] times x, and 0 where y[0] is 0


def scale(x, how, count):
    """What the sum is multiplied with: of a mean over `count` values, 0 standing for as many as there are."""
    return float32(1 / (count or x.size)) if how == "mean" else float32(1)


def forward(x, y, how, count):
    return [reduce_forward[1, BLOCK](x.reshape(-1), y, scale(x, how, count), how == "norm")]


def backward(dy, x, y, dx, how, count):
    flat, of_dx = x.reshape(-1), dx.reshape(-1)
    return [reduce_backward[-(-x.size // BLOCK), BLOCK](dy, flat, y, of_dx, scale(x, how, count), how == "norm")]
