"""Convolution of your own in the place of this project's: Zozoulenko (2018), eq. 22-28."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung

BLOCK = 64


@kernel
def conv_forward(x, w, b, y, stride_h, stride_w, pad_h, pad_w):
    """One thread per output y[r, d, h_out, w_out]: its window of x, times the weights of channel d, and a bias."""
    ...  # as in `channels`


@kernel
def conv_dx(dy, w, dx, stride_h, stride_w, pad_h, pad_w):
    """One thread per input dx[r, c, row, column]: it collects from the outputs whose windows it stood in."""
    ...  # as in `conv_dx_stride`


@kernel
def conv_dw(dy, x, dw, stride_h, stride_w, pad_h, pad_w):
    """One thread per weight dw[d, c, j, i]: over all examples and places, what it weighed times what came of it."""
    ...  # as in `conv_dw`, with stride and padding


@kernel
def conv_db(dy, db):
    """One thread per bias: the sum of the delta-errors of its channel."""
    ...  # as in `conv_db`


def blocks(array):
    """Enough for a thread for each element."""
    return -(-array.size // BLOCK)


@rung
def forward(x, w, b, y, stride, padding):
    return [conv_forward[blocks(y), BLOCK](x, w, b, y, *stride, *padding)]


@rung
def dx(dy, w, dx, stride, padding):
    return [conv_dx[blocks(dx), BLOCK](dy, w, dx, *stride, *padding)]


@rung
def dw(dy, x, dw, stride, padding):
    return [conv_dw[blocks(dw), BLOCK](dy, x, dw, *stride, *padding)]


@rung
def db(dy, db):
    return [conv_db[blocks(db), BLOCK](dy, db)]


# What is not wanted is not computed: of the first layer nobody wants dx.
backward = Ladder("dx", dx, writes="dx") + Ladder("dw", dw, writes="dw") + Ladder("db", db, writes="db")
