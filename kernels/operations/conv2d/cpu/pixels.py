"""Convolution of few channels on the CPU: neighbouring pixels in the lanes, where there are always enough of them.

Channels in the lanes leave most lanes empty where there are few, and pictures, which have their pixels side by side,
must be turned for them and back. At stride 1 a step of one output is a step of one input, so that so many neighbouring
outputs are

    out[m, q..q+lanes] = sum over t of a[m, t] * v[at(t) + q .. at(t) + q + lanes]

with m the output channels, t the taps and channels of a kernel, and v the picture in a frame of zeros, its rows one
behind the other: what is computed past the end of a row is left out as rows are delivered. dx is the same sum over dy,
with kernels turned round and input and output channels changed for each other.
"""

from functools import lru_cache

import numpy as np
from numba import get_num_threads, njit, prange

from kernels.cpu.finishing import finish_line
from kernels.cpu.multiply import LANES1, LANES2, LANES4, LANES8, strip1, strip2, strip4, strip8
from kernels.cpu.products import scratch
from kernels.cpu.vectors import LANES

STRIP = 2048  # outputs of a channel that a job computes, about
# Channels that grow at the same time: 8 of LANES8 = 8 lanes, as AVX2 had them, wait for a load each.
HIGH = 8 if LANES == 32 else 4


@lru_cache(maxsize=256)
def offsets(channels, rows, columns, kernel):
    """at(t): where in a frame (channels, rows, columns) each tap of each channel begins."""
    c, j, i = np.indices((channels, *kernel))
    return ((c * rows + j) * columns + i).ravel()


def correlate(out, a, w, finish, padding):
    """out[r,m,h,w] = sum over c,j,i of a[r, c, h + j - ph, w + i - pw] * w[m,c,j,i], finished; all C-contiguous."""
    (M, C, kh, kw), threads = w.shape, get_num_threads()
    columns = a.shape[3] + 2 * padding[1]
    strip = min(out.shape[2], max(1, STRIP // columns))
    rows = strip + kh - 1
    weights = np.zeros((-(-M // 8) * 8, C * kh * kw), np.float32)
    weights[:M] = w.reshape(M, -1)
    size = C * rows * columns + 8 * strip * columns + 16 * 256
    memory = scratch("pixels", threads * size).reshape(threads, size)
    at = offsets(C, rows, columns, (kh, kw))
    _correlate(out, a, weights.reshape(-1), finish, at, (rows, columns), padding, memory)


@njit(parallel=True, cache=True)
def _correlate(out, a, weights, finish, at, frame_size, padding, memory):
    (R, C, H, W), (_, M, H_out, W_out) = a.shape, out.shape
    (rows, columns), (ph, pw) = frame_size, padding
    kh = H + 2 * ph - H_out + 1
    strip = rows - kh + 1
    strips = (H_out + strip - 1) // strip
    threads, terms, flat_out = len(memory), len(at), out.reshape(-1)
    for thread in prange(threads):
        frame, sums = memory[thread, : C * rows * columns + 256], memory[thread, C * rows * columns + 256 :]
        for job in range(thread, R * strips, threads):
            r, first = job // strips, job % strips * strip
            live = min(strip, H_out - first)
            frame[:] = 0
            for c in range(C):
                for h in range(max(0, ph - first), min(rows, H + ph - first)):
                    t = (c * rows + h) * columns + pw
                    frame[t : t + W] = a[r, c, first + h - ph]
            wanted = (live - 1) * columns + W_out
            step = (wanted + 127) // 128 * 128
            for m in range(0, M, HIGH):
                if M - m == 1:
                    for q in range(0, wanted, LANES1):
                        strip1(sums, q, step, weights, m * terms, terms, frame, q, at)
                elif M - m == 2:
                    for q in range(0, wanted, LANES2):
                        strip2(sums, q, step, weights, m * terms, terms, frame, q, at)
                elif M - m <= 4 or HIGH == 4:
                    for q in range(0, wanted, LANES4):
                        strip4(sums, q, step, weights, m * terms, terms, frame, q, at)
                else:
                    for q in range(0, wanted, LANES8):
                        strip8(sums, q, step, weights, m * terms, terms, frame, q, at)
                for i in range(min(HIGH, M - m)):
                    for h in range(live):
                        o = ((r * M + m + i) * H_out + first + h) * W_out
                        finish_line(flat_out, o, sums, i * step + h * columns, W_out, finish, m + i)
