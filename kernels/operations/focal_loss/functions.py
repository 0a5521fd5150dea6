"""The term of the focal loss and its slope for one float32: the same lines run on a CPU core and in a GPU thread.

Source: Lin et al. (2017), eq. 5. p is a probability, q = 1 - p the sum of the others; reference.py derives both.
"""

import math

from kernels.gpu import float32


def term(p, q, log_p, gamma):
    """-q^gamma log p. Where p is likely q has the digits that log_p has lost."""
    return -(q**gamma) * (math.log1p(-q) if q < p else log_p)


def slope(p, q, gamma):
    """p times the derivative by p: q^gamma (gamma p log p / q - 1), with the limits where p or q is 0."""
    if p == float32(0):
        ratio = float32(0)
    elif q == float32(0):
        ratio = float32(-1)
    else:
        ratio = p * (math.log1p(-q) if q < p else math.log(p)) / q
    return q**gamma * (gamma * ratio - float32(1))


def logit(x, r, c, C):
    """The logit of class c of C. One logit of two classes is that of class 1: the other's is 0."""
    missing = C - x.shape[1]
    return x[r, c - missing] if c >= missing else float32(0)


def sum_of_others(p, r, c):
    """The sum of row r without value c."""
    total = float32(0)
    for k in range(p.shape[1]):
        if k != c:
            total += p[r, k]
    return total
