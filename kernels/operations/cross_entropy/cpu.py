"""Cross entropy on CPU cores, with the loops of kernels/operations/loss. Source: Zozoulenko (2018), eq. 56-57.

Shapes as in reference.py.
"""

import numpy as np

from kernels.cpu.checked import checked
from kernels.operations.cross_entropy.functions import cross_entropy, cross_entropy_slope
from kernels.operations.loss.cpu import backward_loop, forward_loop

ONE = np.float32(1)


@checked
def forward(p, target, y):
    """y[r] = - sum over c of target[r,c] log p[r,c]."""
    forward_loop(cross_entropy)(p, target, y, ONE)


@checked
def backward(dy, p, target, dp):
    """dp[r,c] = - dy[r] target[r,c] / p[r,c]."""
    backward_loop(cross_entropy_slope)(dy, p, target, dp, ONE)
