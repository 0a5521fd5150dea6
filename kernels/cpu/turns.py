"""Squares of 16 x 16 values turned in registers: what is far apart in memory comes to stand side by side, and back.

A picture has the pixels of a channel side by side; a product wants the channels of a pixel side by side, in lanes.

turn_in     pixels -> lanes: zeros in the lanes of channels that there are not
turn_out    lanes -> pixels: nothing is written of channels that there are not
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.cpu.vectors import pointers, vector_at

SIDE = 16
VECTOR = ir.VectorType(ir.FloatType(), SIDE)
MASK = ir.VectorType(ir.IntType(1), SIDE)
PICK = ir.VectorType(ir.IntType(32), SIDE)


def transposed(builder, line: list) -> list:
    """LLVM: a square of 16 vectors, its rows and columns changed for each other."""
    for size in (8, 4, 2, 1):  # swap the off-diagonal quarters of the square, then of each quarter, ...
        upper = [SIDE + n - size if n & size else n for n in range(SIDE)]
        lower = [SIDE + n if n & size else n + size for n in range(SIDE)]
        for n in range(SIDE):
            if not n & size:
                pair = line[n], line[n + size]
                line[n], line[n + size] = (
                    builder.shuffle_vector(*pair, ir.Constant(PICK, pick)) for pick in (upper, lower)
                )
    return line


def first(builder, count):
    """LLVM: a mask of the first `count` of 16 lanes."""
    index = ir.VectorType(ir.IntType(64), SIDE)
    limit = builder.insert_element(ir.Constant(index, [0] * SIDE), count, ir.Constant(ir.IntType(32), 0))
    limit = builder.shuffle_vector(limit, limit, ir.Constant(PICK, [0] * SIDE))
    return builder.icmp_signed("<", ir.Constant(index, list(range(SIDE))), limit)


def make_turn(inward: bool):
    """turn_in or turn_out."""

    @intrinsic
    def turn(context, target, t, t_step, source, s, s_step, pixels, channels):
        """target[t + i*t_step + j] = source[s + j*s_step + i] for i, j < 16.

        turn_in      i: pixels, of which up to `pixels` are read and written; j: channels, zeros from `channels` on
        turn_out     i: channels, of which up to `channels` are written; j: pixels, of which up to `pixels` are; of the
                     source all 16 lines are read
        """
        i = types.intp
        signature = types.void(target, i, i, source, i, i, i, i)

        def generate(context, builder, signature, args):
            target, t, t_step, source, s, s_step, pixels, channels = pointers(context, builder, signature, args)
            number = [context.get_constant(types.intp, n) for n in range(SIDE + 1)]
            sources, targets = (
                [vector_at(builder, array, VECTOR, start, builder.mul(step, n)) for n in number[:SIDE]]
                for array, start, step in ((source, s, s_step), (target, t, t_step))
            )
            lanes, nothing, whole = first(builder, pixels), *(ir.Constant(MASK, [bit] * SIDE) for bit in (0, 1))

            def known(lines, lanes):
                """Of each line those lanes that there are, none if there is no such line."""
                live = (builder.icmp_signed("<", n, lines) for n in number[:SIDE])
                return [builder.select(line, lanes, nothing) for line in live]

            reads, writes = (known(channels, lanes), known(pixels, whole)) if inward else (None, known(channels, lanes))
            complete = builder.and_(*(builder.icmp_signed(">=", size, number[SIDE]) for size in (pixels, channels)))
            square = transposed(builder, load_lines(builder, complete, sources, reads or [whole] * SIDE))
            store_lines(builder, complete, square, targets, writes)
            return context.get_dummy_value()

        return signature, generate

    return turn


ALIGNED = ir.Constant(ir.IntType(32), 4)


def load_lines(builder, complete, places: list, masks: list) -> list:
    """LLVM: the vectors at these places; of those that are not complete what the masks let in, and zeros."""
    returned = ir.FunctionType(VECTOR, [VECTOR.as_pointer(), ir.IntType(32), MASK, VECTOR])
    masked = cgutils.get_or_insert_function(builder.module, returned, "llvm.masked.load.v16f32.p0")
    lines = [cgutils.alloca_once(builder, VECTOR) for _ in places]  # LLVM keeps these in registers
    with builder.if_else(complete) as (all_there, some_there):  # masks are slow on some processors
        with all_there:
            for line, place in zip(lines, places, strict=True):
                builder.store(builder.load(place, align=4), line)
        with some_there:
            for line, place, mask in zip(lines, places, masks, strict=True):
                zeros = ir.Constant(VECTOR, [0.0] * SIDE)
                builder.store(builder.call(masked, [place, ALIGNED, mask, zeros]), line)
    return [builder.load(line) for line in lines]


def store_lines(builder, complete, values: list, places: list, masks: list) -> None:
    """LLVM: vectors to these places; of those that are not complete what the masks let through."""
    takes = ir.FunctionType(ir.VoidType(), [VECTOR, VECTOR.as_pointer(), ir.IntType(32), MASK])
    masked = cgutils.get_or_insert_function(builder.module, takes, "llvm.masked.store.v16f32.p0")
    with builder.if_else(complete) as (all_there, some_there):
        with all_there:
            for value, place in zip(values, places, strict=True):
                builder.store(value, place, align=4)
        with some_there:
            for value, place, mask in zip(values, places, masks, strict=True):
                builder.call(masked, [value, place, ALIGNED, mask])


turn_in, turn_out = make_turn(inward=True), make_turn(inward=False)
