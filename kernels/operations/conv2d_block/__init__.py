"""A convolution and what follows it, in one delivery: normalization by running averages and ReLU, in either order.

What a plan for looking puts in the place of two or three steps (framework/fusion.py); nobody learns through it.
"""

from kernels.operation import Operation, ShapeError, require_choice, require_shape
from kernels.operations import conv2d
from kernels.operations.samples import around_one, positive

FUNCTIONS = ("none", "relu")
ORDERS = ("normalization first", "function first")
CHANNELS = ("gamma", "beta", "running_mean", "running_var")


def shapes(x, w, b=None, stride=(1, 1), padding=(0, 0), epsilon=1e-5, function="none", order=ORDERS[0], **channels):
    """As conv2d; gamma, beta, running_mean and running_var (C',), all or none of them. Raises ShapeError."""
    try:
        made = conv2d.shapes(x, w, b, stride, padding)
    except ShapeError as error:
        raise ShapeError(str(error).replace("conv2d:", "conv2d_block:", 1)) from None
    given = {name: channels[name] for name in CHANNELS if channels.get(name) is not None}
    if given and len(given) < len(CHANNELS):
        raise ShapeError(f"conv2d_block: {', '.join(given)} alone: all of {', '.join(CHANNELS)} are needed, or none")
    require_shape("conv2d_block", (w[0],), **given)
    if not epsilon > 0:
        raise ShapeError(f"conv2d_block: epsilon {epsilon} must be above 0")
    require_choice("conv2d_block", "function", function, FUNCTIONS)
    require_choice("conv2d_block", "order", order, ORDERS)
    return made


def flops(x, w, b=None, stride=(1, 1), padding=(0, 0), **_):
    """Those of the convolution; what follows it is not counted."""
    return conv2d.flops(x, w, b, stride, padding)[0], 0


def case(draw):
    found = conv2d.case(draw)
    channels = dict.fromkeys(CHANNELS, draw.choice(((found["w"][0],), None)))
    others = {"epsilon": draw.choice((1e-5, 0.5)), "function": draw.choice(FUNCTIONS), "order": draw.choice(ORDERS)}
    return found | channels | others


operation = Operation(
    name="conv2d_block",
    summary="A convolution, normalization by running averages and ReLU in one delivery, for networks that look.",
    source="Zozoulenko (2018): conv2d, batchnorm and activation, one after the other",
    inputs=("x", "w", "b", *CHANNELS),
    outputs=("y",),
    settings={"stride": (1, 1), "padding": (0, 0), "epsilon": 1e-5, "function": "none", "order": ORDERS[0]},
    optional=("b", *CHANNELS),
    shapes=shapes,
    flops=flops,
    case=case,
    skips=lambda padding, **_: any(padding),
    typical={"x": (1, 64, 64, 64), "w": (64, 64, 3, 3), "padding": (1, 1), "function": "relu"}
    | dict.fromkeys(CHANNELS, (64,)),
    values={"running_var": positive, "gamma": around_one},
)
