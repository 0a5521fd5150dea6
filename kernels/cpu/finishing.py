"""What becomes of sums before they are stored, while they are in the first-level cache.

    max(sum * scale + shift, floor) * gain + offset

with a scale, a shift, a gain and an offset for each channel: a bias, normalization by averages that are known, ReLU.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.cpu.vectors import multiply_add, pointers, vector_at

NONE = np.empty(0, np.float32)
LOWEST = np.float32(-np.inf)
WIDTH = 16  # channels that are finished at once
TERMS = 5 * WIDTH
VECTOR = ir.VectorType(ir.FloatType(), WIDTH)


class Finish(NamedTuple):
    """What is done to each channel; arrays (channels,) float32, of no length for factors of 1 and summands of 0.

    Where there is a scale there is a shift, and where there is a gain an offset.
    """

    shift: np.ndarray = NONE
    scale: np.ndarray = NONE
    floor: np.float32 = LOWEST
    gain: np.ndarray = NONE
    offset: np.ndarray = NONE


UNCHANGED = Finish()


def bias(b):
    """What adds a bias, where there is one."""
    return UNCHANGED if b is None else Finish(b)


@njit(cache=True)
def of_channel(finish, c):
    """Scale, shift, gain and offset of a channel."""
    scale = finish.scale[c] if len(finish.scale) else np.float32(1)
    shift = finish.shift[c] if len(finish.shift) else np.float32(0)
    gain = finish.gain[c] if len(finish.gain) else np.float32(1)
    offset = finish.offset[c] if len(finish.offset) else np.float32(0)
    return scale, shift, gain, offset


@njit(cache=True)
def begin(start, lanes, finish, channel, known):
    """What sums start from: the shift, where nothing scales it and them; 0 after the last of `known` channels."""
    for lane in range(lanes):
        wanted = lane < known and len(finish.shift) > 0 and len(finish.scale) == 0
        start[lane] = finish.shift[channel + lane] if wanted else np.float32(0)


@njit(cache=True)
def prepare(terms, finish, channel, known):
    """What `finish_rows` reads of WIDTH channels from `channel` on: terms (TERMS,).

    Returns whether there is anything to finish. What stands after the last of `known` channels is for nobody.
    """
    if len(finish.scale) + len(finish.gain) == 0 and finish.floor == LOWEST:
        return False
    for lane in range(min(WIDTH, known)):
        scale, shift, gain, offset = of_channel(finish, channel + lane)
        terms[lane] = scale
        terms[WIDTH + lane] = shift if len(finish.scale) else np.float32(0)  # which the sums began with
        terms[2 * WIDTH + lane] = finish.floor
        terms[3 * WIDTH + lane] = gain
        terms[4 * WIDTH + lane] = offset
    return True


@njit(cache=True)
def finish_line(out, o, sums, s, count, finish, channel):
    """out[o + n] of sums[s + n], n < count, all of one channel. Arrays are flat."""
    scale, shift, gain, offset = of_channel(finish, channel)
    target, source = out[o : o + count], sums[s : s + count]
    for n in range(count):
        value = source[n] * scale + shift
        target[n] = (finish.floor if value < finish.floor else value) * gain + offset


@intrinsic
def finish_rows(context, sums, first, count, step, terms):
    """Finish sums[first + m*step + l], m < count, l < WIDTH, by what was prepared. A NaN stays one. Arrays are flat."""
    i = types.intp
    signature = types.void(sums, i, i, i, terms)

    def generate(context, builder, signature, args):
        sums, first, count, step, terms = pointers(context, builder, signature, args)
        number = cgutils.intp_t
        places = (vector_at(builder, terms, VECTOR, number(n * WIDTH)) for n in range(5))
        scale, shift, least, gain, offset = (builder.load(place, align=4) for place in places)
        fma = multiply_add(builder, VECTOR)
        with cgutils.for_range(builder, count) as loop:
            place = vector_at(builder, sums, VECTOR, first, builder.mul(loop.index, step))
            value = builder.call(fma, [builder.load(place, align=4), scale, shift])
            value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
            builder.store(builder.call(fma, [value, gain, offset]), place, align=4)
        return context.get_dummy_value()

    return signature, generate
