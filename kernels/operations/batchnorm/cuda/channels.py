"""What both directions share: how the kernels see an array, and how a channel is cut into parts."""

import math

from kernels.gpu import device
from kernels.gpu.reduce import WARP

BLOCK = 256
PIECE = 2048  # values of a channel of an example that a block takes at a time
GPU_BLOCKS = 528  # four for each multiprocessor of a large GPU
FEWER_BLOCKS = 264  # two, where each thread asks for 128 bytes before it needs the first


@device
def centred(value, mean, rest):
    """The distance of a value from the mean. Where the two are close, the first difference has no rounding error."""
    return (value - mean) - rest


@device
def in_two(a, b):
    """a + b as the nearest float32, and what that leaves (Knuth (1969))."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def rcs(x):
    """x as (R, C, S)."""
    return x.reshape(*x.shape[:2], -1)


def part_grid(x, PIECE, WARPS, BLOCKS):
    """Grid and block of a launch over the parts of all channels. No part is empty, and no warp if one can help it."""
    R, C, S = rcs(x).shape
    parts = min(R * math.ceil(S / PIECE), math.ceil(BLOCKS / C))
    return (C, parts), WARP * min(WARPS, math.ceil(S / WARP))
