"""Convolution by Winograd's products (points.py): tiles of pixels become points, where a convolution is a product.

A tile of n x n pixels of x gives m x m of y, n = m + k - 1, k the side of a kernel. With B, N and V(.) of points.py:

    forward    y  = V(m)T [ sum over c   of (N V(k) w V(k)T N) . (B x BT) ] V(m)      for each tile
    dx         the same of dy, with kernels turned round and their channels changed for each other
    dw         dw = V(k)T N [ sum over tiles of (V(m) dy V(m)T) . (B x BT) ] N V(k)

Each of the n² points is a product of matrices of its own, tiles x channels x channels, of which none has a kernel's
taps any more. Channels stand in the lanes; pictures are turned as their tiles are loaded and as they are stored.

Jobs are so many tiles that what they make fits into the second-level cache. Sums have one order on any number of
cores: those over channels by nature, those over tiles since tiles are added up in GROUPS parts.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import get_num_threads

from kernels.cpu.finishing import TERMS, WIDTH
from kernels.cpu.multiply import ROWS
from kernels.cpu.products import lanes_for, scratch
from kernels.operations.conv2d.cpu.direct import turned_kernels
from kernels.operations.conv2d.cpu.points import SIZES
from kernels.operations.conv2d.cpu.tiles import add_tile_sums, multiply_tiles, pack, tile_sums

TILES = 40  # about so many in a job
GROUPS = 8  # parts of the sum over tiles of dw
LEAST_CHANNELS, LEAST_PIXELS = 6, 1024  # of what is written, for which it pays
MOST_WEIGHTS = 64 * 64  # of dw, each a kernel


class Plan(NamedTuple):
    """How the tiles of one convolution are cut and dealt. Sizes count pixels, tiles or float32 values."""

    kind: int  # of SIZES
    n: int
    k: int
    m: int
    channels: int  # of what is read, x (dx: dy)
    channels_out: int
    height: int
    width: int
    height_out: int
    width_out: int
    top: int  # padding
    left: int
    across: int  # tiles in a row
    segments: np.ndarray  # (segments, 3): image, first row of tiles, how many
    jobs: np.ndarray  # (jobs + 1,): the segment at which each begins
    tiles: int  # the most in a job, filled up to whole ROWS
    rows: int  # of tiles, the most in a segment
    frame: int  # columns of a frame


@lru_cache(maxsize=256)
def plan(images, channels, channels_out, k, size, size_out, padding):
    """The plan of a correlation of pictures of `size` (rows, columns) with kernels k x k."""
    (height, width), (height_out, width_out) = size, size_out
    kind = kind_of(k)
    n, _, m = SIZES[kind]
    across, down = -(-width_out // m), -(-height_out // m)
    wanted = min(range(1, max(1, TILES // across) + 1), key=lambda rows: (_waste(rows * across), -rows))
    segments, jobs, full = [], [0], 0
    for image in range(images):
        row = 0
        while row < down:
            count = min(wanted - full, down - row)
            segments.append((image, row, count))
            row, full = row + count, full + count
            if full == wanted:
                jobs.append(len(segments))
                full = 0
    if jobs[-1] < len(segments):
        jobs.append(len(segments))
    frame = max(across * m + n - m, padding[1] + -(-width // 16) * 16)
    return Plan(
        kind, n, k, m, channels, channels_out, height, width, height_out, width_out, padding[0], padding[1], across,
        np.array(segments), np.array(jobs), -(-wanted * across // ROWS) * ROWS, min(wanted, down), frame,
    )  # fmt: skip


def kind_of(k):
    """The place in SIZES of the tiles of a kernel k x k."""
    return [taps for _, taps, _ in SIZES].index(k)


def _waste(tiles):
    return -(-tiles // ROWS) * ROWS / tiles


def blocks16(channels):
    return -(-channels // 16) * 16


def pays(images, channels, channels_out, kernel, size_out, stride):
    """Whether fewer products outweigh that tiles and kernels are transformed. Sizes are those of what is written."""
    pixels = images * size_out[0] * size_out[1]
    return (
        stride == (1, 1)
        and kernel in ((3, 3), (5, 5))
        and min(channels, channels_out) >= LEAST_CHANNELS
        and min(size_out) >= 4
        and pixels >= LEAST_PIXELS
    )


def pays_for_weights(channels, channels_out, kernel, deltas):
    """The same of dw, whose sums, of n² points, are added up anew in each job."""
    images, _, height, width = deltas
    _, _, m = SIZES[kind_of(kernel[0])]
    tiles = images * -(-height // m) * -(-width // m)
    return channels * channels_out <= min(MOST_WEIGHTS, 8 * tiles)


def correlate(out, a, w, finish, padding, turned_round):
    """out = a correlated with w (C', C, k, k), and finished; with w `turned_round`, and its channels, for dx."""
    threads, (C_out, C, k, _) = get_num_threads(), w.shape
    if turned_round:
        C_out, C = C, C_out
    lanes, these = lanes_for(C_out), plan(len(a), C, C_out, k, a.shape[2:], out.shape[2:], tuple(padding))
    v = scratch("kernels", -(-C_out // lanes) * these.n**2 * C * lanes)
    pack(v, turned_kernels(w, turned_round), these, lanes, turned_round)
    multiply_tiles(out.reshape(-1), a.reshape(-1), v, finish, threads, memory_for(threads, these, lanes), these, lanes)


def delta_w(dy, x, dw, padding):
    """dw of a convolution of stride 1."""
    threads, (C_out, C, k, _) = get_num_threads(), dw.shape
    lanes, these = lanes_for(C_out), plan(len(x), C, C_out, k, x.shape[2:], dy.shape[2:], tuple(padding))
    groups, size = group_count(these, lanes)
    parts = scratch("parts", groups * size).reshape(groups, size)
    tile_sums(parts, x.reshape(-1), dy.reshape(-1), threads, memory_for(threads, these, lanes), these, lanes)
    add_tile_sums(dw.reshape(-1), parts, these, lanes)


def memory_for(threads, plan, lanes):
    """What each thread works in."""
    deep, blocks = blocks16(plan.channels), -(-plan.channels_out // lanes)
    size = plan.n**2 * (plan.tiles * deep + 16 + blocks * (plan.tiles * lanes + 16)) + 128
    size += ((plan.rows - 1) * plan.m + plan.n) * plan.frame * 16
    size += plan.n * max(plan.frame, plan.m * plan.across) * 16 + (plan.m * plan.across + 16) * 16 + WIDTH + TERMS
    size = -(-size // 1024) * 1024
    return scratch("winograd", threads * size).reshape(threads, size)


def group_count(plan, lanes):
    """Parts of dw's sum over tiles, and the float32 values of one: as many as GROUPS, fewer of few jobs."""
    blocks = -(-plan.channels_out // lanes)
    size = blocks * plan.n**2 * (-(-plan.channels // ROWS) * ROWS) * lanes
    return min(GROUPS, len(plan.jobs) - 1), size
