"""Intersection over union of every box with every other: Zozoulenko (2018), eq. 58."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def iou(a, b, y):
    """One thread per pair of boxes: box m of a, box n of b."""
    M, N = y.shape
    i = cuda.grid(1)
    if i < M * N:
        m, n = i // N, i % N
        ax1, ay1, ax2, ay2 = a[m, 0], a[m, 1], a[m, 2], a[m, 3]
        bx1, by1, bx2, by2 = b[n, 0], b[n, 1], b[n, 2], b[n, 3]
        width = max(min(ax2, bx2) - max(ax1, bx1), float32(0))
        height = max(min(ay2, by2) - max(ay1, by1), float32(0))
        shared = width * height
        covered = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
        if shared > float32(0):
            y[m, n] = shared / covered
        else:
            y[m, n] = float32(0)


def launches(a, b, y):
    """a (M, 4), b (N, 4), y (M, N)."""
    return [iou[-(-y.size // BLOCK), BLOCK](a, b, y)]
