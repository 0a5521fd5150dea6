"""Convolution on the CPU: a ladder from the loop of its equation to Winograd's products. docs/cpu.md climbs it.

Source: Zozoulenko (2018), eq. 20-28, with the stride put right (docs/errata.md).
x (R, C, H, W), w (C', C, kh, kw), b (C',) -> y (R, C', H', W'), H' = (H - kh + 2*ph)//sh + 1; float32, C-contiguous.

loops.py       the equation, then in the order of memory, then on all cores
direct.py      one small matrix product, whose left matrix is addressed and never built: channels in the lanes
strips.py      many kernels, few pixels: kernels stay as they are, strips of neighbouring pixels in the lanes
pixels.py      few kernels: the same, of pictures as they are
winograd.py    fewer products: tiles of pixels become points, where a convolution is a product

The last three pay for some sizes only, two of them at stride 1 alone: `suits` says for which.
"""

from kernels.cpu.finishing import UNCHANGED, bias
from kernels.cpu.ladder import Ladder, rung
from kernels.cpu.vectors import LANES
from kernels.operations.conv2d.cpu import direct, pixels, strips, winograd
from kernels.operations.conv2d.cpu.loops import (
    backward_loops,
    forward_cores,
    forward_loops,
    forward_rows,
    sum_pixels,
)

FEW_PIXELS = 4  # outputs in strips, for each kernel, up to which it pays to copy pixels and not kernels
FEW = 8  # channels written, up to which pixels stand in the lanes
NARROW = 8  # pixels in a row: of fewer, too many lanes would be empty


@rung
def forward_direct(x, w, b, y, stride, padding):
    """A product of matrices, tile by tile in registers, channels in the lanes: kernels are copied to lie so."""
    direct.forward(x, w, bias(b), y, stride, padding)


def suits_strips(w, y):
    return y[0] * -(-y[2] * y[3] // LANES) * LANES <= FEW_PIXELS * w[0]


@rung(suits=suits_strips)
def forward_strips(x, w, b, y, stride, padding):
    """Many kernels and few pixels: kernels are read where they stand, and strips of pixels are copied to the lanes."""
    strips.correlate(y, x, w, bias(b), tuple(stride), tuple(padding))


def _few(channels, width, stride):
    return stride == (1, 1) and channels <= FEW and width >= NARROW


def suits_pixels(w, y, stride):
    return _few(w[0], y[3], stride)


@rung(suits=suits_pixels)
def forward_pixels(x, w, b, y, stride, padding):
    """Few channels: neighbouring pixels in the lanes, so that none is empty and nothing is turned."""
    pixels.correlate(y, x, w, bias(b), padding)


def suits_winograd(w, y, stride):
    return not suits_pixels(w, y, stride) and winograd.pays(y[0], w[1], w[0], w[2:], y[2:], stride)


@rung(suits=suits_winograd)
def forward_winograd(x, w, b, y, stride, padding):
    """Fewer products: of tiles of 6 x 6 or 8 x 8 pixels as points, 4 to 6 times fewer (Winograd; see points.py)."""
    winograd.correlate(y, x, w, bias(b), padding, turned_round=False)


forward = Ladder(
    "forward",
    forward_loops,
    forward_rows,
    forward_cores,
    forward_direct,
    forward_strips,
    forward_pixels,
    forward_winograd,
)


@rung
def backward_direct(dy, x, w, dx, dw, db, stride, padding):
    """Products of matrices, as forward: channels in the lanes, and dy turned once for dx and dw."""
    v = direct.turned_deltas(dy)
    if dx is not None:
        direct.delta_x(v, dy.shape, w, dx, stride, padding)
    if dw is not None:
        direct.delta_w(v, dy.shape, x, dw, stride, padding)
    if db is not None:
        sum_pixels(dy, db)


def _in_frame(w, padding):
    """Whether padding leaves all of dy within the frame that dx reads."""
    return all(p < k for p, k in zip(padding, w[2:], strict=True))


@rung(suits=lambda x, w, stride, padding: _few(w[1], x[3], stride) and _in_frame(w, padding))
def backward_pixels(dy, x, w, dx, dw, db, stride, padding):
    """dx of few channels with neighbouring pixels in the lanes, and kernels turned round."""
    if dx is not None:
        frame = tuple(k - 1 - p for k, p in zip(w.shape[2:], padding, strict=True))
        pixels.correlate(dx, dy, w.swapaxes(0, 1)[:, :, ::-1, ::-1], UNCHANGED, frame)
    if dw is not None:
        direct.delta_w(direct.turned_deltas(dy), dy.shape, x, dw, stride, padding)
    if db is not None:
        sum_pixels(dy, db)


def _winograd_dx(x, w, stride, padding):
    return (
        not _few(w[1], x[3], stride) and _in_frame(w, padding) and winograd.pays(x[0], w[0], w[1], w[2:], x[2:], stride)
    )


@rung(suits=_winograd_dx)
def backward_winograd_dx(dy, x, w, dx, dw, db, stride, padding):
    """dx by fewer products, with kernels turned round; dw stays as it was."""
    if dx is not None:
        _delta_x_by_winograd(dy, w, dx, padding)
    if dw is not None:
        direct.delta_w(direct.turned_deltas(dy), dy.shape, x, dw, stride, padding)
    if db is not None:
        sum_pixels(dy, db)


def _delta_x_by_winograd(dy, w, dx, padding):
    frame = tuple(k - 1 - p for k, p in zip(w.shape[2:], padding, strict=True))
    winograd.correlate(dx, dy, w, UNCHANGED, frame, turned_round=True)


@rung(
    suits=lambda dy, x, w, stride, padding: (
        _winograd_dx(x, w, stride, padding) and winograd.pays_for_weights(w[1], w[0], w[2:], dy)
    )
)
def backward_winograd(dy, x, w, dx, dw, db, stride, padding):
    """dw by fewer products, too: the points of dy and of x, summed over all tiles."""
    if dx is not None:
        _delta_x_by_winograd(dy, w, dx, padding)
    if dw is not None:
        winograd.delta_w(dy, x, dw, padding)
    if db is not None:
        sum_pixels(dy, db)


backward = Ladder("backward", backward_loops, backward_direct, backward_pixels, backward_winograd_dx, backward_winograd)
