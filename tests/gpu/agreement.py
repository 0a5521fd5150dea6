"""Kernels whose results Numba's typing and the hardware decide, and what they write: the table of cases.

Each expectation was read off the PTX that the kernel compiles to, whose instructions the case names, and is computed
here in NumPy's arithmetic of fixed widths. Whatever executes kernels must write the same bits.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from kernels.gpu import compiler, cuda, device, float32, kernel

ALL_LANES = 0xFFFFFFFF
NAN, INFINITY = np.nan, np.inf


@dataclass(frozen=True)
class Case:
    """A kernel, what it is given, what it writes into its last argument, and instructions of its PTX that say so."""

    kernel: Any
    inputs: tuple
    expected: np.ndarray
    instructions: tuple[str, ...]
    block: int = 1

    def __str__(self):
        return f"{self.kernel.name}-{'-'.join(str(x.dtype) for x in self.inputs)}"

    def launch(self):
        """The launch of the kernel on arrays of its own."""
        return self.kernel[1, self.block](*(x.copy() for x in self.inputs), np.zeros_like(self.expected))


# One operand: computed in its own width, and only then as wide as Numba types it, which is 64 bits


@kernel
def negated(x, y):
    for i in range(x.size):
        y[i] = -x[i]


@kernel
def complemented(x, y):
    for i in range(x.size):
        y[i] = ~x[i]


@kernel
def absolute(x, y):
    for i in range(x.size):
        y[i] = abs(x[i])


def one_operand():
    for bits in (8, 16, 32, 64):
        for name in (f"int{bits}", f"uint{bits}"):
            limits = np.iinfo(name)
            x = np.array([limits.min, limits.max, 1, 0], name)
            yield Case(negated, (x,), np.negative(x).astype(np.int64), (f"neg.s{max(bits, 16)}",))
            instruction = "xor.b64" if name[0] == "u" and bits < 64 else "not.b64"  # the bits above stay 0
            yield Case(complemented, (x,), np.invert(x).astype(np.int64), (instruction,))
            yield Case(absolute, (x,), np.abs(x).astype(np.int64), ())


# max and min: of two floats an instruction, which passes NaN over; else a comparison that selects


@kernel
def at_least_zero(x, y):
    for i in range(x.size):
        y[i] = max(x[i], 0)


@kernel
def zero_or_more(x, y):
    for i in range(x.size):
        y[i] = max(0, x[i])


@kernel
def at_most_zero(x, y):
    for i in range(x.size):
        y[i] = min(x[i], 0)


@kernel
def at_least_float_zero(x, y):
    for i in range(x.size):
        y[i] = max(x[i], float32(0))


@kernel
def largest_of_three(x, y):
    for i in range(y.size):
        y[i] = max(x[i, 0], x[i, 1], x[i, 2])


@kernel
def smallest_of_three(x, y):
    for i in range(y.size):
        y[i] = min(x[i, 0], x[i, 1], x[i, 2])


@kernel
def larger_of_two(x, z, y):
    for i in range(x.size):
        y[i] = max(x[i], z[i])


FLOATS = np.array([NAN, -1, 2, -0.0, 0.0, -INFINITY, INFINITY])
TRIPLES = np.array([[NAN, 1, 2], [1, NAN, 2], [2, 1, NAN], [3, 2, 1], [1, 3, 2], [NAN, NAN, 1], [-0.0, 0.0, -0.0]])


def extremes():
    compared, selected = ("setp.lt.f64", "selp.f64"), ("setp.gt.f64", "selp.f64")
    for dtype in (np.float32, np.float64):
        bits = np.finfo(dtype).bits
        x, three = FLOATS.astype(dtype), TRIPLES.astype(dtype)
        # Nothing is larger than NaN, so it stays where it comes first; -0.0 is no smaller than 0.
        yield Case(at_least_zero, (x,), np.array([NAN, 0, 2, -0.0, 0, 0, INFINITY], dtype), compared)
        yield Case(at_most_zero, (x,), np.array([NAN, -1, 0, -0.0, 0, -INFINITY, 0], dtype), selected)
        yield Case(zero_or_more, (x,), np.array([0, 0, 2, 0, 0, 0, INFINITY], dtype), ("max.f64",))
        yield Case(at_least_float_zero, (x,), np.array([0, 0, 2, 0, 0, 0, INFINITY], dtype), (f"max.f{bits}",))
        ordered = (f"setp.gt.f{bits}", f"selp.f{bits}")
        yield Case(largest_of_three, (three,), np.array([NAN, 2, 2, 3, 3, NAN, -0.0], dtype), ordered)
        ordered = (f"setp.lt.f{bits}", f"selp.f{bits}")
        yield Case(smallest_of_three, (three,), np.array([NAN, 1, 1, 1, 1, NAN, -0.0], dtype), ordered)
    one, other = np.array([NAN, 1, -0.0, NAN], np.float32), np.array([1, NAN, 0.0, NAN], np.float32)
    yield Case(larger_of_two, (one, other), np.array([1, 1, 0.0, NAN], np.float32), ("max.f32",))
    yield Case(larger_of_two, (one, other.astype(np.float64)), np.array([1, 1, 0.0, NAN]), ("max.f64",))
    # int64 and uint64 have float64 in common, and so lose what it does not hold.
    signed, unsigned = np.array([-1, 2**53 + 1, 5], np.int64), np.array([1, 2**53, 2**63], np.uint64)
    largest = np.maximum(signed.astype(np.float64), unsigned.astype(np.float64))
    yield Case(larger_of_two, (signed, unsigned), largest, ("cvt.rn.f64.s64", "cvt.rn.f64.u64", "selp.f64"))
    x = np.array([-5, 0, 7], np.int8)
    yield Case(at_least_zero, (x,), np.maximum(x, 0).astype(np.int64), ("max.s64",))
    # An integer and a float: selected, though the result is a float.
    yield Case(larger_of_two, (np.array([1, 3], np.int32), np.array([NAN, 2.5])), np.array([1.0, 3.0]), ("selp.f64",))


# Device functions that were declared: arguments and results have the declared types


def declared(signature, **options):
    """Decorator: a device function that Numba compiles for a signature; of a GPU it asks the capability only."""

    def compile_it(function):
        launcher = compiler.cuda.dispatcher
        asked, gpu = launcher.get_current_device, SimpleNamespace(compute_capability=(9, 0))
        launcher.get_current_device = lambda: gpu
        try:
            return cuda.jit(signature, device=True, **options)(function)
        finally:
            launcher.get_current_device = asked

    return compile_it


@declared("float32(float32)")
def tenth(a):
    return a * 0.1


@declared("float32(float32)", inline="always")
def inlined_tenth(a):
    return a * 0.1


@declared(["float32(float32)", "float64(float64)"])
def tenth_of_both(a):
    return a * 0.1


@declared("int8(int8)")
def next_int8(a):
    return a + 1


@declared("int32(float64)")
def rounded_down(a):
    if a > 0:
        return a
    return -1


@declared("float32(float32[:], uint8)")
def tenth_at(x, i):
    return x[i] * 0.1


@kernel
def tenths(x, y):
    for i in range(x.size):
        y[i] = tenth(x[i])


@kernel
def inlined_tenths(x, y):
    for i in range(x.size):
        y[i] = inlined_tenth(x[i])


@kernel
def tenths_of_both(x, y):
    for i in range(x.size):
        y[i] = tenth_of_both(x[i])


@kernel
def next_int8s(x, y):
    for i in range(x.size):
        y[i] = next_int8(x[i])


@kernel
def all_rounded_down(x, y):
    for i in range(x.size):
        y[i] = rounded_down(x[i])


@kernel
def tenths_at(x, y):
    for i in range(y.size):
        y[i] = tenth_at(x, i + 256)


def declarations():
    x = np.array([0.1, -3.7, 1e-30, 16777217.0])
    short = (x.astype(np.float32).astype(np.float64) * 0.1).astype(np.float32).astype(np.float64)
    yield Case(tenths, (x,), short, ("cvt.rn.f32.f64",))
    yield Case(tenths, (np.array([16777217, 3], np.int32),), (np.array([16777216, 3]) * 0.1).astype(np.float32), ())
    yield Case(inlined_tenths, (x,), x * 0.1, ("mul.f64",))  # where it is inlined, what is declared is lost
    yield Case(tenths_of_both, (x,), x * 0.1, ("mul.f64",))
    yield Case(tenths_of_both, (x.astype(np.float32),), short, ("cvt.rn.f32.f64",))
    wide = np.array([127, -128, 300, 2**40 + 5], np.int64)
    yield Case(next_int8s, (wide,), (wide.astype(np.int8) + np.int8(1)).astype(np.int64), ("shl.b64", "shr.s64"))
    yield Case(all_rounded_down, (np.array([3.9, -3.9]),), np.array([3, -1], np.int64), ("cvt.rzi.s32.f64",))
    row = np.array([0.1, 0.7], np.float32)
    yield Case(tenths_at, (row,), (row.astype(np.float64) * 0.1).astype(np.float32).astype(np.float64), ())


# Shuffles: of a distance, a mask or the number of a lane the hardware takes five bits (PTX ISA, shfl.sync)


@kernel
def from_lane(x, by, y):
    i = cuda.threadIdx.x
    y[i] = cuda.shfl_sync(ALL_LANES, x[i], by[0])


@kernel
def from_below(x, by, y):
    i = cuda.threadIdx.x
    y[i] = cuda.shfl_up_sync(ALL_LANES, x[i], by[0])


@kernel
def from_above(x, by, y):
    i = cuda.threadIdx.x
    y[i] = cuda.shfl_down_sync(ALL_LANES, x[i], by[0])


@kernel
def from_partner(x, by, y):
    i = cuda.threadIdx.x
    y[i] = cuda.shfl_xor_sync(ALL_LANES, x[i], by[0])


def shuffles():
    lanes, x = np.arange(32), np.arange(100, 132, dtype=np.float32)
    for by in (0, 3, 31, 32, 35, -1, -32, 2**31 + 3, 2**32 + 3):
        five = by % 32
        below, above = lanes - five, lanes + five
        for shuffle, source, mode in (
            (from_lane, np.full(32, five), "idx"),
            (from_below, np.where(below >= 0, below, lanes), "up"),
            (from_above, np.where(above < 32, above, lanes), "down"),
            (from_partner, lanes ^ five, "bfly"),
        ):
            yield Case(shuffle, (x, np.array([by])), x[source], (f"shfl.sync.{mode}.b32",), block=32)


# Extents that are written or named, wherever the name comes from

SIDE = 3
SIDES = (SIDE, 2)


@device
def last_of(length):
    kept = cuda.local.array(length, float32)
    for i in range(length):
        kept[i] = i
    return kept[length - 1]


@kernel
def named_shapes(y, *, LENGTH=5, PAIR=(2, 3)):
    n = 4
    shape = (n, LENGTH)
    y[0] = len(cuda.shared.array(LENGTH, float32))
    y[1] = cuda.shared.array(SIDES, "float32").shape[1]
    y[2] = cuda.local.array((SIDE, LENGTH), y.dtype).size
    y[3] = cuda.local.array(PAIR, np.float32).size
    y[4] = cuda.local.array(shape, dtype=float32).size
    y[5] = cuda.local.array(PAIR[0], float32, alignment=16).size
    y[6] = last_of(LENGTH)
    y[7] = cuda.local.array(4 + 4, float32).size


def shapes():
    yield Case(named_shapes, (), np.array([5, 2, 15, 6, 20, 2, 4, 8], np.float32), ())


CASES = [*one_operand(), *extremes(), *declarations(), *shuffles(), *shapes()]
