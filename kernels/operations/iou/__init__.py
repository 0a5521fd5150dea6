"""Intersection over union: how much of what two boxes cover together they share."""

from kernels.operation import Operation, ShapeError, require_axes
from kernels.operations import samples


def require_boxes(name, axes, **shapes):
    """Raises ShapeError where an array does not have the axes "..., 4", the last of them 4 corners."""
    require_axes(name, axes, **shapes)
    for array, shape in shapes.items():
        if shape[-1] != 4:
            raise ShapeError(f"{name}: {array} {shape} must end with the 4 corners (x1, y1, x2, y2)")


def shapes(a, b, **_):
    """a (M, 4), b (N, 4) -> y (M, N). Raises ShapeError."""
    require_boxes("iou", "M, 4", a=a)
    require_boxes("iou", "N, 4", b=b)
    return {"y": (a[0], b[0])}


def flops(a, b, **_):
    # Of one pair: 4 inner corners, 2 sides, each at least 0, their product; two areas; union, comparison, division.
    return 19 * a[0] * b[0], 0


def case(draw):
    return {"a": (draw.choice((1, 2, 5, 17)), 4), "b": (draw.choice((1, 3, 8, 33)), 4)}


operation = Operation(
    name="iou",
    summary="How much of what two boxes cover together they share.",
    source="Zozoulenko (2018), eq. 58",
    inputs=("a", "b"),
    outputs=("y",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"a": (6400, 4), "b": (192, 4)},
    values={"a": samples.boxes, "b": samples.boxes},
)
