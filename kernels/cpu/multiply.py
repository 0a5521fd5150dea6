"""Sums of products that stay in registers, as functions for Numba loops: what the products of this folder come down to.

All are out[m, l] = sum over t of a[m, t] * v[t, l] for a few rows m and so many lanes l, and differ in what addresses
are made of. A load of v and a broadcast load of a for each row feed a multiply-add of all lanes for each row.

multiply16, multiply32       TILE rows, from tables: where each begins in a, and which stretches of a and v are summed
product16, product32         ROWS rows, in even steps
placed16, placed32           TILE rows, in even steps
strip1, strip2, strip4, strip8    so many rows, of LANES1 ... LANES8 lanes; from a table: where each term begins in v

All arrays are flat.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.cpu.vectors import LANES, TILE, Sums, pointers, vector_at

# Rows of a product whose sizes are powers of two more often than not; 6 is as many as the registers of AVX2 allow.
ROWS = 8 if LANES == 32 else 6

# Lanes of few rows: more of them, since a sum that waits for the one before it wants others beside it.
LANES1, LANES2, LANES4, LANES8 = (128, 64, 64, 32) if LANES == 32 else (64, 32, 16, 8)


def make_tile(height, lanes):
    """The sums of so many rows and lanes, over stretches of terms."""

    @intrinsic
    def tile(context, out, o, a, rows, r, v, v0, terms, first, last, step):
        """out[o + m*lanes + l] += sum of a[rows[r + m] + a_at + k*step] * v[v0 + (v_at + k)*lanes + l], m < height,
        over the terms first..last, each a stretch (a_at, v_at, run) with k < run."""
        i = types.intp
        signature = types.void(out, i, a, rows, i, v, i, terms, i, i, i)

        def generate(context, builder, signature, args):
            out, o, a, rows, r, v, v0, terms, first, last, step = pointers(context, builder, signature, args)
            sums = Sums(builder, height, lanes)

            def number(n):
                return context.get_constant(types.intp, n)

            def item(pointer, index):
                return builder.load(builder.gep(pointer, [index]))

            row = [builder.gep(a, [item(rows, builder.add(r, number(m)))]) for m in sums.rows]
            with cgutils.for_range_slice(builder, first, last, number(1)) as (n, _):
                a_at, v_at, run = (item(terms, builder.add(builder.mul(n, number(3)), number(f))) for f in range(3))
                with cgutils.for_range(builder, run) as loop:
                    column = builder.add(a_at, builder.mul(loop.index, step))
                    v_row = builder.mul(builder.add(v_at, loop.index), number(lanes))
                    values = builder.load(vector_at(builder, v, sums.vector, v0, v_row), align=4)
                    sums.add([builder.gep(start, [column]) for start in row], values)
            places = [vector_at(builder, out, sums.vector, o, number(m * lanes)) for m in sums.rows]
            sums.deliver(places, added=ir.Constant(ir.IntType(1), 1))
            return context.get_dummy_value()

        return signature, generate

    return tile


def make_product(height, lanes):
    """The sums of so many rows and lanes, in even steps."""

    @intrinsic
    def product(context, out, o, o_step, a, first, row, step, live, v, v0, v_step, count, added):
        """out[o + m*o_step + l] = sum over k < count of a[first + m*row + k*step] * v[v0 + k*v_step + l], m < live,

        and where it is `added` plus what out was; then all `height` rows must be live. Else the last that is live is
        computed in the place of each that is not.
        """
        i = types.intp
        signature = types.void(out, i, i, a, i, i, i, i, v, i, i, i, types.boolean)

        def generate(context, builder, signature, args):
            out, o, o_step, a, first, row, step, live, v, v0, v_step, count, added = pointers(
                context, builder, signature, args
            )
            sums = Sums(builder, height, lanes)
            last = builder.sub(live, context.get_constant(types.intp, 1))
            rows = [context.get_constant(types.intp, m) for m in sums.rows]
            rows = [builder.select(builder.icmp_signed("<", m, last), m, last) for m in rows]
            start = [builder.gep(a, [builder.add(first, builder.mul(row, m))]) for m in rows]
            with cgutils.for_range(builder, count) as loop:
                column = builder.mul(loop.index, step)
                place = vector_at(builder, v, sums.vector, v0, builder.mul(loop.index, v_step))
                sums.add([builder.gep(begin, [column]) for begin in start], builder.load(place, align=4))
            sums.deliver([vector_at(builder, out, sums.vector, o, builder.mul(o_step, m)) for m in rows], added)
            return context.get_dummy_value()

        return signature, generate

    return product


def make_strip(height, lanes):
    """The sums of so many rows and lanes, whose terms begin anywhere in v: neighbours in the lanes."""

    @intrinsic
    def strip(context, out, o, o_step, a, first, row, v, v0, at):
        """out[o + m*o_step + l] = sum over t < len(at) of a[first + m*row + t] * v[v0 + at[t] + l], m < height."""
        i = types.intp
        signature = types.void(out, i, i, a, i, i, v, i, at)

        def generate(context, builder, signature, args):
            count = context.make_array(signature.args[8])(context, builder, args[8]).nitems
            out, o, o_step, a, first, row, v, v0, at = pointers(context, builder, signature, args)
            sums = Sums(builder, height, lanes)

            def times(step, m):
                return builder.mul(step, context.get_constant(types.intp, m))

            start = [builder.gep(a, [builder.add(first, times(row, m))]) for m in sums.rows]
            with cgutils.for_range(builder, count) as loop:
                place = builder.load(builder.gep(at, [loop.index]))
                values = builder.load(vector_at(builder, v, sums.vector, v0, place), align=4)
                sums.add([builder.gep(begin, [loop.index]) for begin in start], values)
            sums.deliver([vector_at(builder, out, sums.vector, o, times(o_step, m)) for m in sums.rows])
            return context.get_dummy_value()

        return signature, generate

    return strip


multiply16, multiply32 = make_tile(TILE, 16), make_tile(TILE, 32)
product16, product32 = make_product(ROWS, 16), make_product(ROWS, 32)
placed16, placed32 = make_product(TILE, 16), make_product(TILE, 32)
strip1, strip2, strip4, strip8 = (
    make_strip(rows, lanes) for rows, lanes in ((1, LANES1), (2, LANES2), (4, LANES4), (8, LANES8))
)
