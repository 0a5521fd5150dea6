"""Small constant matrices times vectors of lanes, as LLVM instructions, for CPU kernels that transform (Winograd).

`make_transform` writes the product with a matrix whose entries are known out as additions and multiplications: zeros
cost nothing, ones no multiplication, and what two rows, or two columns, that differ in signs alone have in common is
computed once.
"""

from collections.abc import Sequence
from typing import SupportsFloat

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.cpu.vectors import LANES, multiply_add, pointers, vector_at

# Lanes that are transformed at once: the vector of the CPU, so that a column of a matrix stays in the registers.
WIDTH = LANES // 2

Matrix = Sequence[Sequence[SupportsFloat]]


class Lines:
    """What `make_transform` writes: sums of vectors times constants."""

    def __init__(self, builder, vector):
        self.builder, self.vector = builder, vector
        self.multiply_add = multiply_add(builder, vector)

    def constant(self, value):
        return ir.Constant(self.vector, [value] * self.vector.count)

    def sum(self, terms):
        """The sum of (factor, vector) pairs; None where all factors are 0."""
        total = None
        for factor, value in sorted(terms, key=lambda term: abs(term[0]) != 1):  # what needs no product comes first
            if factor == 0:
                continue
            if total is None:
                total = value if factor == 1 else self.builder.fmul(self.constant(factor), value)
            elif abs(factor) == 1:
                total = (self.builder.fadd if factor == 1 else self.builder.fsub)(total, value)
            else:
                total = self.builder.call(self.multiply_add, [self.constant(factor), value, total])
        return total

    def plus(self, a, b, sign=1):
        if a is None or b is None:
            return b if a is None and sign == 1 else self.builder.fneg(b) if a is None else a
        return (self.builder.fadd if sign == 1 else self.builder.fsub)(a, b)

    def product(self, matrix: list[list[float]], values: list) -> list:
        """matrix @ values, written out."""
        matrix, values = self._columns_paired([list(row) for row in matrix], list(values))
        out: list = []
        while len(out) < len(matrix):
            row = matrix[len(out)]
            other = matrix[len(out) + 1] if len(out) + 1 < len(matrix) else None
            same = [j for j, f in enumerate(row) if f and other and other[j] == f]
            turned = [j for j, f in enumerate(row) if f and other and other[j] == -f]
            if other and same and turned and len(same) + len(turned) == sum(f != 0 for f in row) == _nonzero(other):
                a, b = (self.sum([(row[j], values[j]) for j in chosen]) for chosen in (same, turned))
                out += [self.plus(a, b), self.plus(a, b, -1)]
            else:
                out.append(self.sum(list(zip(row, values, strict=True))))
        return out

    def _columns_paired(self, matrix, values):
        """Where two neighbouring columns differ in signs alone, their values' sum and difference take their place."""
        j = 0
        while j + 1 < len(values):
            a, b = ([row[k] for row in matrix] for k in (j, j + 1))
            if all(abs(x) == abs(y) for x, y in zip(a, b, strict=True)) and a != b and a != [-x for x in b]:
                values[j : j + 2] = (
                    self.builder.fadd(values[j], values[j + 1]),
                    self.builder.fsub(values[j], values[j + 1]),
                )
                for row, x, y in zip(matrix, a, b, strict=True):
                    row[j : j + 2] = (x, 0) if x == y else (0, x)
                j += 1
            j += 1
        return matrix, values


def _nonzero(row):
    return sum(f != 0 for f in row)


def make_transform(*matrices: Matrix, added: bool = False):
    """The product with one of some matrices (rows, columns) as a function for Numba loops; all arrays are flat.

    added    whether to each row of the result a vector is added
    """
    written = [[[float(factor) for factor in row] for row in matrix] for matrix in matrices]

    @intrinsic
    def transform(context, kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, start):
        """target[t + c*t_next + i*t_step + l] = sum over j of matrix[i][j] * source[s + c*s_next + j*s_step + l],

        with the matrix at place `kind` among them, for columns c < count and lanes l < `lanes`, a multiple of WIDTH.
        Where that is asked for, start[l] is added.
        """
        i = types.intp
        signature = types.void(i, target, i, i, i, source, i, i, i, i, i, start)

        def generate(context, builder, signature, args):
            kind, target, t, t_step, t_next, source, s, s_step, s_next, count, lanes, start = pointers(
                context, builder, signature, args
            )
            vector = ir.VectorType(ir.FloatType(), WIDTH)
            lines = Lines(builder, vector)

            def number(n):
                return context.get_constant(types.intp, n)

            def at(pointer, first, step, n):
                return vector_at(builder, pointer, vector, first, builder.mul(step, number(n)))

            def write(matrix):
                with cgutils.for_range_slice(builder, number(0), lanes, number(WIDTH)) as (lane, _):
                    plus = builder.load(vector_at(builder, start, vector, lane), align=4) if added else None
                    with cgutils.for_range(builder, count) as loop:
                        s_at = builder.add(builder.add(s, lane), builder.mul(loop.index, s_next))
                        t_at = builder.add(builder.add(t, lane), builder.mul(loop.index, t_next))
                        values = [builder.load(at(source, s_at, s_step, j), align=4) for j in range(len(matrix[0]))]
                        for n, value in enumerate(lines.product(matrix, values)):
                            value = builder.fadd(value, plus) if added else value
                            builder.store(value, at(target, t_at, t_step, n), align=4)

            end = builder.append_basic_block("end")
            cases = builder.switch(kind, end)
            for n, matrix in enumerate(written):
                block = builder.append_basic_block("kind")
                cases.add_case(number(n), block)
                builder.position_at_end(block)
                write(matrix)
                builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return signature, generate

    return transform
