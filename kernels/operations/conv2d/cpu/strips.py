"""Convolution with many kernels on the CPU: kernels are read where they stand, and pixels are copied.

Kernels whose channels shall stand in the lanes must be turned, which takes as long as what they are multiplied with
where pictures are small and kernels many, as deep inside a ResNet; and rows of pictures whose sizes are powers of two
all want the same place in a cache. Here neighbouring outputs are in the lanes,

    out[m, p..p+lanes] = sum over t of w[m, t] * v[t, lane]

with m the output channels, t the channels and taps of a kernel, side by side as they are stored, and v the pixels that
each tap meets, for one strip of neighbouring outputs: what im2col writes out for whole pictures, and little enough here
to stay in the second-level cache. Nothing is turned, neither kernels nor sums.
"""

import numpy as np
from numba import get_num_threads, njit, prange

from kernels.cpu.finishing import finish_line
from kernels.cpu.multiply import placed16, placed32
from kernels.cpu.products import scratch
from kernels.cpu.vectors import LANES, TILE

MOST = 2**17  # values of v, 512 KiB, that the strips of a job have together, unless it is a single one
INNER = {"cache": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # called from compiled loops alone


def correlate(out, x, w, finish, stride, padding):
    """out[r,m,h,w] = sum over c,j,i of x[r, c, h sh + j - ph, w sw + i - pw] * w[m,c,j,i], finished; C-contiguous."""
    if w.shape[2:] == stride == (1, 1) and padding == (0, 0):  # a picture is then one long row
        out, x = out.reshape(*out.shape[:2], 1, -1), x.reshape(*x.shape[:2], 1, -1)
    threads, terms, strips = get_num_threads(), w[0].size, -(-out[0, 0].size // LANES)
    group = max(1, min(strips, MOST // (terms * LANES)))
    while group > 1 and len(x) * -(-strips // group) < 2 * threads:
        group //= 2
    jobs = len(x) * -(-strips // group)
    part = -(-len(w) // (TILE * -(-threads // jobs))) * TILE  # channels of a job: all, unless there are too few jobs
    size = (group * terms + TILE) * LANES
    memory = scratch("strips", threads * size).reshape(threads, size)
    _correlate(out, x, w.reshape(-1), finish, w.shape[2:], stride, padding, group, part, memory)


@njit(parallel=True, cache=True)
def _correlate(out, x, w, finish, kernel, stride, padding, group, part, memory):
    (R, M, H_out, W_out), terms, threads = out.shape, x.shape[1] * kernel[0] * kernel[1], len(memory)
    pixels, flat_out, flat_x = H_out * W_out, out.reshape(-1), x.reshape(-1)
    strips = (pixels + LANES - 1) // LANES
    groups, parts = (strips + group - 1) // group, (M + part - 1) // part
    jobs = R * groups * parts
    for thread in prange(threads):
        v, sums = memory[thread, : group * terms * LANES], memory[thread, group * terms * LANES :]
        stretches = np.empty((group * LANES, 4), np.int64)
        for job in range(jobs * thread // threads, jobs * (thread + 1) // threads):
            r, first, channel = job // (groups * parts), job // parts % groups * group * LANES, job % parts * part
            last = min(first + group * LANES, pixels)
            found = cut(stretches, first, last, W_out, terms)
            copy_pixels(v, flat_x, r, x.shape, stretches[:found], kernel, stride, padding)
            for m in range(channel, min(channel + part, M), TILE):
                live = min(TILE, M - m)
                for p in range(first, last, LANES):
                    o, v0 = (r * M + m) * pixels + p, (p - first) * terms
                    if last - p >= LANES:
                        product(flat_out, o, pixels, w, m * terms, terms, live, v, v0)
                        for i in range(live):
                            finish_line(flat_out, o + i * pixels, flat_out, o + i * pixels, LANES, finish, m + i)
                    else:
                        product(sums, 0, LANES, w, m * terms, terms, live, v, v0)
                        for i in range(live):
                            finish_line(flat_out, o + i * pixels, sums, i * LANES, last - p, finish, m + i)


@njit(**INNER)
def product(out, o, o_step, w, first, terms, live, v, v0):
    """LANES outputs of `live` channels."""
    if LANES == 32:
        placed32(out, o, o_step, w, first, terms, 1, live, v, v0, LANES, terms, False)
    else:
        placed16(out, o, o_step, w, first, terms, 1, live, v, v0, LANES, terms, False)


@njit(**INNER)
def cut(stretches, first, last, W_out, terms):
    """Stretches of outputs first..last, each within a row and a strip: where it begins in v, row, column, how many."""
    found, p = 0, first
    while p < last:
        lane = (p - first) % LANES
        n = min(W_out - p % W_out, last - p, LANES - lane)
        stretches[found, 0], stretches[found, 1] = (p - first - lane) * terms + lane, p // W_out
        stretches[found, 2], stretches[found, 3] = p % W_out, n
        found, p = found + 1, p + n
    return found


@njit(**INNER)
def copy_pixels(v, x, r, size, stretches, kernel, stride, padding):
    """v[strip, t, lane]: the pixels of picture r that tap t of the stretches meets; 0 outside the picture."""
    (_, C, H, W), (kh, kw), (sh, sw), (ph, pw) = size, kernel, stride, padding
    for c in range(C):
        for j in range(kh):
            for i in range(kw):
                t = ((c * kh + j) * kw + i) * LANES
                for number in range(len(stretches)):
                    target, n = stretches[number, 0] + t, stretches[number, 3]
                    row, at = stretches[number, 1] * sh + j - ph, stretches[number, 2] * sw + i - pw
                    if row < 0 or row >= H:
                        v[target : target + n] = 0
                        continue
                    low = min(n, max(0, -at if sw == 1 else (sw - 1 - at) // sw))  # the outputs that meet the picture
                    high = max(low, min(n, W - at if sw == 1 else (W - at + sw - 1) // sw))
                    source = ((r * C + c) * H + row) * W + at
                    for k in range(low):
                        v[target + k] = 0
                    if sw == 1:
                        for k in range(low, high):
                            v[np.uintp(target + k)] = x[np.uintp(source + k)]
                    else:
                        for k in range(low, high):
                            v[target + k] = x[source + k * sw]
                    for k in range(high, n):
                        v[target + k] = 0
