"""Normalisation on a GPU, a ladder of five rungs about coalescing. Source: Zozoulenko (2018), eq. 39.

Shapes as in reference.py. x has the channels of a pixel side by side, y has the pixels of a channel side by side.
Memory is read and written in sectors of 32 bytes, so neighbouring threads should ask for neighbouring bytes; but what
are neighbours in y are C bytes apart in x. `xray` counts it: for the 32 bytes that a warp asks for, rungs 1 and 2 touch
C sectors, rung 3 touches one, and rung 4 touches the four of 128 bytes at once. Stores are neighbours in every rung.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per output
              2   one thread per pixel, for all of its channels
              3   through shared memory: 1.4 times fewer sectors
              4   words instead of bytes: 1.6 times fewer turns
              5   four pixels to a thread

mean and std are compile-time parameters: numbers in the code, not in memory.
"""

import math

import numpy as np

from kernels.gpu import Ladder, cuda, device, float32, int64, kernel, rung, uint8, uint32
from kernels.gpu.index import unravel
from kernels.gpu.vectors import ENOUGH, FOUR, first_groups, in_fours, load_four, store_four, thread_number

BLOCK = 256
HELD = 4  # channels of which a thread can hold four pixels
SHARED_BYTES = 48 * 1024  # what a block may have on every GPU without asking


@device
def normalised(byte, mean, std):
    """(byte / 255 - mean) / std."""
    return (float32(byte) / float32(255) - float32(mean)) / float32(std)


@kernel
def forward_direct(x, y, *, MEAN=(0.5,), STD=(0.5,), BLOCK=BLOCK):
    """One thread per output: neighbours store side by side and load C bytes apart."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        r, c, h, w = unravel(n, y.shape[1], y.shape[2], y.shape[3])
        y[r, c, h, w] = normalised(x[r, h, w, c], MEAN[c], STD[c])


@device
def picture_of(pixel, HW):
    """The picture in which a pixel is. Pixels are numbered through all pictures.

    In unsigned 32 bits, because a 64-bit division takes a GPU several times as long: numbers must be below 2**32.
    """
    return int64(uint32(pixel) // uint32(HW))


# From here on x is (R H W, C) and y is (R, C, H W): where a pixel stands in its picture is all the same.


@kernel
def forward_pixel(x, y, *, MEAN=(0.5,), STD=(0.5,), BLOCK=BLOCK):
    """One thread per pixel: it writes one value into each plane."""
    pixel = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if pixel < x.shape[0]:
        r = picture_of(pixel, y.shape[2])
        for c in range(len(MEAN)):
            y[r, c, pixel - r * y.shape[2]] = normalised(x[pixel, c], MEAN[c], STD[c])


@kernel
def forward_bytes(x, y, *, MEAN=(0.5,), STD=(0.5,), BYTES=1, BLOCK=BLOCK):
    """One block per BLOCK pixels: it fetches their BYTES in the order of memory, then each thread takes its pixel's.

    x is flat.
    """
    tile = cuda.shared.array(BYTES, uint8)
    t = cuda.threadIdx.x
    first = cuda.blockIdx.x * BYTES
    for i in range(t, min(BYTES, x.size - first), BLOCK):
        tile[i] = x[first + i]
    cuda.syncthreads()  # the bytes of all pixels are there
    pixel = cuda.blockIdx.x * BLOCK + t
    if pixel < y.shape[0] * y.shape[2]:
        r = picture_of(pixel, y.shape[2])
        for c in range(len(MEAN)):
            y[r, c, pixel - r * y.shape[2]] = normalised(tile[t * len(MEAN) + c], MEAN[c], STD[c])


@kernel
def forward_words(x, words, y, *, MEAN=(0.5,), STD=(0.5,), WORDS=1, BLOCK=BLOCK):
    """One block per BLOCK pixels: it fetches their WORDS in the order of memory, then each thread picks its bytes.

    x is flat; words is the same memory, four bytes in a word, the first in its lowest bits. The last bytes of x,
    if they are no whole word, are put together.
    """
    tile = cuda.shared.array(WORDS, uint32)
    t = cuda.threadIdx.x
    for i in range(t, WORDS, BLOCK):
        word = cuda.blockIdx.x * WORDS + i
        if word < words.size:
            tile[i] = words[word]
        elif word * 4 < x.size:
            value = uint32(0)
            for n in range(word * 4, x.size):
                value |= uint32(x[n]) << uint32(n % 4 * 8)
            tile[i] = value
    cuda.syncthreads()  # the words of all pixels are there
    pixel = cuda.blockIdx.x * BLOCK + t
    if pixel < y.shape[0] * y.shape[2]:
        r = picture_of(pixel, y.shape[2])
        for c in range(len(MEAN)):
            i = t * len(MEAN) + c
            byte = tile[i // 4] >> uint32(i % 4 * 8) & uint32(255)
            y[r, c, pixel - r * y.shape[2]] = normalised(byte, MEAN[c], STD[c])


@kernel
def forward_fours(x, y, count, groups, step, *, SCALE=(0.5,), SHIFT=(0.5,), C=1, BLOCK=BLOCK):
    """One thread per four pixels, whose bytes are as many fours as there are channels: it writes a four of each plane.

    x and y are flat, groups are those of a plane. The launch has a thread for each group of the first pictures; it goes
    on to the same place of the pictures `step` groups further, and so divides but once.
    """
    held, four = cuda.local.array((C, 4), uint8), cuda.local.array(4, float32)
    bytes_of_x = cuda.local.array(4, uint8)
    n = thread_number(BLOCK)
    if n < step:
        r = uint32(n // groups)
        first, place = uint32(n * C), uint32(n + r * groups * (C - 1))  # the latter in the first plane of picture r
        while n < count:
            for i in range(C):
                load_four(x, int64(first) + i, bytes_of_x)
                for k in range(4):
                    held[i, k] = bytes_of_x[k]
            for c in range(C):
                for k in range(4):
                    byte = held[(k * C + c) // 4, (k * C + c) % 4]
                    four[k] = float32(byte) * float32(SCALE[c]) + float32(SHIFT[c])
                store_four(y, place + c * groups, four)
            n, first, place = uint32(n + step), uint32(first + step * C), uint32(place + step * C)


def planes(y):
    """y as (R, C, H W)."""
    return y.reshape(*y.shape[:2], -1)


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(x, y, mean, std, *, BLOCK=BLOCK):
    """One thread per output: the equation word for word."""
    return [forward_direct(MEAN=mean, STD=std, BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y)]


@rung(registers=24, tiny={"BLOCK": 8})
def forward_2(x, y, mean, std, *, BLOCK=BLOCK):
    """One thread per pixel: where it stands is worked out once for all its channels, with its sectors in cache.

    By the x-ray: 9.2 times fewer instructions.
    """
    pixels = x.reshape(-1, x.shape[3])
    blocks = math.ceil(len(pixels) / BLOCK)
    return [forward_pixel(MEAN=mean, STD=std, BLOCK=BLOCK)[blocks, BLOCK](pixels, planes(y))]


@rung(registers=32, tiny={"BLOCK": 8})
def forward_3(x, y, mean, std, *, BLOCK=BLOCK):
    """Through shared memory: now loads are neighbours too, and each sector of x is asked for once.

    By the x-ray: 1.4 times fewer sectors, for 1.6 times more turns.

    Where shared memory has no place for so many channels, rung 2 remains.
    """
    size = BLOCK * x.shape[3]
    if size > SHARED_BYTES:
        return forward_2(x, y, mean, std, BLOCK=BLOCK)
    blocks = math.ceil(x.size / size)
    return [forward_bytes(MEAN=mean, STD=std, BYTES=size, BLOCK=BLOCK)[blocks, BLOCK](x.reshape(-1), planes(y))]


@rung(registers=32, tiny={"BLOCK": 8})
def forward_4(x, y, mean, std, *, BLOCK=BLOCK):
    """Words instead of bytes: a warp fetches 128 bytes with one request, so there are a quarter as many.

    By the x-ray: 1.6 times fewer turns.
    """
    size = BLOCK * x.shape[3]
    if size > SHARED_BYTES:
        return forward_2(x, y, mean, std, BLOCK=BLOCK)
    bytes_of_x = x.reshape(-1)
    words = bytes_of_x[: x.size // 4 * 4].view("uint32")
    words_kernel = forward_words(MEAN=mean, STD=std, WORDS=size // 4, BLOCK=BLOCK)
    return [words_kernel[math.ceil(x.size / size), BLOCK](bytes_of_x, words, planes(y))]


@rung(registers=40, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_5(x, y, mean, std, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four pixels to a thread: it needs no shared memory, writes 16 bytes at a time and multiplies instead of dividing.

    By the x-ray: 1.4 times fewer turns, 1.5 times fewer flops, no barriers and 14 times fewer instructions, for 1.4
    times more sectors.

    Where a picture has no whole fours of pixels, or more than HELD channels, rung 4 remains.
    """
    C, pixels = x.shape[3], x.shape[1] * x.shape[2]
    if C > HELD or pixels % FOUR or not in_fours(x, y):
        return forward_4(x, y, mean, std, BLOCK=BLOCK)
    scale, shift = tuple(1 / (255 * s) for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True))
    count = x.size // C // FOUR
    step = first_groups(count, pixels // FOUR, ENOUGH)
    fours = forward_fours(SCALE=scale, SHIFT=shift, C=C, BLOCK=BLOCK)[math.ceil(step / BLOCK), BLOCK]
    return [fours(x.reshape(-1), y.reshape(-1), *map(np.uint32, (count, pixels // FOUR, step)))]


forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4, forward_5)
