"""The compiled loops of conv2d on the CPU around its products. Arrays are flat unless said."""

import numpy as np
from numba import njit, prange


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
