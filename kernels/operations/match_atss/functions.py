"""What adaptive training sample selection asks of one anchor and one face: the same lines run on a CPU core and in a
GPU thread. Source: Zhang et al. (2020), algorithm 1. A box is a tuple (x1, y1, x2, y2).
"""

from kernels.gpu import float32

# How far below its threshold an IoU may be. Where all candidates overlap a face alike, mean and threshold are that very
# IoU, and rounding must not decide: it is off by a few 1e-7.
SLACK = 1e-5


def center(box):
    """The point in the middle of a box."""
    x1, y1, x2, y2 = box
    return float32(0.5) * (x1 + x2), float32(0.5) * (y1 + y2)


def inside(point, box):
    """Whether a point lies in a box, and not on its edge."""
    x, y = point
    x1, y1, x2, y2 = box
    return x1 < x and x < x2 and y1 < y and y < y2
