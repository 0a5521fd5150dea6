"""Convolution on the CPU: one small matrix product, whose left matrix is addressed and never built.

Source: Zozoulenko (2018), eq. 20-28, with the stride put right (docs/errata.md).
x (R, C, H, W), w (C', C, kh, kw), b (C',) -> y (R, C', H', W'), H' = (H - kh + 2*ph)//sh + 1; float32, C-contiguous.

Forward, dx and dw are all the same sum, over different things; lanes last is channels last, in blocks of lanes:

    out[m, l] = sum over t of a[row(m) + column(t)] * v[t, l]

            m: rows of the product    t: what is summed over      l: lanes            a        v
    y       output pixels (r,h',w')   taps (j,i) and channels c   output channels c'  x        w, lanes last
    dx      input pixels (r,h,w)      taps (j,i) and channels c'  input channels c    dy       w, lanes last
    dw      taps (c,j,i)              output pixels (r,h',w')     output channels c'  x        dy, lanes last

Its left matrix is what im2col writes out in full. But the address of an entry is a sum, one part that depends on the
row and one that depends on the column, so two short tables of offsets replace kh*kw copies of the image. The product
itself is that of kernels/cpu/products.py, which linear uses too. What is left:

- Pixels near a border see fewer taps. Pixels that see the same taps form a class (plans.py), and each class is a
  product of its own: no zeros are stored and none are multiplied. It also turns a stride in dx into plain offsets.
- dx of few channels scatters products; dw, whose taps are too few for classes, has its padding written out (loops.py).

Measured on two cores of an AMD EPYC (Zen 5): the six convolutions of cnn6, batch 50, forward and backward, in 20 ms,
PyTorch 2.13 (oneDNN) in 21 to 31 ms; `multiply32` alone 255 GFLOP/s on one core, next to the core's limit of about
260. What lost: dx of a single channel as the sum above, with 31 of 32 lanes empty, 3.3 ms instead of the 1.0 of
`_backward_few`; fresh memory in each backward pass for 256 channels of 64 x 64, batch 16: dx in 58 ms of one core
instead of 26.
"""

from numba import get_num_threads

from kernels.cpu.checked import checked
from kernels.cpu.products import NO_BIAS, lanes_for, lanes_last, products, scratch
from kernels.operations.conv2d.cpu.loops import pad, scatter, sum_pixels
from kernels.operations.conv2d.cpu.plans import plan_dw, plan_dx, plan_forward, plan_parts

FEW = 8  # up to so many input channels, dx scatters products instead of gathering them
PART = 2**23  # products, 32 MiB: of as many images at a time dx scatters them


def _padded(x, ph, pw):
    R, C, H, W = x.shape
    out = scratch("x", R * C * (H + 2 * ph) * (W + 2 * pw)).reshape(R, C, H + 2 * ph, W + 2 * pw)
    pad(x, out, ph, pw)
    return out


def _turned(name, source, channels, channel_step, n1, step1, n2, step2):
    """`source` lanes last, in scratch memory."""
    lanes = lanes_for(channels)
    v = scratch(name, -(-channels // lanes) * lanes * n1 * n2)
    lanes_last(v, source.reshape(-1), lanes, channels, channel_step, n1, step1, n2, step2)
    return v


@checked
def forward(x, w, b, y, stride, padding):
    """y[r,c',h',w'] = b[c'] + sum over c,j,i of x[r, c, h'*sh + j - ph, w'*sw + i - pw] * w[c',c,j,i]; eq. 24."""
    C_out, C, kh, kw = w.shape
    threads = get_num_threads()
    plan = plan_forward(threads, x.shape, w.shape, y.shape, tuple(stride), tuple(padding))
    v = _turned("w", w, C_out, C * kh * kw, kh * kw, 1, C, kh * kw)
    products(y.reshape(-1), x.reshape(-1), v, NO_BIAS if b is None else b, threads, plan)


@checked
def backward(dy, x, w, dx, dw, db, stride, padding):
    """The delta-errors dx (eq. 26-27), dw (eq. 28), db (Murugan, eq. 3.74), written, not added; None: not wanted."""
    R, C_out, H_out, W_out = dy.shape
    lanes, pixels, stride, padding = lanes_for(C_out), H_out * W_out, tuple(stride), tuple(padding)
    v = _turned("dy", dy, C_out, pixels, R, C_out * pixels, pixels, 1)
    if dx is not None:
        (_backward_few if dx.shape[1] <= FEW else _backward_dx)(v, dy.shape, w, dx, stride, padding)
    if dw is not None:
        if any(padding):  # taps, unlike pixels, are too few for classes of their own
            x = _padded(x, *padding)
        threads = get_num_threads()
        plan = plan_dw(threads, x.shape, w.shape, dy.shape, stride)
        products(dw.reshape(-1), x.reshape(-1), v, NO_BIAS, threads, plan)
    if db is not None:
        sum_pixels(v, lanes, R, db)


def _backward_dx(dy, dy_shape, w, dx, stride, padding):
    C_out, C, kh, kw = w.shape
    threads = get_num_threads()
    plan = plan_dx(threads, dy_shape, w.shape, dx.shape, stride, padding)
    v = _turned("w", w, C, kh * kw, kh * kw, 1, C_out, C * kh * kw)
    products(dx.reshape(-1), dy, v, NO_BIAS, threads, plan)


def _backward_few(dy, dy_shape, w, dx, stride, padding):
    """Few input channels would leave most lanes empty: let the lanes be channels and taps, and scatter their sums."""
    (R, C_out, H_out, W_out), (_, C, kh, kw) = dy_shape, w.shape
    threads, taps, image = get_num_threads(), C * kh * kw, H_out * W_out * lanes_for(C_out)
    v = _turned("w", w, taps, 1, 1, 0, C_out, taps)
    images = min(R, max(1, PART // (H_out * W_out * taps)))
    for r in range(0, R, images):
        part = dx[r : r + images]
        parts = scratch("parts", len(part) * H_out * W_out * taps)
        plan = plan_parts(threads, dy_shape, w.shape, len(part))
        products(parts, dy[r * image :], v, NO_BIAS, threads, plan)
        scatter(parts, part, H_out, W_out, kh, kw, stride, padding)
