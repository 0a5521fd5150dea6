"""Resizing on CPU cores: each core takes whole output rows. Source: Heckbert (1989).

Shapes as in reference.py. First the rows under an output row become one row, which vectorises; then each output is the
mean of what lies under it in that row. The shares of rows and columns are worked out once, ahead of all channels.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.resize import functions


@checked
def forward(x, y, size):
    """y[r,c,h',w'] = sum over w of share[w',w] times the sum over h of share[h',h] x[r,c,h,w]."""
    shares = shares_loop(functions.first_under, functions.past_under, functions.weight)
    _resize(x, y, *shares(x.shape[2], y.shape[2]), *shares(x.shape[3], y.shape[3]))


@functools.cache
def shares_loop(first_under, past_under, weight):
    """A compiled loop: for each output row the first row under it, the one after the last, and the shares of these."""
    first_under, past_under, weight = jitable(first_under), jitable(past_under), jitable(weight)

    @njit(cache=True)
    def loop(H, H_out):
        first, past = np.empty(H_out, np.int64), np.empty(H_out, np.int64)
        for h_out in range(H_out):
            first[h_out], past[h_out] = first_under(h_out, H, H_out), past_under(h_out, H, H_out)
        share = np.zeros((H_out, (past - first).max()), np.float32)
        for h_out in range(H_out):
            for h in range(first[h_out], past[h_out]):
                share[h_out, h - first[h_out]] = weight(h, h_out, H, H_out)
            share[h_out] /= share[h_out].sum()
        return first, past, share

    return loop


@njit(parallel=True, cache=True)
def _resize(x, y, top, bottom, share_of_row, left, right, share_of_column):
    """One output row at a time. Only values under the filter are read: 0 times a NaN beside it would be a NaN."""
    _, C, _, W = x.shape
    _, _, H_out, W_out = y.shape
    for n in prange(y.shape[0] * C * H_out):
        r, c, h_out = n // (C * H_out), n // H_out % C, n % H_out
        row = np.zeros(W, np.float32)
        for h in range(top[h_out], bottom[h_out]):
            share = share_of_row[h_out, h - top[h_out]]
            for w in range(W):
                row[w] += share * x[r, c, h, w]
        for w_out in range(W_out):
            first = left[w_out]
            total = np.float32(0)
            for w in range(first, right[w_out]):
                total += share_of_column[w_out, w - first] * row[w]
            y[r, c, h_out, w_out] = total
