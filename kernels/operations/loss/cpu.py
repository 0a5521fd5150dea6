"""Losses on CPU cores: each core takes whole rows. Source: Murugan (2017), eq. 2.4-2.9 and 2.14.

Shapes as in reference.py. Sums are float64 and run from left to right.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.loss.functions import FUNCTIONS, share


@functools.cache
def forward_loop(term):
    """A compiled loop: y[r] = share times the sum of term(p[r, i], target[r, i])."""
    term = jitable(term)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(p, target, y, share):
        R, N = p.shape
        for r in prange(R):
            total = 0.0
            for i in range(N):
                total += term(p[r, i], target[r, i])
            y[r] = total * share

    return loop


@functools.cache
def backward_loop(slope):
    """A compiled loop: dp[r, i] = dy[r] share slope(p[r, i], target[r, i])."""
    slope = jitable(slope)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(dy, p, target, dp, share):
        R, N = p.shape
        for r in prange(R):
            for i in range(N):
                dp[r, i] = dy[r] * share * slope(p[r, i], target[r, i])

    return loop


@checked
def forward(prediction, target, y, function):
    """y[r] = mean, or sum, over i of the term of prediction[r,i] and target[r,i]."""
    term, _ = FUNCTIONS[function]
    forward_loop(term)(prediction, target, y, np.float32(share(function, prediction.shape[1])))


@checked
def backward(dy, prediction, target, dprediction, function):
    """dprediction[r,i] = dy[r] times the slope of its term, times 1 / N for a mean."""
    _, slope = FUNCTIONS[function]
    share_of_one = np.float32(share(function, prediction.shape[1]))
    backward_loop(slope)(dy, prediction, target, dprediction, share_of_one)
