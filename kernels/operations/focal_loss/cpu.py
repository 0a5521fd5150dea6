"""Focal loss on CPU cores: each core takes whole rows. Source: Zozoulenko (2018), eq. 60, corrected.

Shapes as in reference.py, which derives the gradient.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.focal_loss import functions


@functools.cache
def forward_loop(logit, term, sum_of_others):
    """A compiled loop over rows: largest value, exponentials and their sum, the terms of the classes with a target."""
    logit, term, sum_of_others = jitable(logit), jitable(term), jitable(sum_of_others)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(x, target, y, p, alpha, gamma):
        R, C = p.shape
        for r in prange(R):
            largest = logit(x, r, 0, C)
            for c in range(1, C):
                largest = max(largest, logit(x, r, c, C))
            total = np.float32(0)
            for c in range(C):
                p[r, c] = np.exp(logit(x, r, c, C) - largest)
                total += p[r, c]
            scale = np.float32(1) / total
            for c in range(C):
                p[r, c] *= scale
            log_total = np.log(total)
            loss = np.float32(0) * total  # a row with a NaN stays NaN, even where it has no target
            for c in range(C):
                if target[r, c] != 0:
                    weight = target[r, c] if c == 0 else alpha * target[r, c]
                    log_p = logit(x, r, c, C) - largest - log_total
                    loss += weight * term(p[r, c], sum_of_others(p, r, c), log_p, gamma)
            y[r] = loss

    return loop


@functools.cache
def backward_loop(slope, sum_of_others):
    """A compiled loop over rows: the slopes, which wait in dx, and their sum; then dx."""
    slope, sum_of_others = jitable(slope), jitable(sum_of_others)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(dy, target, p, dx, alpha, gamma):
        R, C = p.shape
        missing = C - dx.shape[1]
        for r in prange(R):
            total = np.float32(0)
            for c in range(C):
                s = np.float32(0) * p[r, c]  # a NaN stays
                if target[r, c] != 0:
                    weight = target[r, c] if c == 0 else alpha * target[r, c]
                    s = weight * slope(p[r, c], sum_of_others(p, r, c), gamma)
                if c >= missing:  # a background without a logit has no place in dx
                    dx[r, c - missing] = s
                total += s
            for c in range(missing, C):
                s = dx[r, c - missing]
                own = s * sum_of_others(p, r, c) if s != 0 else s
                dx[r, c - missing] = dy[r] * (own - p[r, c] * (total - s))

    return loop


@checked
def forward(x, target, y, p, alpha, gamma):
    """y[r] = - sum over c of weight[c] target[r,c] (1 - p[r,c])^gamma log p[r,c]."""
    loop = forward_loop(functions.logit, functions.term, functions.sum_of_others)
    loop(x, target, y, p, np.float32(alpha), np.float32(gamma))


@checked
def backward(dy, target, p, dx, alpha, gamma):
    """dx[r,k] = dy[r] (s[r,k] (1 - p[r,k]) - p[r,k] sum over c other than k of s[r,c])."""
    loop = backward_loop(functions.slope, functions.sum_of_others)
    loop(dy, target, p, dx, np.float32(alpha), np.float32(gamma))
