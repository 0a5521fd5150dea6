"""What two boxes share, for one pair of float32 boxes: the same lines run on a CPU core and in a GPU thread.

Source: Zozoulenko (2018), eq. 58. A box is a tuple (x1, y1, x2, y2).

A CPU rounds after every operation. A GPU may fuse a product and the sum it goes into, so its last bit may differ,
except where no product is rounded: on whole pixels in pictures of up to 2896 x 2896, whose areas fit into 23 bits.
"""

from kernels.gpu import float32


def corners(boxes, n):
    """Box number n of an array (N, 4)."""
    return boxes[n, 0], boxes[n, 1], boxes[n, 2], boxes[n, 3]


def overlap(a, b):
    """Intersection over union of two boxes; 0 where they share no area, a box without any among them."""
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    width = max(min(ax2, bx2) - max(ax1, bx1), float32(0))
    height = max(min(ay2, by2) - max(ay1, by1), float32(0))
    intersection = width * height
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - intersection
    return intersection / union if intersection > float32(0) else float32(0) * union  # a NaN stays


def covered(a, b):
    """The share of the area of box a that lies in box b; NaN where a has no area, or a box has a NaN."""
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    width = max(min(ax2, bx2) - max(ax1, bx1), float32(0))
    height = max(min(ay2, by2) - max(ay1, by1), float32(0))
    area = (bx2 - bx1) * (by2 - by1)
    return width * height / ((ax2 - ax1) * (ay2 - ay1)) if area == area else area  # only a NaN differs from itself
