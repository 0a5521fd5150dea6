"""What a product of conv2d on the CPU reads, sums and writes, as tables of offsets: made once for each shape.

Pixels near a border see fewer taps. Pixels that see the same taps form a class (`axis_classes`), and each class is a
product of its own: no zeros are stored and none are multiplied. It also turns a stride in dx into plain offsets.
"""

from functools import lru_cache

import numpy as np

from kernels.cpu.products import lanes_for, plan


def axis_classes(n, size, k, stride, pad, back):
    """Sort the positions of one axis into classes that see the same taps.

    -> order (n,) the positions, class by class; source (n,) what the first tap of each reads; start (classes + 1,)
    where each class starts; and (first, count), (classes,) each: its first tap and how many taps it has.
    """
    i = np.arange(n)
    if back:  # input i was read through tap j by output `source`, where source*stride + j - pad = i
        source = np.minimum((i + pad) // stride, size - 1)
        first = i + pad - source * stride
        count = np.minimum(source, (k - 1 - first) // stride) + 1
    else:  # output i reads through tap j the input i*stride + j - pad
        first = np.maximum(pad - i * stride, 0)
        source = i * stride + first - pad
        count = np.minimum(k, size + pad - i * stride) - first
    sees = count > 0
    first, count, source = first * sees, count * sees, source * sees
    key = first * (k + 1) + count
    order = np.argsort(key, kind="stable")
    start = np.unique(key[order], return_index=True)[1]
    return order, source[order], np.append(start, n), (first[order[start]], count[order[start]])


def stretches(h_taps, w_taps, kw, stride, a_step, depth, run, a_block):
    """One stretch of terms per tap of a class and block of `run` channels: where in a, which row of v, how many."""
    start, terms = [0], []
    for h, high in zip(*h_taps, strict=True):
        for w, wide in zip(*w_taps, strict=True):
            for j in range(high):
                for i in range(wide):
                    tap = (h + j * stride[0]) * kw + w + i * stride[1]
                    for c in range(0, depth, run):
                        a_at = j * a_step[0] + i * a_step[1] + c // run * a_block
                        terms.append((a_at, tap * depth + c, min(run, depth - c)))
            start.append(len(terms))
    return np.array(start), np.array(terms, np.int64).reshape(-1, 3)


@lru_cache(maxsize=256)
def plan_forward(threads, x_shape, w_shape, y_shape, stride, padding):
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x_shape, w_shape, y_shape
    h, h_source, h_start, h_taps = axis_classes(H_out, H, kh, stride[0], padding[0], back=False)
    w, w_source, w_start, w_taps = axis_classes(W_out, W, kw, stride[1], padding[1], back=False)
    t_start, terms = stretches(h_taps, w_taps, kw, (1, 1), (W, 1), C, C, 0)
    image, image_out = C * H * W, C_out * H_out * W_out
    return plan(threads, C_out, H_out * W_out, R, (image, image_out), h_start, (h_source * W, h * W_out),
                 w_start, (w_source, w), t_start, terms, kh * kw * C, H * W)  # fmt: skip


@lru_cache(maxsize=256)
def plan_dx(threads, dy_shape, w_shape, x_shape, stride, padding):
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x_shape, w_shape, dy_shape
    pixel = lanes_for(C_out)
    h, h_source, h_start, h_taps = axis_classes(H, H_out, kh, stride[0], padding[0], back=True)
    w, w_source, w_start, w_taps = axis_classes(W, W_out, kw, stride[1], padding[1], back=True)
    row, image = W_out * pixel, H_out * W_out * pixel
    t_start, terms = stretches(h_taps, w_taps, kw, stride, (-row, -pixel), C_out, pixel, R * image)
    return plan(threads, C, H * W, R, (image, C * H * W), h_start, (h_source * row, h * W),
                 w_start, (w_source * pixel, w), t_start, terms, kh * kw * C_out, 1)  # fmt: skip


@lru_cache(maxsize=256)
def plan_parts(threads, dy_shape, w_shape, images):
    """For `_scatter`: parts (images, H', W', C, kh, kw), what each output pixel sends to each pixel it has read."""
    (R, C_out, H_out, W_out), taps, pixel = dy_shape, int(np.prod(w_shape[1:])), lanes_for(dy_shape[1])
    pixels = np.arange(images * H_out * W_out)
    blocks = np.arange(0, C_out, pixel)
    terms = np.stack([blocks * (R * H_out * W_out), blocks, np.minimum(pixel, C_out - blocks)], axis=1)
    return plan(threads, taps, 1, 1, (0, 0), np.array([0, 1]), (np.zeros(1, int), np.zeros(1, int)),
                 np.array([0, len(pixels)]), (pixels * pixel, pixels * taps),
                 np.array([0, len(terms)]), terms, C_out, 1)  # fmt: skip


@lru_cache(maxsize=256)
def plan_dw(threads, x_shape, w_shape, dy_shape, stride):
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x_shape, w_shape, dy_shape
    r, h = np.divmod(np.arange(R * H_out), H_out)
    terms = np.stack([(r * C * H + h * stride[0]) * W, np.arange(R * H_out) * W_out, np.full(R * H_out, W_out)], axis=1)
    j, i = np.arange(kh), np.arange(kw)
    return plan(threads, C_out, C * kh * kw, C, (H * W, kh * kw), np.array([0, kh]), (j * W, j * kw),
                 np.array([0, kw]), (i, i), np.array([0, len(terms)]), terms, R * H_out * W_out, stride[1])  # fmt: skip
