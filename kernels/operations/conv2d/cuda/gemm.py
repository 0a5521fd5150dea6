"""The upper rungs of forward, dx and dw: implicit GEMM, the matrix products of the table in __init__.py.

The left and right matrices are never stored: small device functions look up element (m, k) or (k, n) in the arrays
that are there, and the matrix product around them, in kernels/gpu/products.py, is the same for all.

Kernel size, stride and padding are compile-time parameters of these functions: a network has only a handful of them,
a division by a constant compiles to a multiplication, and a multiplication by stride 1 to nothing.
"""

import itertools
import math
from typing import NamedTuple

from kernels.gpu import cuda, device, float32, kernel, rung, scratch
from kernels.gpu.index import split
from kernels.gpu.products import Tiles, length_of_parts, registers, tiled

BLOCK = 256
GPU_BLOCKS = 264  # two for each multiprocessor of a large GPU

# Of the register-tiled rungs: one output at a time, or four that stand side by side; and what suits an interpreter.
NARROW, WIDE = Tiles(m=64, n=64, k=8, per=4), Tiles(m=64, n=128, k=8, per=8, group=4)
DEEP = NARROW._replace(k=16)
TINY_NARROW, TINY_WIDE = Tiles(m=8, n=4, k=4, per=2), Tiles(m=16, n=32, k=4, per=4, group=2)

# What an index of the table counts through: an image, or a kernel.


@device
def through_image(image, index):
    """(r, row, column) of an index through the pixels of all images, whatever their channels."""
    return split(index, image.shape[2], image.shape[3])


@device
def through_kernel(array, index, *, KERNEL=(3, 3)):
    """(channel, j, i) of an index through the channels and the kernel."""
    return split(index, KERNEL[0], KERNEL[1])


@device
def value_or_0(image, r, c, row, column):
    """A value of an image, or 0 outside of it."""
    value = float32(0)
    if 0 <= row < image.shape[2] and 0 <= column < image.shape[3]:
        value = image[r, c, row, column]
    return value


# forward: y[c', (r, h', w')] = sum over (c, j, i)


@device
def weight(w, c_out, tap):
    """left[m, k] of forward: m = c', k = (c, j, i)."""
    c, j, i = tap
    return w[c_out, c, j, i]


@device
def input_under(x, tap, output, *, STRIDE=(1, 1), PADDING=(0, 0)):
    """right[k, n] of forward: the input that weight (j, i) meets at output (h', w'), eq. 22-24."""
    c, j, i = tap
    r, h_out, w_out = output
    return value_or_0(x, r, c, h_out * STRIDE[0] + j - PADDING[0], w_out * STRIDE[1] + i - PADDING[1])


@device
def into_y(y, b, c_out, output, value, *, BIAS=True):
    r, h_out, w_out = output
    y[r, c_out, h_out, w_out] = value + b[c_out] if BIAS else value


def forward_product(w, b, y, stride, padding):
    """The size and the functions of the product that forward is."""
    size = (y.shape[1], y.shape[0] * math.prod(y.shape[2:]), math.prod(w.shape[1:]))
    return size, {
        "UNRAVEL_K": through_kernel(KERNEL=w.shape[2:]),
        "UNRAVEL_N": through_image,
        "LEFT": weight,
        "RIGHT": input_under(STRIDE=stride, PADDING=padding),
        "STORE": into_y(BIAS=b is not None),
    }


@rung(registers=40, tiny={"TILE": 4})
def forward_3(x, w, b, y, stride, padding, *, TILE=16):
    """Implicit GEMM: one long sum over channels and window, so that weights, too, are read once for many outputs.

    By the x-ray: 3.5 times fewer turns, 2.6 times fewer flops, 1.6 times fewer barriers and 3.5 times less predicted
    time, for 1.3 times more sectors.

    Tiles no longer depend on overlapping windows, so they pay for a kernel of 1 and for large strides as well.
    """
    size, functions = forward_product(w, b, y, stride, padding)
    return [tiled(w, x, b, y, size, TILE=TILE, **functions)]


@rung(registers=48, tiny={"TILES": TINY_NARROW})
def forward_4(x, w, b, y, stride, padding, *, TILES=NARROW):
    """Register tiles: a thread computes PER x PER outputs, so a value read from shared memory serves PER products.

    By the x-ray: 1.9 times fewer sectors, 2.5 times fewer turns, 4.0 times fewer barriers and 2.5 times less predicted
    time.
    """
    size, functions = forward_product(w, b, y, stride, padding)
    return [registers(w, x, b, y, size, TILES, **functions)]


@rung(registers=88, tiny={"TILES": TINY_WIDE})
def forward_5(x, w, b, y, stride, padding, *, TILES=WIDE):
    """Wide reads: shared memory gives 16 bytes at a time, 4 reads for 64 products where rung 4 has 8 for 16.

    By the x-ray: 1.2 times fewer sectors, 3.1 times fewer turns, 2.0 times fewer barriers and 3.1 times less predicted
    time.
    """
    return forward_4(x, w, b, y, stride, padding, TILES=TILES)


# dx: dx[c, (r, h, w)] = sum over (c', j, i)


@device
def weight_back(w, c, tap):
    """left[m, k] of dx: m = c, k = (c', j, i). The kernels stand with their channels exchanged."""
    c_out, j, i = tap
    return w[c_out, c, j, i]


@device
def error_over(dy, tap, place, *, STRIDE=(1, 1), PADDING=(0, 0)):
    """right[k, n] of dx: the delta-error of the output in which input (h, w) met weight (j, i), if there is one."""
    c_out, j, i = tap
    r, row, column = place
    h_out = (row + PADDING[0] - j) // STRIDE[0]
    w_out = (column + PADDING[1] - i) // STRIDE[1]
    divides = h_out * STRIDE[0] == row + PADDING[0] - j and w_out * STRIDE[1] == column + PADDING[1] - i
    return value_or_0(dy, r, c_out, h_out, w_out) if divides else float32(0)


@device
def into_dx(dx, b, c, place, value, *, STRIDE=(1, 1), PHASE=(0, 0)):
    """Input (row, column) of all, or of those of a phase."""
    r, row, column = place
    dx[r, c, row * STRIDE[0] + PHASE[0], column * STRIDE[1] + PHASE[1]] = value


def dx_product(w, dx, stride, padding):
    """The size and the functions of the product that dx is."""
    size = (dx.shape[1], dx.shape[0] * math.prod(dx.shape[2:]), w.shape[0] * math.prod(w.shape[2:]))
    return size, {
        "UNRAVEL_K": through_kernel(KERNEL=w.shape[2:]),
        "UNRAVEL_N": through_image,
        "LEFT": weight_back,
        "RIGHT": error_over(STRIDE=stride, PADDING=padding),
        "STORE": into_dx,
    }


@rung(registers=40, tiny={"TILE": 4})
def dx_2(dy, w, dx, stride, padding, *, TILE=16):
    """Implicit GEMM: weights and delta-errors serve TILE threads each.

    By the x-ray: 9.0 times fewer sectors, for 1.5 times more flops.
    """
    size, functions = dx_product(w, dx, stride, padding)
    return [tiled(w, dy, None, dx, size, TILE=TILE, **functions)]


@rung(registers=48, tiny={"TILES": TINY_NARROW})
def dx_3(dy, w, dx, stride, padding, *, TILES=NARROW):
    """Register tiles: a value read from shared memory serves PER products.

    By the x-ray: 2.5 times fewer sectors, 2.6 times fewer turns, 4.0 times fewer barriers and 2.6 times less predicted
    time.
    """
    size, functions = dx_product(w, dx, stride, padding)
    return [registers(w, dy, None, dx, size, TILES, **functions)]


# One phase of dx: inputs whose (row, column) leave the remainder PHASE by the stride.


@device
def through_phase(dx, index, *, STRIDE=(1, 1), PHASE=(0, 0)):
    """(r, row, column) of an index through the pixels of one phase, counted within it."""
    rows = (dx.shape[2] - PHASE[0] + STRIDE[0] - 1) // STRIDE[0]
    columns = (dx.shape[3] - PHASE[1] + STRIDE[1] - 1) // STRIDE[1]
    return split(index, rows, columns)


@device
def weight_of_phase(w, c, tap, *, STRIDE=(1, 1), FIRST=(0, 0)):
    """left[m, k] of one phase of dx: of the weights only every s-th, from the first that meets this phase."""
    c_out, j, i = tap
    return w[c_out, c, FIRST[0] + j * STRIDE[0], FIRST[1] + i * STRIDE[1]]


@device
def error_of_phase(dy, tap, place, *, SHIFT=(0, 0)):
    """right[k, n] of one phase of dx: s divides every distance, so neighbours in the phase are neighbours in dy."""
    c_out, j, i = tap
    r, row, column = place
    return value_or_0(dy, r, c_out, row + SHIFT[0] - j, column + SHIFT[1] - i)


class Phase(NamedTuple):
    """What one phase of dx is as a convolution of stride 1."""

    size: tuple[int, int, int]
    """(M, N, K) of its product."""
    first: tuple[int, ...]
    """The first weight (j, i) that meets it; every s-th from there on does, `kernel` of them."""
    kernel: tuple[int, ...]
    shift: tuple[int, ...]
    """Its input (0, 0) meets weight `first` at this output."""
    pixels: tuple[int, ...]
    """Its rows and columns."""


def phase_of(w, dx, stride, padding, phase):
    # Input s h + a meets weight j at output (s h + a + p - j) / s. That divides for j = first, first + s, ...
    pixels = tuple(len(range(a, n, s)) for a, n, s in zip(phase, dx.shape[2:], stride, strict=True))
    first = tuple((a + p) % s for a, p, s in zip(phase, padding, stride, strict=True))
    shift = tuple((a + p) // s for a, p, s in zip(phase, padding, stride, strict=True))
    kernel = tuple(len(range(f, k, s)) for f, k, s in zip(first, w.shape[2:], stride, strict=True))
    size = (dx.shape[1], dx.shape[0] * math.prod(pixels), w.shape[0] * math.prod(kernel))
    # A phase that meets no weight has nothing to sum: K = 0, and a kernel of 1 that nobody looks up.
    return Phase(size, first, tuple(max(k, 1) for k in kernel), shift, pixels)


def phases(dx, stride):
    """The remainders (row, column) by the stride that inputs leave."""
    return itertools.product(*(range(min(s, n)) for s, n in zip(stride, dx.shape[2:], strict=True)))


def phase_product(w, dx, stride, padding, phase):
    """The size and the functions of the product that one phase of dx is."""
    size, first, kernel, shift, _ = phase_of(w, dx, stride, padding, phase)
    return size, {
        "UNRAVEL_K": through_kernel(KERNEL=kernel),
        "UNRAVEL_N": through_phase(STRIDE=stride, PHASE=phase),
        "LEFT": weight_of_phase(STRIDE=stride, FIRST=first),
        "RIGHT": error_of_phase(SHIFT=shift),
        "STORE": into_dx(STRIDE=stride, PHASE=phase),
    }


@rung(registers=96, tiny={"TILES": TINY_WIDE})
def dx_4(dy, w, dx, stride, padding, *, TILES=WIDE):
    """One product per phase of the stride: with stride 2, three of four products of rung 3 multiply by nothing.

    By the x-ray: 1.6 times fewer sectors, 3.4 times fewer turns, 2.0 times fewer barriers and 3.4 times less predicted
    time.

    Inputs whose (row, column) leave the same remainder by the stride meet the same weights, every s-th one. Each
    of these s * s phases is a convolution of stride 1 of its own, with a kernel 1/s as large.
    Reads are wide, as in rung 5 of forward.
    """
    products = [phase_product(w, dx, stride, padding, phase) for phase in phases(dx, stride)]
    return [registers(w, dy, None, dx, size, TILES, **functions) for size, functions in products]


# dw: dw[c', (c, j, i)] = sum over (r, h', w')


@device
def error(dy, c_out, output):
    """left[m, k] of dw: m = c', k = (r, h', w')."""
    r, h_out, w_out = output
    return dy[r, c_out, h_out, w_out]


@device
def input_met(x, output, n, *, KERNEL=(3, 3), STRIDE=(1, 1), PADDING=(0, 0)):
    """right[k, n] of dw: that of forward, with k and n exchanged. Loaded along k, n is another each time."""
    c, j, i = split(n, KERNEL[0], KERNEL[1])
    r, h_out, w_out = output
    return value_or_0(x, r, c, h_out * STRIDE[0] + j - PADDING[0], w_out * STRIDE[1] + i - PADDING[1])


@device
def into_part(parts, b, c_out, n, value):
    """Each layer of blocks has a part of the sums."""
    parts[cuda.blockIdx.z, c_out, n] = value


@kernel
def add_parts(parts, dw, *, BLOCK=BLOCK):
    """One thread per weight: it adds the parts of its sum, always from the first to the last."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dw.size:
        total = parts[0, n]
        for part in range(1, parts.shape[0]):
            total += parts[part, n]
        dw[n] = total


def in_parts(product, dy, dw, tiles, BLOCKS):
    """The launches of a product in parts, so that there are enough blocks to fill a GPU, and of what adds them up.

    product    the launch of product(parts, size, length of a part), which writes each part into `parts`
    """
    size = M, N, K = dw.shape[0], math.prod(dw.shape[1:]), dy.shape[0] * math.prod(dy.shape[2:])
    length = length_of_parts(size, tiles, BLOCKS)
    count = math.ceil(K / length)
    if count == 1:
        return [product(dw.reshape(1, M, N), size, length)]
    parts = scratch(dw, (count, M, N))
    added = add_parts(BLOCK=BLOCK)[math.ceil(dw.size / BLOCK), BLOCK](parts.reshape(count, -1), dw.reshape(-1))
    return [product(parts, size, length), added]


@rung(registers=64, tiny={"TILES": TINY_NARROW, "BLOCKS": 7})
def dw_3(dy, x, dw, stride, padding, *, TILES=DEEP, BLOCKS=GPU_BLOCKS):
    """Implicit GEMM with register tiles, its long sum cut into parts, so that there are enough blocks to fill a GPU.

    By the x-ray: 47 times fewer sectors, 3.9 times fewer turns, 1.6 times fewer barriers and 3.9 times less predicted
    time.

    A second launch adds the parts in their order. Atomics would add them in whatever order they arrive.
    """
    functions = {
        "UNRAVEL_K": through_image,
        "LEFT": error,
        "RIGHT": input_met(KERNEL=dw.shape[2:], STRIDE=stride, PADDING=padding),
        "RIGHT_ALONG_K": True,
        "STORE": into_part,
    }

    def product(parts, size, length):
        return registers(dy, x, None, parts, size, TILES, length, **functions)

    return in_parts(product, dy, dw, TILES, BLOCKS)


@rung(registers=120, tiny={"TILES": TINY_WIDE, "BLOCKS": 7})
def dw_4(dy, x, dw, stride, padding, *, TILES=WIDE, BLOCKS=GPU_BLOCKS):
    """Wide reads: shared memory gives 16 bytes at a time, 4 reads for 64 products where rung 3 has 8 for 16.

    By the x-ray: 1.2 times fewer sectors, 2.8 times fewer turns and 2.8 times less predicted time.
    """
    return dw_3(dy, x, dw, stride, padding, TILES=TILES, BLOCKS=BLOCKS)
