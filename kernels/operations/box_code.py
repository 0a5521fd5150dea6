"""What encode_boxes and decode_boxes share: the codes, what their settings may be, and how test cases draw boxes.

A code describes a box as seen from an anchor, in four offsets. Both codes treat rows and columns alike: offsets 0
and 2 belong to the axis x, offsets 1 and 3 to the axis y.
"""

import math

import numpy as np

from kernels.operation import ShapeError, require_choice

CODES = ("centers", "corners")
FASTER_RCNN = (10.0, 10.0, 5.0, 5.0)

# The logarithm of the most that a box may be larger than its anchor: a wild offset must not overflow.
LARGEST_LOG_SIZE = math.log(1000 / 16)


def require_code(name, code, weights):
    """Raises ShapeError, in the name of the operation `name`, for an unknown code or for weights that are not four."""
    require_choice(name, "code", code, CODES)
    if len(weights) != 4 or not all(0 < weight < math.inf for weight in weights):
        raise ShapeError(f"{name}: weights {tuple(weights)} must be 4 numbers above 0")


def draw_code(draw):
    """A code with weights that go with it."""
    code = draw.choice(CODES)
    weights = (
        (FASTER_RCNN, (1.0, 2.0, 0.5, 4.0)) if code == "centers" else ((1.0, 1.0, 1.0, 1.0), (0.125, 1.0, 2.0, 0.5))
    )
    return {"code": code, "weights": draw.choice(weights)}


def boxes_with_area(generator, shape):
    """Boxes of 4 to 64 pixels with integer corners: none without area, whose logarithm would be infinite."""
    corner = generator.integers(0, 257, (*shape[:-1], 2))
    return np.concatenate([corner, corner + generator.integers(4, 65, corner.shape)], axis=-1)
