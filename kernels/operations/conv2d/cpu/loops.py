"""The compiled loops of conv2d on the CPU. plans.py says what a product is. Arrays are flat unless said."""

import numpy as np
from numba import njit, prange

from kernels.cpu.vectors import TILE, multiply16, multiply32, transpose16

CHUNK = 2048  # rows of v (up to 256 KiB) that the tiles of a job pass over before they go on to the next


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
                if step2 == 1 and i2 + 16 <= n2 and channel + 16 <= channels:
                    transpose16(v, t, lanes, source, s, channel_step, 16)
                else:
                    for i in range(min(16, n2 - i2)):
                        for k in range(16):
                            known = channel + k < channels
                            v[t + i * lanes + k] = source[s + k * channel_step + i * step2] if known else np.float32(0)


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
    """out[base + place[m] + lane*step] = sums[m, lane]. Neighbours go out as one vector per lane."""
    for lane in range(0, live_lanes, 16):
        m = 0
        while m < live:
            n = 1
            while n < 16 and m + n < live and place[m + n] == place[m] + n:
                n += 1
            if n >= 4 and lane + 16 <= live_lanes:
                transpose16(out, base + place[m] + lane * step, step, sums, m * lanes + lane, lanes, n)
            else:
                for i in range(m, m + n):
                    for k in range(lane, min(lane + 16, live_lanes)):
                        out[base + place[i] + k * step] = sums[i * lanes + k]
            m += n


@njit(parallel=True, cache=True)
def products(out, a, v, bias, threads, plan):
    """The product of every class of a plan, and the bias."""
    lanes, terms, unit, jobs = plan.lanes, plan.terms, plan.unit, plan.jobs
    wide = len(plan.w_start) - 1
    for t in prange(threads):
        rows, place = np.empty(unit, np.int64), np.empty(unit, np.int64)
        sums, start = np.empty((unit + 16) * lanes, np.float32), np.empty(lanes, np.float32)
        for job in range(t, len(jobs), threads):
            c, first, live, block = jobs[job, 0], jobs[job, 1], jobs[job, 2], jobs[job, 3]
            class_h = plan.h[plan.h_start[c // wide] : plan.h_start[c // wide + 1]]
            class_w = plan.w[plan.w_start[c % wide] : plan.w_start[c % wide + 1]]
            locate(rows, place, first, live, plan.group_a, plan.group_out, class_h, class_w)
            live_lanes = min(lanes, plan.channels - block * lanes)
            for lane in range(lanes):
                start[lane] = bias[block * lanes + lane] if len(bias) and lane < live_lanes else np.float32(0)
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
            deliver(out, place, block * lanes * plan.channel_step, plan.channel_step, sums, live, lanes, live_lanes)


@njit(parallel=True, cache=True)
def scatter(parts, dx, H_out, W_out, kh, kw, stride, padding):
    """dx = sum of the parts sent to each pixel; one thread per image and channel, so that no two add to one pixel."""
    R, C, H, W = dx.shape
    (sh, sw), (ph, pw) = stride, padding
    for job in prange(R * C):
        plane = dx[job // C, job % C]
        plane[:] = 0
        for h in range(H_out):
            for w in range(W_out):
                at = (((job // C * H_out + h) * W_out + w) * C + job % C) * kh * kw
                for j in range(max(0, ph - h * sh), min(kh, H + ph - h * sh)):
                    for i in range(max(0, pw - w * sw), min(kw, W + pw - w * sw)):
                        plane[h * sh + j - ph, w * sw + i - pw] += parts[at + j * kw + i]


@njit(parallel=True, cache=True)
def pad(x, out, ph, pw):
    R, C, H, W = x.shape
    for job in prange(R * C):
        plane = out[job // C, job % C]
        plane[:] = 0
        plane[ph : ph + H, pw : pw + W] = x[job // C, job % C]


@njit(parallel=True, cache=True)
def sum_pixels(v, lanes, R, db):
    """db[c'] = sum over r, h', w' of dy, lanes last: first within each image, then over images."""
    blocks = (len(db) + lanes - 1) // lanes
    n = len(v) // (blocks * R * lanes)
    parts = np.zeros((blocks * R, lanes))  # float64: a sum of delta-errors is often nearly zero
    for job in prange(blocks * R):
        for p in range(job * n, job * n + n):
            for lane in range(lanes):
                parts[job, lane] += v[p * lanes + lane]
    for c in range(len(db)):
        total = 0.0
        for r in range(R):
            total += parts[c // lanes * R + r, c % lanes]
        db[c] = total
