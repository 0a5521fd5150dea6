"""What softmax, alone and with cross entropy, shares on a GPU: rows that are taken four values at a time."""

import math

import numpy as np

from kernels.gpu import device, float32
from kernels.gpu.reduce import WARP
from kernels.gpu.vectors import FOUR, in_fours

LOG2_E = math.log2(math.e)


@device
def exponential(distance):
    """e ** distance as a power of two, which is one instruction where math.exp is nine.

    distance * log2(e) is rounded to 24 bits, and so the result has a few less than that where the distance is long: but
    then it is next to nothing beside e ** 0, which the largest value of a row has.
    """
    return math.exp2(distance * float32(LOG2_E))


def rows_in_fours(x, *others):
    """(rows, groups of a row) of x (R, C) for a kernel that takes groups of four; None where rows are not whole."""
    R, C = x.shape
    return (np.uint32(R), np.uint32(C // FOUR)) if C % FOUR == 0 and in_fours(x, *others) else None


def groups_each(groups):
    """How many groups of a row a lane can take at a turn, so that no lane ever has fewer."""
    return max(each for each in (1, 2, 4) if each == 1 or groups % (each * WARP) == 0)
