"""The last rungs of forward, dx and dw: the products of gemm.py, where a load only adds up where its value stands.

In all three a place in memory is a sum: what the pixel adds, an output's or an input's, and what the weight (c, j, i)
adds. Which weights would meet the padding at a pixel is a word for each (see kernels/gpu/placed.py): the pixel has bit
j if weights of row j do, and bit KERNEL[0] + i if those of column i do; a weight has the bits of its row and column.
"""

import math

from kernels.gpu import device, rung
from kernels.gpu.index import split
from kernels.gpu.placed import placed
from kernels.operations.conv2d.cuda.gemm import (
    GPU_BLOCKS,
    TINY_WIDE,
    WIDE,
    dw_4,
    dx_4,
    forward_5,
    in_parts,
    into_dx,
    into_part,
    into_y,
    phase_of,
    phases,
    through_image,
    through_phase,
)

BITS = 31  # of a word, for the rows and columns of a kernel


def fits(kernel):
    """Whether a word has a bit for each row and column of a kernel."""
    return sum(kernel) <= BITS


@device
def bits_of(j, i, KERNEL):
    """The word of a weight."""
    return 1 << j | 1 << KERNEL[0] + i


@device
def outside(image, row, column, TURN, KERNEL):
    """The word of a pixel that meets row + TURN * j through weights of row j, and columns likewise."""
    word = 0
    for j in range(KERNEL[0]):
        if not 0 <= row + TURN * j < image.shape[2]:
            word |= 1 << j
    for i in range(KERNEL[1]):
        if not 0 <= column + TURN * i < image.shape[3]:
            word |= 1 << KERNEL[0] + i
    return word


# The two parts of a place in x: the weight, and the output whose window it is.


@device
def weight_in_x(x, index, *, KERNEL=(3, 3)):
    c, j, i = split(index, KERNEL[0], KERNEL[1])
    return (c * x.shape[2] + j) * x.shape[3] + i, bits_of(j, i, KERNEL)


@device
def output_in_x(x, y, index, *, KERNEL=(3, 3), STRIDE=(1, 1), PADDING=(0, 0)):
    """A place that may be negative in the padding: unsigned, it is right again once that of a weight is added."""
    r, h_out, w_out = split(index, y.shape[2], y.shape[3])
    row, column = h_out * STRIDE[0] - PADDING[0], w_out * STRIDE[1] - PADDING[1]
    place = (r * x.shape[1] * x.shape[2] + row) * x.shape[3] + column
    return place, outside(x, row, column, 1, KERNEL)


# forward: y[c', (r, h', w')] = sum over (c, j, i)


@device
def row_of_forward(w, c_out):
    return c_out * w.shape[1] * w.shape[2] * w.shape[3]


@device
def term_of_forward(w, x, k, *, WEIGHT=weight_in_x):
    place, word = WEIGHT(x, k)
    return k, place, word


@rung(registers=88, tiny={"TILES": TINY_WIDE})
def forward_6(x, w, b, y, stride, padding, *, TILES=WIDE):
    """Places as sums: what does not change from tile to tile is worked out before, and the rest once for a block.

    By the x-ray: 1.8 times fewer instructions.
    """
    KERNEL = w.shape[2:]
    if not fits(KERNEL):
        return forward_5(x, w, b, y, stride, padding, TILES=TILES)
    size = (y.shape[1], y.shape[0] * math.prod(y.shape[2:]), math.prod(w.shape[1:]))
    functions = {
        "ROW": row_of_forward,
        "COLUMN": output_in_x(KERNEL=KERNEL, STRIDE=stride, PADDING=padding),
        "TERM": term_of_forward(WEIGHT=weight_in_x(KERNEL=KERNEL)),
        "UNRAVEL_N": through_image,
        "STORE": into_y(BIAS=b is not None),
    }
    return [placed(w, x, b, y, size, TILES, INSIDE=not any(padding), **functions)]


# One phase of dx: dx[c, (r, h, w)] = sum over (c', j, i)


@device
def row_of_dx(w, c):
    return c * w.shape[2] * w.shape[3]


@device
def input_in_dy(dy, dx, index, *, KERNEL=(3, 3), SHIFT=(0, 0), THROUGH=through_phase):
    r, row, column = THROUGH(dx, index)
    row, column = row + SHIFT[0], column + SHIFT[1]
    place = (r * dy.shape[1] * dy.shape[2] + row) * dy.shape[3] + column
    return place, outside(dy, row, column, -1, KERNEL)


@device
def term_of_dx(w, dy, k, *, KERNEL=(3, 3), STRIDE=(1, 1), FIRST=(0, 0)):
    c_out, j, i = split(k, KERNEL[0], KERNEL[1])
    row, column = FIRST[0] + j * STRIDE[0], FIRST[1] + i * STRIDE[1]
    in_w = (c_out * w.shape[1] * w.shape[2] + row) * w.shape[3] + column
    in_dy = (c_out * dy.shape[2] - j) * dy.shape[3] - i
    return in_w, in_dy, bits_of(j, i, KERNEL)


def placed_phase(dy, w, dx, stride, padding, phase, tiles):
    """The launch for one phase of dx."""
    size, first, kernel, shift, pixels = phase_of(w, dx, stride, padding, phase)
    through = through_phase(STRIDE=stride, PHASE=phase)
    functions = {
        "ROW": row_of_dx,
        "COLUMN": input_in_dy(KERNEL=kernel, SHIFT=shift, THROUGH=through),
        "TERM": term_of_dx(KERNEL=kernel, STRIDE=stride, FIRST=first),
        "UNRAVEL_N": through,
        "STORE": into_dx(STRIDE=stride, PHASE=phase),
    }
    inside = all(k <= s + 1 and n + s <= h for k, s, n, h in zip(kernel, shift, pixels, dy.shape[2:], strict=True))
    return placed(w, dy, None, dx, size, tiles, INSIDE=inside, **functions)


@rung(registers=96, tiny={"TILES": TINY_WIDE})
def dx_5(dy, w, dx, stride, padding, *, TILES=WIDE):
    """Places as sums, and whether a weight meets an output as a bit, asked for once for all channels.

    By the x-ray: 1.8 times fewer instructions, for 1.1 times more turns and 1.1 times more predicted time.
    """
    if not fits(w.shape[2:]):
        return dx_4(dy, w, dx, stride, padding, TILES=TILES)
    return [placed_phase(dy, w, dx, stride, padding, phase, TILES) for phase in phases(dx, stride)]


# dw: dw[c', (c, j, i)] = sum over (r, h', w')


@device
def row_of_dw(dy, c_out):
    return c_out * dy.shape[2] * dy.shape[3]


@device
def column_of_dw(x, parts, n, *, WEIGHT=weight_in_x):
    return WEIGHT(x, n)


@device
def term_of_dw(dy, x, k, *, OUTPUT=output_in_x):
    r, h_out, w_out = split(k, dy.shape[2], dy.shape[3])
    in_dy = (r * dy.shape[1] * dy.shape[2] + h_out) * dy.shape[3] + w_out
    in_x, word = OUTPUT(x, dy, k)
    return in_dy, in_x, word


@rung(registers=120, tiny={"TILES": TINY_WIDE, "BLOCKS": 7})
def dw_5(dy, x, dw, stride, padding, *, TILES=WIDE, BLOCKS=GPU_BLOCKS):
    """Places as sums: outputs are taken apart once for a block, and not by each thread.

    By the x-ray: 1.5 times fewer instructions, for 1.1 times more turns and 1.1 times more predicted time.
    """
    KERNEL = dw.shape[2:]
    if not fits(KERNEL):
        return dw_4(dy, x, dw, stride, padding, TILES=TILES, BLOCKS=BLOCKS)
    functions = {
        "ROW": row_of_dw,
        "COLUMN": column_of_dw(WEIGHT=weight_in_x(KERNEL=KERNEL)),
        "TERM": term_of_dw(OUTPUT=output_in_x(KERNEL=KERNEL, STRIDE=stride, PADDING=padding)),
        "RIGHT_ALONG_K": True,
        "STORE": into_part,
    }

    def product(parts, size, length):
        return placed(dy, x, None, parts, size, TILES, length, INSIDE=not any(padding), **functions)

    return in_parts(product, dy, dw, TILES, BLOCKS)
