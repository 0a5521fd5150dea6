import numpy as np

from lessons.judging import Mistake, Write


def boxes(draw, count):
    """Corners in whole pixels; some boxes are no more than a line or a point."""
    corner = draw.uniform(0, 9, count, 2).round()
    return np.hstack([corner, corner + draw.uniform(-0.5, 6, count, 2).round()])


def case(draw):
    a, b = boxes(draw, draw.size(2, 5)), boxes(draw, draw.size(2, 7))
    b[0] = a[0]
    a[1, 2:] = a[1, :2]  # two points, whose union is nothing
    b[1] = a[1]
    return {"a": a, "b": b}


def expected(a, b):
    a, b = a[:, np.newaxis], b[np.newaxis]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(sides, 0).prod(axis=2)
    covered = (a[..., 2:] - a[..., :2]).prod(axis=2) + (b[..., 2:] - b[..., :2]).prod(axis=2) - shared
    return {"y": np.where(shared > 0, shared / np.maximum(covered, 1), 0)}


LINES = """\
        width = max(min(ax2, bx2) - max(ax1, bx1), float32(0))
        height = max(min(ay2, by2) - max(ay1, by1), float32(0))
        shared = width * height
        covered = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
        if shared > float32(0):
"""

judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            """        width = max(min(ax2, bx2) - max(ax1, bx1), float32(0))
        height = max(min(ay2, by2) - max(ay1, by1), float32(0))
""",
            """        width = min(ax2, bx2) - max(ax1, bx1)
        height = min(ay2, by2) - max(ay1, by1)
""",
            "Boxes that lie apart in both directions have a negative width and a negative height, whose product is "
            "positive.",
        ),
        Mistake(
            "+ (bx2 - bx1) * (by2 - by1) - shared",
            "+ (bx2 - bx1) * (by2 - by1)",
            "The two areas together count what is shared twice; the union has it once.",
        ),
        Mistake(
            "        if shared > float32(0):\n            y[m, n] = shared / covered\n        else:\n"
            "            y[m, n] = float32(0)\n",
            "        y[m, n] = shared / covered\n",
            "Two boxes without an area have a union of 0, and 0 / 0 is no number: their IoU is 0.",
        ),
        Mistake(
            LINES,
            """\
        width = min(ax2, bx2) - max(ax1, bx1)
        height = min(ay2, by2) - max(ay1, by1)
        shared = width * height
        covered = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
        if covered > float32(0):
""",
            "Boxes that lie apart have a negative width or a negative height; apart both ways they have both, and the "
            "product is positive.",
        ),
        Mistake(
            LINES,
            """\
        width = max(min(ax2, bx2) - max(ax1, bx1) + float32(1), float32(0))
        height = max(min(ay2, by2) - max(ay1, by1) + float32(1), float32(0))
        shared = width * height
        areas = (ax2 - ax1 + float32(1)) * (ay2 - ay1 + float32(1))
        areas += (bx2 - bx1 + float32(1)) * (by2 - by1 + float32(1))
        covered = areas - shared
        if shared > float32(0):
""",
            "These are coordinates, not pixel numbers: a box from 2 to 5 is 3 wide, and not 4.",
        ),
    ],
)
