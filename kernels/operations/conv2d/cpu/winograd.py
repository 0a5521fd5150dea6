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
from numba import get_num_threads, njit, prange

from kernels.cpu.multiply import ROWS, product16, product32
from kernels.cpu.products import lanes_for, scratch
from kernels.cpu.transforms import make_transform
from kernels.cpu.turns import turn_in, turn_out
from kernels.operations.conv2d.cpu.direct import turned
from kernels.operations.conv2d.cpu.points import data, powers, scales

TILES = 40  # about so many in a job
GROUPS = 8  # parts of the sum over tiles of dw
PARTS = 2**23  # float32 values that these parts may take
LEAST_CHANNELS, LEAST_PIXELS = 6, 1024
MOST_WEIGHTS = 64 * 64  # of dw, each a kernel

# What is made of a column: (points n, taps or outputs k) -> its place among the branches of `columns`.
SIZES = ((6, 3, 4), (8, 3, 6), (8, 5, 4))  # (n, k, m)


def _floats(matrix):
    return [[float(f) for f in row] for row in matrix]


def _scaled(n, k):
    return [[f * s for f in row] for row, s in zip(powers(n, k), scales(n), strict=True)]


def _turned(matrix):
    return [list(row) for row in zip(*matrix, strict=True)]


_data6, _data8 = (make_transform(_floats(data(n))) for n in (6, 8))
_kernel63, _kernel83, _kernel85 = (make_transform(_floats(_scaled(n, k))) for n, k, _ in SIZES)
_delta64, _delta86, _delta84 = (make_transform(_floats(powers(n, m))) for n, _, m in SIZES)
_pixel64, _pixel86, _pixel84 = (make_transform(_floats(_turned(powers(n, m))), added=True) for n, _, m in SIZES)
_weight63, _weight83, _weight85 = (make_transform(_floats(_turned(_scaled(n, k)))) for n, k, _ in SIZES)

NONE = np.zeros(16, np.float32)
PLAIN = {"cache": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # called from compiled loops alone

# Columns of vectors, each transformed, by the matrix of a kind (the place in SIZES). The arguments are those of
# kernels/cpu/transforms.py.


@njit(**PLAIN)
def to_data(kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added):
    """B: pixels that are read become points."""
    if kind == 0:
        _data6(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    elif kind == 1:
        _data8(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    else:
        _data8(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)


@njit(**PLAIN)
def to_delta(kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added):
    """V(m): delta-errors become points, for dw."""
    if kind == 0:
        _delta64(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    elif kind == 1:
        _delta86(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    else:
        _delta84(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)


@njit(**PLAIN)
def to_kernel(kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added):
    """N V(k): the taps of a kernel become points."""
    if kind == 0:
        _kernel63(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    elif kind == 1:
        _kernel83(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    else:
        _kernel85(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)


@njit(**PLAIN)
def to_pixel(kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added):
    """V(m)T: points become pixels, and a vector is added."""
    if kind == 0:
        _pixel64(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    elif kind == 1:
        _pixel86(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    else:
        _pixel84(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)


@njit(**PLAIN)
def to_weight(kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added):
    """V(k)T N: points become the taps of dw."""
    if kind == 0:
        _weight63(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    elif kind == 1:
        _weight83(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)
    else:
        _weight85(target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, added)


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
    kind = kind_of(k, size_out)
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


def kind_of(k, size):
    """The place in SIZES of those tiles that take the fewest products for a picture of this size."""

    def products(kind):
        n, _, m = SIZES[kind]
        return -(-size[0] // m) * -(-size[1] // m) * n * n

    return min((i for i, s in enumerate(SIZES) if s[1] == k), key=products)


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
    _, _, m = SIZES[kind_of(kernel[0], (height, width))]
    tiles = images * -(-height // m) * -(-width // m)
    return channels * channels_out <= min(MOST_WEIGHTS, 8 * tiles)


def correlate(out, a, w, bias, padding, turned_round):
    """out = a correlated with w (C', C, k, k), and the bias; with w `turned_round`, and its channels, for dx."""
    threads, (C_out, C, k, _) = get_num_threads(), w.shape
    if turned_round:
        C_out, C = C, C_out
    lanes, these = lanes_for(C_out), plan(len(a), C, C_out, k, a.shape[2:], out.shape[2:], tuple(padding))
    steps = (k * k, C_out * k * k) if turned_round else (C * k * k, k * k)
    taps = turned("w", w, C_out, steps[0], k * k, 1, C, steps[1])
    v = scratch("kernels", -(-C_out // lanes) * these.n**2 * C * lanes)
    pack(v, taps, these, lanes, turned_round)
    multiply_tiles(out.reshape(-1), a.reshape(-1), v, bias, threads, memory_for(threads, these, lanes), these, lanes)


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
    size += plan.n * max(plan.frame, plan.m * plan.across) * 16 + (plan.m * plan.across + 17) * 16
    size = -(-size // 1024) * 1024
    return scratch("winograd", threads * size).reshape(threads, size)


def group_count(plan, lanes):
    """Parts of dw's sum over tiles, and the float32 values of one: as many as GROUPS, fewer of many channels."""
    blocks = -(-plan.channels_out // lanes)
    size = blocks * plan.n**2 * (-(-plan.channels // ROWS) * ROWS) * lanes
    return int(min(GROUPS, max(1, PARTS // size), len(plan.jobs) - 1)), size


@njit(**PLAIN)
def load(points, tile, point, lanes, a, segment, frame, half, plan, deltas):
    """The tiles of a segment as points[block, point, tile, lane], the channels in blocks of so many lanes.

    point     from one point to the next
    deltas    whether a is dy, for dw, and not what is read
    """
    kind, n, m, across, columns = plan.kind, plan.n, plan.m, plan.across, plan.frame
    image, first, rows = segment
    size, channels, height, width, top, left = n, plan.channels, plan.height, plan.width, plan.top, plan.left
    if deltas:
        size, channels, height, width, top, left = m, plan.channels_out, plan.height_out, plan.width_out, 0, 0
    high, wide = (rows - 1) * m + size, (across - 1) * m + size
    for c in range(0, channels, 16):
        frame[: high * columns * 16] = 0
        for i in range(high):
            h = first * m - top + i
            if 0 <= h < height:
                s = ((image * channels + c) * height + h) * width
                for w in range(0, width, 16):
                    t = (i * columns + left + w) * 16
                    turn_in(frame, t, 16, a, s + w, height * width, min(16, width - w), min(16, channels - c))
        place = c // lanes * n * n * point + tile * lanes + c % lanes
        for row in range(rows):
            s, step = row * m * columns * 16, columns * 16
            if deltas:
                to_delta(kind, half, 0, step, 16, frame, s, step, 16, wide, 16, NONE)
            else:
                to_data(kind, half, 0, step, 16, frame, s, step, 16, wide, 16, NONE)
            for p in range(n):
                t = place + p * n * point + row * across * lanes
                if deltas:
                    to_delta(kind, points, t, point, lanes, half, p * step, 16, m * 16, across, 16, NONE)
                else:
                    to_data(kind, points, t, point, lanes, half, p * step, 16, m * 16, across, 16, NONE)


@njit(**PLAIN)
def store(out, segment, points, tile, point, lanes, bias, start, half, lines, plan):
    """points[block, point, tile, lane] as the pixels of a segment, and the bias: the way back from `load`."""
    kind, n, m, across = plan.kind, plan.n, plan.m, plan.across
    image, first, rows = segment
    for c in range(0, plan.channels_out, 16):
        known = min(16, plan.channels_out - c)
        for lane in range(16):
            start[lane] = bias[c + lane] if len(bias) and lane < known else np.float32(0)
        place = c // lanes * n * n * point + tile * lanes + c % lanes
        for row in range(rows):
            step = across * 16
            for p in range(n):
                s = place + p * point + row * across * lanes
                to_pixel(kind, half, p * step, n * step, 16, points, s, n * point, lanes, across, 16, NONE)
            for i in range(min(m, plan.height_out - (first + row) * m)):
                to_pixel(kind, lines, 0, 16, m * 16, half, i * n * step, step, 16, across, 16, start)
                h = (first + row) * m + i
                t = ((image * plan.channels_out + c) * plan.height_out + h) * plan.width_out
                for w in range(0, plan.width_out, 16):
                    some = min(16, plan.width_out - w)
                    turn_out(out, t + w, plan.height_out * plan.width_out, lines, w * 16, 16, some, known)


@njit(**PLAIN)
def multiply(out, o, a, first, row, step, v, v0, count, add, lanes):
    if lanes == 32:
        product32(out, o, a, first, row, step, v, v0, count, add)
    else:
        product16(out, o, a, first, row, step, v, v0, count, add)


@njit(parallel=True, cache=True)
def pack(v, taps, plan, lanes, turned_round):
    """The kernels as points: v[block, point, channel, lane] of taps[block, tap, channel, lane]."""
    kind, n, k, step = plan.kind, plan.n, plan.k, plan.channels * lanes
    blocks = (plan.channels_out + lanes - 1) // lanes
    for number in prange(blocks * plan.channels):
        job = np.int64(number)  # which is unsigned
        block, c = job // plan.channels, job % plan.channels
        half = np.empty(n * k * lanes, np.float32)
        s, sign = block * k * k * step + c * lanes, 1
        if turned_round:
            s, sign = s + (k * k - 1) * step, -1
        for i in range(k):
            to_kernel(
                kind, half, i * lanes, k * lanes, 0, taps, s + sign * i * step, sign * k * step, 0, 1, lanes, NONE
            )
        for p in range(n):
            t = (block * n * n + p * n) * step + c * lanes
            to_kernel(kind, v, t, step, 0, half, p * k * lanes, lanes, 0, 1, lanes, NONE)


@njit(**PLAIN)
def parts_of(own, plan, points, sums):
    """The memory of a thread, cut up: points that are read and written, a frame, half a transform, lines, a start."""
    a = points + 64
    b = a + sums + 64
    c = b + ((plan.rows - 1) * plan.m + plan.n) * plan.frame * 16
    d = c + plan.n * max(plan.frame, plan.m * plan.across) * 16
    e = d + (plan.m * plan.across + 16) * 16
    return own[:a], own[a:b], own[b:c], own[c:d], own[d:e], own[e : e + 16]


@njit(parallel=True, cache=True)
def multiply_tiles(out, a, v, bias, threads, memory, plan, lanes):
    """out = the correlation of a with the kernels v, which `pack` made, and the bias."""
    for thread in prange(threads):
        multiply_some_tiles(out, a, v, bias, np.int64(thread), threads, memory[thread], plan, lanes)


@njit(**PLAIN)
def multiply_some_tiles(out, a, v, bias, thread, threads, memory, plan, lanes):
    """The jobs of a thread."""
    n, channels, deep = plan.n, plan.channels, (plan.channels + 15) // 16 * 16
    blocks = (plan.channels_out + lanes - 1) // lanes
    point, point_out = plan.tiles * deep + 16, plan.tiles * lanes + 16
    points, sums, frame, half, lines, start = parts_of(memory, plan, n * n * point, blocks * n * n * point_out)
    for job in range(thread, len(plan.jobs) - 1, threads):
        tile = 0
        for number in range(plan.jobs[job], plan.jobs[job + 1]):
            segment = plan.segments[number, 0], plan.segments[number, 1], plan.segments[number, 2]
            load(points, tile, point, deep, a, segment, frame, half, plan, False)
            tile += segment[2] * plan.across
        for p in range(blocks * n * n):
            for m in range(0, tile, ROWS):
                first, o = p % (n * n) * point + m * deep, p * point_out + m * lanes
                multiply(sums, o, points, first, deep, 1, v, p * channels * lanes, channels, False, lanes)
        tile = 0
        for number in range(plan.jobs[job], plan.jobs[job + 1]):
            segment = plan.segments[number, 0], plan.segments[number, 1], plan.segments[number, 2]
            store(out, segment, sums, tile, point_out, lanes, bias, start, half, lines, plan)
            tile += segment[2] * plan.across


@njit(parallel=True, cache=True)
def tile_sums(parts, x, dy, threads, memory, plan, lanes):
    """parts[group, block, point, c, lane]: the products of x and dy as points, summed over the tiles of a group."""
    for thread in prange(threads):
        for group in range(np.int64(thread), len(parts), threads):
            tile_sums_of(parts[group], x, dy, group, len(parts), memory[thread], plan, lanes)


@njit(**PLAIN)
def tile_sums_of(part, x, dy, group, groups, memory, plan, lanes):
    """The jobs of a group."""
    n, channels, deep = plan.n, plan.channels, (plan.channels + 15) // 16 * 16
    blocks, high = (plan.channels_out + lanes - 1) // lanes, (channels + ROWS - 1) // ROWS * ROWS
    point, point_out = plan.tiles * deep + 16, plan.tiles * lanes + 16
    points, deltas, frame, half, _, _ = parts_of(memory, plan, n * n * point, blocks * n * n * point_out)
    for job in range(group, len(plan.jobs) - 1, groups):
        tile = 0
        for number in range(plan.jobs[job], plan.jobs[job + 1]):
            segment = plan.segments[number, 0], plan.segments[number, 1], plan.segments[number, 2]
            load(points, tile, point, deep, x, segment, frame, half, plan, False)
            load(deltas, tile, point_out, lanes, dy, segment, frame, half, plan, True)
            tile += segment[2] * plan.across
        for p in range(blocks * n * n):
            for c in range(0, channels, ROWS):
                first, o = p % (n * n) * point + c, (p * high + c) * lanes
                multiply(part, o, points, first, 1, deep, deltas, p * point_out, tile, job >= groups, lanes)


@njit(parallel=True, cache=True)
def add_tile_sums(dw, parts, plan, lanes):
    """dw[c', c] of the sums of all groups, in their order."""
    kind, n, k, channels = plan.kind, plan.n, plan.k, plan.channels
    groups, high = len(parts), (channels + ROWS - 1) // ROWS * ROWS
    blocks = (plan.channels_out + lanes - 1) // lanes
    for number in prange(blocks * channels):
        job = np.int64(number)
        block, c = job // channels, job % channels
        sums, half = np.empty(n * n * lanes, np.float32), np.empty(n * k * lanes, np.float32)
        taps = np.empty((k * k + 16) * lanes, np.float32)
        for p in range(n * n):
            at = ((block * n * n + p) * high + c) * lanes
            for lane in range(lanes):
                sums[p * lanes + lane] = parts[0, at + lane]
            for group in range(1, groups):
                for lane in range(lanes):
                    sums[p * lanes + lane] += parts[group, at + lane]
        to_weight(kind, half, 0, n * lanes, lanes, sums, 0, n * lanes, lanes, n, lanes, NONE)
        for i in range(k):
            to_weight(kind, taps, i * k * lanes, lanes, 0, half, i * n * lanes, lanes, 0, 1, lanes, NONE)
        for lane in range(0, lanes, 16):
            channel = block * lanes + lane
            known = min(16, plan.channels_out - channel)
            for tap in range(0, k * k, 16):
                t = (channel * channels + c) * k * k + tap
                turn_out(dw, t, channels * k * k, taps, tap * lanes + lane, lanes, min(16, k * k - tap), known)
