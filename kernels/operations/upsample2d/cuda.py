"""Upsampling on a GPU, two rungs each way. Source: Lin et al. (2017), Feature Pyramid Networks.

Shapes as in reference.py. Backward gathers: each input value looks up the outputs that took it. Scattering would need
atomics, and their order changes from run to run. Positions are integers, in units of 1 / (2 H') of a row, so that
forward and backward never disagree about who took what.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per output
               2   four values at once, where each is copied as often
    backward   1   one thread per input value, gathering
               2   four values at once, where each was copied as often
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung
from kernels.gpu.index import unravel
from kernels.operations.windows import side_by_side, spread_windows, sum_windows

BLOCK = 256


@device
def first_copy(h, H, H_out):
    """The first output row that copies row h: the smallest h' with h' H / H' >= h. That of h + 1 is past the last."""
    return (h * H_out + H - 1) // H


@device
def position(h_out, H, H_out):
    """Where output row h' lies, 2 H' times (h' + 1/2) H / H' - 1/2, but not above the first row."""
    return max((2 * h_out + 1) * H - H_out, 0)


@device
def first_taker(h, H, H_out):
    """The first output row that lies below row h - 1."""
    return max((2 * H_out * h - H_out - H) // (2 * H) + 1, 0)


@device
def last_taker(h, H, H_out):
    """The last output row that lies above row h + 1."""
    return min((2 * H_out * h + 3 * H_out - H - 1) // (2 * H), H_out - 1)


@device
def share_below(h_out, H, H_out):
    """Of the two rows between which output row h' lies, the share of the lower one."""
    return float32(position(h_out, H, H_out) % (2 * H_out)) / float32(2 * H_out)


@device
def share_of(h, h_out, H, H_out):
    """What output row h' takes of row h, one of the two between which it lies. Both are the last row at the end."""
    above = position(h_out, H, H_out) // (2 * H_out)
    below = share_below(h_out, H, H_out)
    share = float32(0)
    if h == above:
        share += float32(1) - below
    if h == min(above + 1, H - 1):
        share += below
    return share


@kernel
def forward_nearest(x, y, *, BLOCK=BLOCK):
    """One thread per output: it copies its value."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        H_out, W_out = y.shape[2], y.shape[3]
        r, c, h_out, w_out = unravel(n, y.shape[1], H_out, W_out)
        y[r, c, h_out, w_out] = x[r, c, h_out * x.shape[2] // H_out, w_out * x.shape[3] // W_out]


@kernel
def backward_nearest(dy, dx, *, BLOCK=BLOCK):
    """One thread per input value: it adds up the delta-errors of its copies, a rectangle, in row-major order."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        H, W, H_out, W_out = dx.shape[2], dx.shape[3], dy.shape[2], dy.shape[3]
        r, c, h, w = unravel(n, dx.shape[1], H, W)
        total = float32(0)
        for h_out in range(first_copy(h, H, H_out), first_copy(h + 1, H, H_out)):
            for w_out in range(first_copy(w, W, W_out), first_copy(w + 1, W, W_out)):
                total += dy[r, c, h_out, w_out]
        dx[r, c, h, w] = total


@kernel
def forward_bilinear(x, y, *, BLOCK=BLOCK):
    """One thread per output: the means of the values left and right, above and below; then the mean of these two."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        H, W, H_out, W_out = x.shape[2], x.shape[3], y.shape[2], y.shape[3]
        r, c, h_out, w_out = unravel(n, y.shape[1], H_out, W_out)
        up, left = position(h_out, H, H_out) // (2 * H_out), position(w_out, W, W_out) // (2 * W_out)
        down, right = min(up + 1, H - 1), min(left + 1, W - 1)
        below, beside = share_below(h_out, H, H_out), share_below(w_out, W, W_out)
        mean_up = (float32(1) - beside) * x[r, c, up, left] + beside * x[r, c, up, right]
        mean_down = (float32(1) - beside) * x[r, c, down, left] + beside * x[r, c, down, right]
        y[r, c, h_out, w_out] = (float32(1) - below) * mean_up + below * mean_down


@kernel
def backward_bilinear(dy, dx, *, BLOCK=BLOCK):
    """One thread per input value: it adds up its shares of the delta-errors around it, in row-major order."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        H, W, H_out, W_out = dx.shape[2], dx.shape[3], dy.shape[2], dy.shape[3]
        r, c, h, w = unravel(n, dx.shape[1], H, W)
        total = float32(0)
        for h_out in range(first_taker(h, H, H_out), last_taker(h, H, H_out) + 1):
            row = float32(0)
            for w_out in range(first_taker(w, W, W_out), last_taker(w, W, W_out) + 1):
                row += share_of(w, w_out, W, W_out) * dy[r, c, h_out, w_out]
            total += share_of(h, h_out, H, H_out) * row
        dx[r, c, h, w] = total


FORWARD = {"nearest": forward_nearest, "bilinear": forward_bilinear}
BACKWARD = {"nearest": backward_nearest, "bilinear": backward_bilinear}


@rung(registers=40, tiny={"BLOCK": 8})
def forward_1(x, y, mode, *, BLOCK=BLOCK):
    """One thread per output."""
    return [FORWARD[mode](BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y)]


@rung(registers=64, tiny={"BLOCK": 8})
def backward_1(dy, dx, mode, *, BLOCK=BLOCK):
    """One thread per input value, gathering: no atomics, so runs repeat bit for bit."""
    return [BACKWARD[mode](BLOCK=BLOCK)[math.ceil(dx.size / BLOCK), BLOCK](dy, dx)]


def copies(large, small, mode):
    """(rows, columns) of the copies of each value if these are equally many, and what the kernels are told; or None."""
    window = tuple(n // m for n, m in zip(large.shape[2:], small.shape[2:], strict=True))
    sizes = side_by_side(large, small, window) if mode == "nearest" and min(window) else None
    return sizes and (window, sizes)


@rung(registers=40, tiny={"BLOCK": 8})
def forward_2(x, y, mode, *, BLOCK=BLOCK):
    """Four values at once, each copied into its rectangle of the output, 16 bytes at a time.

    By the x-ray: 95 times fewer instructions, for 1.5 times more sectors and 1.1 times more turns.

    Where values are not all copied equally often, or rows are no whole fours, rung 1 remains.
    """
    if not (found := copies(y, x, mode)):
        return forward_1(x, y, mode, BLOCK=BLOCK)
    window, sizes = found
    fours = spread_windows(WINDOW=window, BLOCK=BLOCK)
    return [fours[math.ceil(sizes[0] / BLOCK), BLOCK](x.reshape(-1), y.reshape(-1), *sizes)]


@rung(registers=64, tiny={"BLOCK": 8})
def backward_2(dy, dx, mode, *, BLOCK=BLOCK):
    """Four values at once, whose rectangles of delta-errors are read 16 bytes at a time.

    By the x-ray: 33 times fewer instructions, for 1.8 times more flops.

    Where values were not all copied equally often, or rows are no whole fours, rung 1 remains.
    """
    if not (found := copies(dy, dx, mode)):
        return backward_1(dy, dx, mode, BLOCK=BLOCK)
    window, sizes = found
    fours = sum_windows(WINDOW=window, BLOCK=BLOCK)
    return [fours[math.ceil(sizes[0] / BLOCK), BLOCK](dy.reshape(-1), dx.reshape(-1), *sizes)]


forward = Ladder("forward", forward_1, forward_2)
backward = Ladder("backward", backward_1, backward_2)
