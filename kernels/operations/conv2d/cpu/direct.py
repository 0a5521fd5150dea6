"""Convolution as one small matrix product, whose left matrix is addressed and never built.

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
- dx of very few channels scatters products; dw, whose taps are too few for classes, has its padding written out.

`multiply32` alone makes 255 GFLOP/s on one core of an AMD EPYC (Zen 5), next to the core's limit of about 260. What
lost: dx of a single channel as the sum above, with 31 of 32 lanes empty, 3.3 ms instead of the 1.0 of scattering.
"""

from numba import get_num_threads, njit, prange

from kernels.cpu.finishing import UNCHANGED
from kernels.cpu.products import kernels_last, lanes_for, lanes_last, products, scratch
from kernels.operations.conv2d.cpu.plans import plan_dw, plan_dx, plan_forward, plan_parts

FEW = 2  # up to so many input channels, dx scatters products instead of gathering them
PART = 2**20  # products, 4 MiB: of as many images at a time dx scatters them


def turned(name, source, channels, channel_step, n1, step1, n2, step2):
    """`source` lanes last, in scratch memory."""
    lanes = lanes_for(channels)
    v = scratch(name, -(-channels // lanes) * lanes * n1 * n2)
    lanes_last(v, source.reshape(-1), lanes, channels, channel_step, n1, step1, n2, step2)
    return v


def turned_kernels(w, for_dx):
    """Kernels lanes last, v[block, tap, channel read, channel written], in scratch memory."""
    C_out, C, kh, kw = w.shape
    (channels, channel_step), (depth, depth_step) = (C_out, C * kh * kw), (C, kh * kw)
    if for_dx:
        (channels, channel_step), (depth, depth_step) = (depth, depth_step), (channels, channel_step)
    if kh * kw == 1:  # what stands side by side is then no tap
        return turned("w", w, channels, channel_step, 1, 0, depth, depth_step)
    lanes = lanes_for(channels)
    v = scratch("w", -(-channels // lanes) * lanes * depth * kh * kw)
    kernels_last(v, w.reshape(-1), lanes, channels, channel_step, depth, depth_step, kh * kw)
    return v


def turned_deltas(dy):
    """dy lanes last, as dx and dw read it."""
    R, C_out, H_out, W_out = dy.shape
    return turned("dy", dy, C_out, H_out * W_out, R, C_out * H_out * W_out, H_out * W_out, 1)


def forward(x, w, finish, y, stride, padding):
    threads = get_num_threads()
    plan = plan_forward(threads, x.shape, w.shape, y.shape, tuple(stride), tuple(padding))
    products(y.reshape(-1), x.reshape(-1), turned_kernels(w, for_dx=False), finish, threads, plan)


def delta_x(dy, dy_shape, w, dx, stride, padding):
    """dx of `turned_deltas`."""
    if w.shape[1] <= FEW:
        return _delta_x_of_few(dy, dy_shape, w, dx, stride, padding)
    threads = get_num_threads()
    plan = plan_dx(threads, dy_shape, w.shape, dx.shape, tuple(stride), tuple(padding))
    products(dx.reshape(-1), dy, turned_kernels(w, for_dx=True), UNCHANGED, threads, plan)


def _delta_x_of_few(dy, dy_shape, w, dx, stride, padding):
    """Few input channels would leave most lanes empty: let the lanes be channels and taps, and scatter their sums."""
    (R, C_out, H_out, W_out), (_, C, kh, kw) = dy_shape, w.shape
    threads, taps, image = get_num_threads(), C * kh * kw, H_out * W_out * lanes_for(C_out)
    v = turned("w", w, taps, 1, 1, 0, C_out, taps)
    images = min(R, max(1, PART // (H_out * W_out * taps)))
    for r in range(0, R, images):
        part = dx[r : r + images]
        parts = scratch("parts", len(part) * H_out * W_out * taps)
        plan = plan_parts(threads, dy_shape, w.shape, len(part))
        products(parts, dy[r * image :], v, UNCHANGED, threads, plan)
        scatter(parts, part, H_out, W_out, kh, kw, tuple(stride), tuple(padding))


def delta_w(dy, dy_shape, x, dw, stride, padding):
    """dw of `turned_deltas`."""
    if any(padding):  # taps, unlike pixels, are too few for classes of their own
        x = _padded(x, *padding)
    threads = get_num_threads()
    plan = plan_dw(threads, x.shape, dw.shape, dy_shape, tuple(stride))
    products(dw.reshape(-1), x.reshape(-1), dy, UNCHANGED, threads, plan)


def _padded(x, ph, pw):
    R, C, H, W = x.shape
    out = scratch("x", R * C * (H + 2 * ph) * (W + 2 * pw)).reshape(R, C, H + 2 * ph, W + 2 * pw)
    pad(x, out, ph, pw)
    return out


@njit(parallel=True, cache=True)
def scatter(parts, dx, H_out, W_out, kh, kw, stride, padding):
    """dx = sum of the parts sent to each pixel; one thread per image and channel, so that no two add to one pixel."""
    R, C, H, W = dx.shape
    (sh, sw), (ph, pw) = stride, padding
    for job in prange(R * C):
        plane = dx[job // C, job % C]
        plane[:] = 0
        for h in range(H_out):
            for w in range(W_out):
                at = (((job // C * H_out + h) * W_out + w) * C + job % C) * kh * kw
                for j in range(max(0, ph - h * sh), min(kh, H + ph - h * sh)):
                    for i in range(max(0, pw - w * sw), min(kw, W + pw - w * sw)):
                        plane[h * sh + j - ph, w * sw + i - pw] += parts[at + j * kw + i]


@njit(parallel=True, cache=True)
def pad(x, out, ph, pw):
    R, C, H, W = x.shape
    for job in prange(R * C):
        plane = out[job // C, job % C]
        plane[:] = 0
        plane[ph : ph + H, pw : pw + W] = x[job // C, job % C]
