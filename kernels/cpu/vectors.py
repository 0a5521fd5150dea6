"""LLVM's own vectors, for CPU kernels whose inner loop must not be left to chance.

Numba's loops become vectors where LLVM sees that they may; a matrix product it does not see. So the innermost loops are
written as LLVM instructions on vectors of so many float32 values (lanes), which LLVM cuts to whatever registers the CPU
has: AVX-512, AVX2 or NEON. To a Numba loop they are functions like any other.

multiply.py      sums of products that stay in registers
turns.py         squares of 16 x 16 values turned in registers
transforms.py    small constant matrices times vectors
finishing.py     what becomes of sums before they are stored
pairs.py         windows of 2 x 2 side by side
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

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


def multiply_add(builder, vector):
    """LLVM: the function a * b + c of vectors."""
    return cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{vector.count}f32"
    )


class Sums:
    """LLVM: rows of so many lanes of sums, which LLVM keeps in registers. They begin with 0."""

    def __init__(self, builder, rows: int, lanes: int):
        self.builder, self.rows = builder, range(rows)
        self.vector = ir.VectorType(ir.FloatType(), lanes)
        self.zero = ir.Constant(self.vector, [0.0] * lanes)
        self.everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        self.function = multiply_add(builder, self.vector)
        self.total = [cgutils.alloca_once(builder, self.vector) for _ in self.rows]
        for total in self.total:
            builder.store(self.zero, total)

    def add(self, items, values):
        """To row m items[m] times the vector `values`. An item is an address, read when its turn comes."""
        for item, total in zip(items, self.total, strict=True):
            one = self.builder.insert_element(self.zero, self.builder.load(item), ir.Constant(ir.IntType(32), 0))
            spread = self.builder.shuffle_vector(one, self.zero, self.everywhere)
            self.builder.store(self.builder.call(self.function, [spread, values, self.builder.load(total)]), total)

    def deliver(self, places, added=None):
        """Write each row to its place, where `added`, a bit, asks for it plus what stands there."""
        for place, total in zip(places, self.total, strict=True):
            value = self.builder.load(total)
            if added is not None:
                before = self.builder.load(place, align=4)
                value = self.builder.fadd(self.builder.select(added, before, self.zero), value)
            self.builder.store(value, place, align=4)
