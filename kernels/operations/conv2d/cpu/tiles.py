"""The compiled loops of Winograd's convolution (winograd.py): from tiles to points, products of points, and back.

Arrays are flat, but for the memory of threads and the parts of a sum, which are (threads or parts, values).
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.finishing import TERMS, WIDTH, begin, finish_rows, prepare
from kernels.cpu.multiply import ROWS, product16, product32
from kernels.cpu.transforms import make_transform
from kernels.cpu.turns import turn_in, turn_out
from kernels.operations.conv2d.cpu.points import SIZES, data, powers, scaled


def _turned(matrix):
    return [list(row) for row in zip(*matrix, strict=True)]


# By kind, the place in SIZES: B for pixels that are read, V(m) for dy as dw needs it, and N V(k) for kernels become
# points; and V(m)T for pixels, to which a vector is added, and V(k)T N for the taps of dw come from points.
to_data = make_transform(*(data(n) for n, _, _ in SIZES))
to_delta = make_transform(*(powers(n, m) for n, _, m in SIZES))
to_kernel = make_transform(*(scaled(n, k) for n, k, _ in SIZES))
to_pixel = make_transform(*(_turned(powers(n, m)) for n, _, m in SIZES), added=True)
to_weight = make_transform(*(_turned(scaled(n, k)) for n, k, _ in SIZES))

NONE = np.zeros(16, np.float32)
PLAIN = {"cache": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # called from compiled loops alone


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
def store(out, segment, points, tile, point, lanes, finish, terms, half, lines, plan):
    """points[block, point, tile, lane] as the pixels of a segment, finished: the way back from `load`."""
    kind, n, m, across = plan.kind, plan.n, plan.m, plan.across
    image, first, rows = segment
    for c in range(0, plan.channels_out, 16):
        known = min(16, plan.channels_out - c)
        start, after = terms[:WIDTH], terms[WIDTH:]
        begin(start, WIDTH, finish, c, known)
        finishes = prepare(after, finish, c, known)
        place = c // lanes * n * n * point + tile * lanes + c % lanes
        for row in range(rows):
            step = across * 16
            for p in range(n):
                s = place + p * point + row * across * lanes
                to_pixel(kind, half, p * step, n * step, 16, points, s, n * point, lanes, across, 16, NONE)
            for i in range(min(m, plan.height_out - (first + row) * m)):
                to_pixel(kind, lines, 0, 16, m * 16, half, i * n * step, step, 16, across, 16, start)
                if finishes:
                    finish_rows(lines, 0, across * m, 16, after)
                h = (first + row) * m + i
                t = ((image * plan.channels_out + c) * plan.height_out + h) * plan.width_out
                for w in range(0, plan.width_out, 16):
                    some = min(16, plan.width_out - w)
                    turn_out(out, t + w, plan.height_out * plan.width_out, lines, w * 16, 16, some, known)


@njit(**PLAIN)
def multiply(out, o, a, first, row, step, v, v0, count, add, lanes):
    if lanes == 32:
        product32(out, o, lanes, a, first, row, step, ROWS, v, v0, lanes, count, add)
    else:
        product16(out, o, lanes, a, first, row, step, ROWS, v, v0, lanes, count, add)


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
    """The memory of a thread, cut up: points that are read and written, a frame, half a transform, lines, terms."""
    a = points + 64
    b = a + sums + 64
    c = b + ((plan.rows - 1) * plan.m + plan.n) * plan.frame * 16
    d = c + plan.n * max(plan.frame, plan.m * plan.across) * 16
    e = d + (plan.m * plan.across + 16) * 16
    return own[:a], own[a:b], own[b:c], own[c:d], own[d:e], own[e : e + WIDTH + TERMS]


@njit(parallel=True, cache=True)
def multiply_tiles(out, a, v, finish, threads, memory, plan, lanes):
    """out = the correlation of a with the kernels v, which `pack` made, finished (kernels/cpu/finishing.py)."""
    for thread in prange(threads):
        multiply_some_tiles(out, a, v, finish, np.int64(thread), threads, memory[thread], plan, lanes)


@njit(**PLAIN)
def multiply_some_tiles(out, a, v, finish, thread, threads, memory, plan, lanes):
    """The jobs of a thread."""
    n, channels, deep = plan.n, plan.channels, (plan.channels + 15) // 16 * 16
    blocks = (plan.channels_out + lanes - 1) // lanes
    point, point_out = plan.tiles * deep + 16, plan.tiles * lanes + 16
    points, sums, frame, half, lines, terms = parts_of(memory, plan, n * n * point, blocks * n * n * point_out)
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
            store(out, segment, sums, tile, point_out, lanes, finish, terms, half, lines, plan)
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
