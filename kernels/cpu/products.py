"""The product of two matrices on CPU cores, shared by conv2d and linear: small tiles whose sums stay in registers.

    out[m, l] = sum over t of a[row(m) + column(t)] * v[t, l]

The left matrix is addressed and never built: the address of an entry is a sum, one part that depends on the row and one
that depends on the column, so two short tables of offsets say where it stands, transposed or inside an image. A `Plan`
holds them. The right matrix v has its rows l side by side, in blocks of lanes.

- `multiply32` (kernels/cpu/multiply.py) sums TILE rows times LANES lanes without leaving the registers: a load of v and
  TILE broadcast loads of a feed TILE multiply-adds of LANES lanes. It is written in LLVM's own vectors.
- `lanes_last` and `deliver` turn channels from far apart in memory to side by side and back, 16 by 16 in registers.
- Jobs of up to UNIT tiles are dealt to the threads, as many neighbours to each. Each writes its own part of the output
  and sums in an order that does not depend on who does it: the same bits every time, on any number of threads.

Arrays are flat float32 unless said.
"""

import threading
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from kernels.cpu.finishing import TERMS, WIDTH, begin, finish_rows, prepare
from kernels.cpu.multiply import multiply16, multiply32
from kernels.cpu.turns import turn_in, turn_out
from kernels.cpu.vectors import LANES, TILE

CHUNK = 2048  # rows of v (up to 256 KiB) that the tiles of a job pass over before they go on to the next
UNIT = 16  # tiles in a job: what they share of v and a stays in the cache
_kept = threading.local()


class Plan(NamedTuple):
    """A product out[m, l] = sum over t of a[row(m) + column(t)] * v[t, l], for each of its classes of rows.

    All offsets and sizes count float32 values, and arrays of them are int64. Rows stand in groups (the images of a
    batch; for dw the input channels) of positions (h, w), where h and w each belong to a class.
    """

    lanes: int  # sums side by side: a row of v, which has more than one block of them where there are more channels
    channels: int  # how many lanes mean something, over all blocks
    channel_step: int  # from a channel of out to the next
    group_a: int  # from a group of rows to the next, in a
    group_out: int  # and in out
    h_start: np.ndarray  # (classes of h + 1,): where each class begins in h
    h: np.ndarray  # (positions, 2): where a position of that axis begins in a, and in out
    w_start: np.ndarray  # the same of the other axis
    w: np.ndarray
    t_start: np.ndarray  # (classes of h * classes of w + 1,): where the stretches of each class begin in terms
    terms: np.ndarray  # (stretches, 3): what is summed over: the offset in a, the first row of v, how many rows
    v_size: int  # of a block of v
    step: int  # in a, from a row of a stretch to the next
    unit: int  # the most positions in a job
    jobs: np.ndarray  # (jobs, 4): class, first position, how many, block of lanes


def plan(threads, channels, channel_step, groups, group, h_start, h, w_start, w, t_start, terms, v_rows, step):
    """A plan, with jobs of so many tiles that each thread gets several."""
    lanes, blocks = lanes_for(channels), -(-channels // lanes_for(channels))
    sizes = groups * np.outer(np.diff(h_start), np.diff(w_start)).ravel()
    unit = TILE * int(np.clip(sizes.sum() * blocks // (8 * TILE * threads), 1, UNIT))
    dealt = []
    for c, size in enumerate(sizes):
        first = np.repeat(np.arange(0, size, unit), blocks)
        block = np.tile(np.arange(blocks), len(first) // blocks)
        dealt.append(np.stack([np.full(len(first), c), first, np.minimum(unit, size - first), block], axis=1))
    # All classes go over the picture together: where they alternate, as with a stride, they write the same cache lines.
    jobs = np.concatenate(dealt)
    jobs = jobs[np.argsort(jobs[:, 1] / sizes[jobs[:, 0]], kind="stable")]
    h, w = (np.stack(offsets, axis=1) for offsets in (h, w))
    group_a, group_out = group
    return Plan(
        lanes, channels, channel_step, group_a, group_out, h_start, h, w_start, w,
        t_start, terms, v_rows * lanes, step, unit, jobs,
    )  # fmt: skip


def lanes_for(channels):
    return 16 if channels <= 16 else LANES


def scratch(name, size):
    """Memory that a thread keeps from call to call: touching tens of fresh MB costs more than a 1x1 convolution."""
    if len(getattr(_kept, name, ())) < size:
        setattr(_kept, name, np.empty(size, np.float32))
    return getattr(_kept, name)[:size]


@njit(parallel=True, cache=True)
def lanes_last(v, source, lanes, channels, channel_step, n1, step1, n2, step2):
    """source[channel, i1, i2] -> v[block, i1, i2, lane], channel = block*lanes + lane; zeros after the last channel."""
    blocks = (channels + lanes - 1) // lanes
    parts = (n2 + 255) // 256
    for job in prange(blocks * n1 * parts):
        block, i1, part = job // (n1 * parts), job // parts % n1, job % parts
        for i2 in range(part * 256, min(n2, part * 256 + 256), 16):
            for lane in range(0, lanes, 16):
                channel = block * lanes + lane
                t = ((block * n1 + i1) * n2 + i2) * lanes + lane
                s = channel * channel_step + i1 * step1 + i2 * step2
                if step2 == 1:
                    turn_in(v, t, lanes, source, s, channel_step, min(16, n2 - i2), max(0, channels - channel))
                else:
                    for i in range(min(16, n2 - i2)):
                        for k in range(16):
                            known = channel + k < channels
                            v[t + i * lanes + k] = source[s + k * channel_step + i * step2] if known else np.float32(0)


@njit(parallel=True, cache=True)
def kernels_last(v, w, lanes, channels, channel_step, depth, depth_step, taps):
    """w[channel, c, tap], taps side by side -> v[block, tap, c, lane]; zeros after the last channel."""
    blocks = (channels + lanes - 1) // lanes
    for number in prange(blocks * depth):
        job = np.int64(number)
        block, c = job // depth, job % depth
        for lane in range(0, lanes, 16):
            channel = block * lanes + lane
            for tap in range(0, taps, 16):
                t = ((block * taps + tap) * depth + c) * lanes + lane
                s = channel * channel_step + c * depth_step + tap
                known = max(0, channels - channel)
                turn_in(v, t, depth * lanes, w, s, channel_step, min(16, taps - tap), known)


@njit(cache=True)
def locate(rows, place, first, live, group_a, group_out, h, w):
    """The offsets in a (rows) and in out (place) of `live` positions of the class h x w, from the first on."""
    g, i, j = first // (len(h) * len(w)), first // len(w) % len(h), first % len(w)
    for m in range(live):
        rows[m] = g * group_a + h[i, 0] + w[j, 0]
        place[m] = g * group_out + h[i, 1] + w[j, 1]
        j += 1
        if j == len(w):
            i, j = i + 1, 0
            if i == len(h):
                g, i = g + 1, 0
    for m in range(live, len(rows)):  # the last tile computes what nobody reads, but from a valid address
        rows[m] = rows[0]


@njit(cache=True)
def deliver(out, place, base, step, sums, live, lanes, live_lanes):
    """out[base + place[m] + lane*step] = sums[m, lane]. Neighbours go out as one vector per lane.

    Lane by lane, too, go those in even steps, as a stride of 2 leaves them: lanes are far apart in memory.
    """
    for lane in range(0, live_lanes, 16):
        m = 0
        while m < live:
            n, apart = 1, place[m + 1] - place[m] if m + 1 < live else 1
            while n < 16 and m + n < live and place[m + n] == place[m] + n * apart:
                n += 1
            if n >= 4 and apart == 1:
                known = min(16, live_lanes - lane)
                turn_out(out, base + place[m] + lane * step, step, sums, m * lanes + lane, lanes, n, known)
            else:
                for k in range(lane, min(lane + 16, live_lanes)):
                    first = base + place[m] + k * step
                    for i in range(n):
                        out[first + i * apart] = sums[(m + i) * lanes + k]
            m += n


@njit(parallel=True, cache=True)
def products(out, a, v, finish, threads, plan):
    """The product of every class of a plan, finished (kernels/cpu/finishing.py)."""
    lanes, terms, unit, jobs = plan.lanes, plan.terms, plan.unit, plan.jobs
    wide = len(plan.w_start) - 1
    for t in prange(threads):
        rows, place = np.empty(unit, np.int64), np.empty(unit, np.int64)
        sums, start = np.empty((unit + 16) * lanes, np.float32), np.empty(lanes, np.float32)
        after = np.empty(TERMS, np.float32)
        for job in range(len(jobs) * t // threads, len(jobs) * (t + 1) // threads):
            c, first, live, block = jobs[job, 0], jobs[job, 1], jobs[job, 2], jobs[job, 3]
            class_h = plan.h[plan.h_start[c // wide] : plan.h_start[c // wide + 1]]
            class_w = plan.w[plan.w_start[c % wide] : plan.w_start[c % wide + 1]]
            locate(rows, place, first, live, plan.group_a, plan.group_out, class_h, class_w)
            live_lanes = min(lanes, plan.channels - block * lanes)
            begin(start, lanes, finish, block * lanes, live_lanes)
            for m in range(unit):
                for lane in range(lanes):
                    sums[m * lanes + lane] = start[lane]
            s = plan.t_start[c]
            while s < plan.t_start[c + 1]:
                last = min(s + max(1, CHUNK // terms[s, 2]), plan.t_start[c + 1])
                for m in range(0, live, TILE):
                    if lanes == 32:
                        multiply32(sums, m * lanes, a, rows, m, v, block * plan.v_size, terms, s, last, plan.step)
                    else:
                        multiply16(sums, m * lanes, a, rows, m, v, block * plan.v_size, terms, s, last, plan.step)
                s = last
            for lane in range(0, live_lanes, WIDTH):
                if prepare(after, finish, block * lanes + lane, live_lanes - lane):
                    finish_rows(sums, lane, live, lanes, after)
            deliver(out, place, block * lanes * plan.channel_step, plan.channel_step, sums, live, lanes, live_lanes)
