"""Windows of 2 x 2 that stand side by side, WIDTH of them at once: neighbours come apart in registers.

Written in LLVM's own vectors, since for AVX2 LLVM makes none of a loop that reads every other value.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.cpu.vectors import pointers, vector_at

WIDTH = 8


@intrinsic
def largest_of_four(context, x, upper, lower, first, width, best, where, o):
    """best[o + l] of x[upper + 2l], x[upper + 2l + 1], x[lower + 2l] and x[lower + 2l + 1], l < WIDTH, in this order.

    where[o + l], int32, is its place, from first + 2l on; a row below is `width` further. Of equals the first wins; a
    NaN is larger than all that came before it. Arrays are flat.
    """
    i = types.intp
    signature = types.void(x, i, i, i, i, best, where, i)

    def generate(context, builder, signature, args):
        x, upper, lower, first, width, best, where, o = pointers(context, builder, signature, args)
        number = ir.IntType(32)
        values, places = ir.VectorType(ir.FloatType(), WIDTH), ir.VectorType(number, WIDTH)

        def everywhere(value):
            one = builder.insert_element(ir.Constant(places, ir.Undefined), builder.trunc(value, number), number(0))
            return builder.shuffle_vector(one, one, ir.Constant(places, [0] * WIDTH))

        def of_row(start):
            """The left and the right values of windows."""
            row = builder.load(vector_at(builder, x, ir.VectorType(ir.FloatType(), 2 * WIDTH), start), align=4)
            sides = (ir.Constant(places, [2 * lane + side for lane in range(WIDTH)]) for side in (0, 1))
            return [builder.shuffle_vector(row, row, side) for side in sides]

        one, below = cgutils.intp_t(1), width
        start = builder.add(everywhere(first), ir.Constant(places, [2 * lane for lane in range(WIDTH)]))
        (largest, right), (left_below, right_below) = of_row(upper), of_row(lower)
        place = start
        for value, further in ((right, one), (left_below, below), (right_below, builder.add(below, one))):
            replaces = builder.or_(
                builder.fcmp_ordered(">", value, largest), builder.fcmp_unordered("uno", value, value)
            )
            largest = builder.select(replaces, value, largest)
            place = builder.select(replaces, builder.add(start, everywhere(further)), place)
        builder.store(largest, vector_at(builder, best, values, o), align=4)
        builder.store(place, vector_at(builder, where, places, o), align=4)
        return context.get_dummy_value()

    return signature, generate
