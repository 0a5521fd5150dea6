"""LLVM's own vectors, for CPU kernels whose inner loop must not be left to chance.

Numba's loops become vectors where LLVM sees that they may; a matrix product it does not see. So the innermost loops are
written here as LLVM instructions on vectors of 16 or 32 float32 values (lanes), which LLVM cuts to whatever registers
the CPU has: AVX-512, AVX2 or NEON. To a Numba loop they are functions like any other.

multiply16, multiply32    sums of products, TILE rows of so many lanes, that stay in registers
transpose16               a square of 16 x 16 values turned in registers
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.cpu.registers import bits, machine

# As many sums as the vector registers hold: 10 rows of 32 lanes are 20 of the 32 registers of AVX-512, 6 rows of 16
# lanes are 12 of the 16 of AVX2 (or 24 of the 32 of NEON). Too many, and sums live in memory.
TILE, LANES = (10, 32) if bits(machine()) == 512 else (6, 16)


def vector_at(builder, pointer, vector, *parts):
    """LLVM: the address of a vector that starts at the sum of `parts`."""
    index = parts[0]
    for part in parts[1:]:
        index = builder.add(index, part)
    return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())


def pointers(context, builder, signature, args):
    """LLVM: arrays as pointers to their first value, numbers as they are."""
    return [
        context.make_array(t)(context, builder, value).data if isinstance(t, types.Array) else value
        for t, value in zip(signature.args, args, strict=True)
    ]


def make_tile(height, lanes):
    """The sums of so many rows and lanes, as a function for Numba loops; all arrays are flat."""

    @intrinsic
    def tile(context, out, o, a, rows, r, v, v0, terms, first, last, step):
        """out[o + m*lanes + l] += sum of a[rows[r + m] + a_at + k*step] * v[v0 + (v_at + k)*lanes + l], m < height,
        over the terms first..last, each a stretch (a_at, v_at, run) with k < run."""
        i = types.intp
        signature = types.void(out, i, a, rows, i, v, i, terms, i, i, i)

        def generate(context, builder, signature, args):
            out, o, a, rows, r, v, v0, terms, first, last, step = pointers(context, builder, signature, args)
            vector = ir.VectorType(ir.FloatType(), lanes)
            zero = ir.Constant(vector, [0.0] * lanes)
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            multiply_add = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lanes}f32"
            )

            def number(n):
                return context.get_constant(types.intp, n)

            def item(pointer, index):
                return builder.load(builder.gep(pointer, [index]))

            row = [builder.gep(a, [item(rows, builder.add(r, number(m)))]) for m in range(height)]
            total = [cgutils.alloca_once(builder, vector) for m in range(height)]  # LLVM keeps these in registers
            for m in range(height):
                builder.store(zero, total[m])
            with cgutils.for_range_slice(builder, first, last, number(1)) as (n, _):
                a_at, v_at, run = (item(terms, builder.add(builder.mul(n, number(3)), number(f))) for f in range(3))
                with cgutils.for_range(builder, run) as loop:
                    column = builder.add(a_at, builder.mul(loop.index, step))
                    v_row = builder.mul(builder.add(v_at, loop.index), number(lanes))
                    values = builder.load(vector_at(builder, v, vector, v0, v_row), align=4)
                    for m in range(height):
                        one = builder.insert_element(zero, item(row[m], column), ir.Constant(ir.IntType(32), 0))
                        spread = builder.shuffle_vector(one, zero, everywhere)
                        builder.store(builder.call(multiply_add, [spread, values, builder.load(total[m])]), total[m])
            for m in range(height):
                place = vector_at(builder, out, vector, o, number(m * lanes))
                builder.store(builder.fadd(builder.load(place, align=4), builder.load(total[m])), place, align=4)
            return context.get_dummy_value()

        return signature, generate

    return tile


multiply16, multiply32 = make_tile(TILE, 16), make_tile(TILE, 32)


@intrinsic
def transpose16(context, target, t, t_step, source, s, s_step, wanted):
    """target[t + i*t_step + j] = source[s + j*s_step + i] for i < 16 and j < wanted: a transposition in registers."""
    i = types.intp
    signature = types.void(target, i, i, source, i, i, i)

    def generate(context, builder, signature, args):
        target, t, t_step, source, s, s_step, wanted = pointers(context, builder, signature, args)
        vector, index = ir.VectorType(ir.FloatType(), 16), ir.VectorType(ir.IntType(64), 16)
        mask = ir.VectorType(ir.IntType(1), 16)

        def at(pointer, start, step, n):
            return vector_at(builder, pointer, vector, start, builder.mul(step, context.get_constant(types.intp, n)))

        line = [builder.load(at(source, s, s_step, n), align=4) for n in range(16)]
        for size in (8, 4, 2, 1):  # swap the off-diagonal quarters of the square, then of each quarter, ...
            upper = [16 + n - size if n & size else n for n in range(16)]
            lower = [16 + n if n & size else n + size for n in range(16)]
            upper, lower = (ir.Constant(ir.VectorType(ir.IntType(32), 16), pick) for pick in (upper, lower))
            for n in range(16):
                if not n & size:
                    pair = line[n], line[n + size]
                    line[n], line[n + size] = (builder.shuffle_vector(*pair, pick) for pick in (upper, lower))
        limit = builder.insert_element(ir.Constant(index, [0] * 16), wanted, ir.Constant(ir.IntType(32), 0))
        limit = builder.shuffle_vector(limit, limit, ir.Constant(ir.VectorType(ir.IntType(32), 16), [0] * 16))
        live = builder.icmp_signed("<", ir.Constant(index, list(range(16))), limit)
        store = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), ir.IntType(32), mask]),
            "llvm.masked.store.v16f32.p0",
        )
        for n in range(16):
            builder.call(store, [line[n], at(target, t, t_step, n), ir.Constant(ir.IntType(32), 4), live])
        return context.get_dummy_value()

    return signature, generate
