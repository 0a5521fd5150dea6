"""Cross entropy in NumPy. Source: Zozoulenko (2018), eq. 56-57.

p (R, C) predicted probabilities, target (R, C) real ones -> y (R,); eq. 56 is the sum of y over the batch.
A class that is not in the target adds nothing, even if its probability is 0.
"""

import numpy as np

from kernels.operations.loss.reference import over, times_log


def forward(p, target, y):
    """y[r] = - sum over c of target[r,c] log p[r,c] (eq. 56)."""
    y[...] = -times_log(target, p).sum(axis=1)


def backward(dy, p, target, dp):
    """dp[r,c] = - dy[r] target[r,c] / p[r,c] (eq. 57)."""
    dp[...] = -dy[:, np.newaxis] * over(target, p)
