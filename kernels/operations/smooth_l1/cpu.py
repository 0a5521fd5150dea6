"""Smooth L1 loss on CPU cores: each core takes whole rows. Source: Zozoulenko (2018), eq. 59.

Shapes as in reference.py. Most anchors have no weight, and their rows are not even read.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.smooth_l1 import functions


@functools.cache
def forward_loop(term):
    """A compiled loop: y[r] = weight[r] times the sum of term(prediction[r, i] - target[r, i])."""
    term = jitable(term)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(prediction, target, weight, y, beta):
        R, N = prediction.shape
        for r in prange(R):
            total = np.float32(0)
            if weight[r] != 0:
                for i in range(N):
                    total += term(prediction[r, i] - target[r, i], beta)
                total *= weight[r]
            y[r] = total

    return loop


@functools.cache
def backward_loop(slope):
    """A compiled loop: dprediction[r, i] = dy[r] weight[r] slope(prediction[r, i] - target[r, i])."""
    slope = jitable(slope)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(dy, prediction, target, weight, dprediction, beta):
        R, N = prediction.shape
        for r in prange(R):
            if weight[r] == 0:
                dprediction[r] = 0
            else:
                for i in range(N):
                    dprediction[r, i] = dy[r] * weight[r] * slope(prediction[r, i] - target[r, i], beta)

    return loop


@checked
def forward(prediction, target, weight, y, beta):
    """y[r] = weight[r] sum over i of L(prediction[r,i] - target[r,i])."""
    forward_loop(functions.term)(prediction, target, weight, y, np.float32(beta))


@checked
def backward(dy, prediction, target, weight, dprediction, beta):
    """dprediction[r,i] = dy[r] weight[r] L'(prediction[r,i] - target[r,i])."""
    backward_loop(functions.slope)(dy, prediction, target, weight, dprediction, np.float32(beta))
