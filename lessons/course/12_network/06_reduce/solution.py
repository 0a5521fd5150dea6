"""Sums, means and norms of your own in the place of this project's."""

import math

from kernels.gpu import cuda, float32, kernel

BLOCK = 64


@kernel
def reduce_forward(x, y, scale, is_norm):
    """One block: each thread adds up every BLOCK-th value, or its square; then the threads add up their sums."""
    sums = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for i in range(t, x.size, BLOCK):
        total += x[i] * x[i] if is_norm else x[i]
    sums[t] = total
    half = BLOCK // 2
    while half > 0:
        cuda.syncthreads()  # the level above is complete
        if t < half:
            sums[t] += sums[t + half]
        half //= 2
    if t == 0:
        y[0] = math.sqrt(sums[0]) if is_norm else sums[0] * scale


@kernel
def reduce_backward(dy, x, y, dx, scale, is_norm):
    """One thread per value: each counted as much as any other, but in a norm as much as its size."""
    i = cuda.grid(1)
    if i < x.size:
        if is_norm:
            dx[i] = dy[0] / y[0] * x[i] if y[0] > float32(0) else float32(0)
        else:
            dx[i] = dy[0] * scale


def scale(x, how, count):
    """What the sum is multiplied with: of a mean over `count` values, 0 standing for as many as there are."""
    return float32(1 / (count or x.size)) if how == "mean" else float32(1)


def forward(x, y, how, count):
    return [reduce_forward[1, BLOCK](x.reshape(-1), y, scale(x, how, count), how == "norm")]


def backward(dy, x, y, dx, how, count):
    flat, of_dx = x.reshape(-1), dx.reshape(-1)
    return [reduce_backward[-(-x.size // BLOCK), BLOCK](dy, flat, y, of_dx, scale(x, how, count), how == "norm")]
