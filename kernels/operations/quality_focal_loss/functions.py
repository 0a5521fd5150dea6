"""The term of quality focal loss and its slope for one float32: the same lines run on a CPU core and in a GPU thread.

Source: Li et al. (2020), Generalized Focal Loss, eq. 2. x is a logit, q the quality that its sigmoid has to predict;
reference.py derives both, and why they are those of -x and 1 - q where x is above 0.
"""

import math

from kernels.gpu import float32


def term(x, q, beta):
    """|s - q|^beta times the cross entropy."""
    if x > float32(0):
        q = float32(1) - q
    e = math.exp(-abs(x))
    entropy = math.log1p(e) + (q * abs(x) if q != float32(0) else float32(0))
    return abs(e / (float32(1) + e) - q) ** beta * entropy


def slope(x, q, beta):
    """The derivative by x: |s - q|^beta (beta s (1 - s) times the cross entropy / (s - q) + s - q)."""
    if x > float32(0):
        q = float32(1) - q
    e = math.exp(-abs(x))
    entropy = math.log1p(e) + (q * abs(x) if q != float32(0) else float32(0))
    s = e / (float32(1) + e)
    variance = s / (float32(1) + e)
    error = s - q
    focus = float32(0)
    if variance > float32(0) and error != float32(0):  # a NaN of x is in s, too
        focus = beta * variance * entropy / error
    d = abs(error) ** beta * (focus + error)
    return -d if x > float32(0) else d
