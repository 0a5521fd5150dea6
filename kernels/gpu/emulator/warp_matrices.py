"""Matrices that a warp holds together, each lane some elements: rows of them in shared memory, and products.

Layouts by the PTX ISA, 9.7.14: with g = lane / 4 and q = lane % 4, where a register holds E elements, element e of
register r is, in a matrix A of 16 rows, A[g + 8 (r % 2), 4 E (r / 2) + E q + e]; in one of 8 rows A[g, E q + e];
B[4 E r + E q + e, g]; and of an accumulator C[g + 8 (i / 2), 2 q + i % 2], where i counts elements.
"""

import math

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from kernels.gpu.emulator import layout

DEPOSIT, RESULT = layout.DEPOSIT // 4, layout.RESULT // 4

# What elements are, by number, and how many bits they have.
FORMATS = ("f16", "bf16", "tf32", "f64", "s8", "u8", "s4", "u4", "e4m3", "e5m2", "f32", "s32")
F16, BF16, TF32, F64, S8, U8, S4, U4, E4M3, E5M2, F32, S32 = range(len(FORMATS))
BITS = np.array([16, 16, 32, 64, 8, 8, 4, 4, 8, 8, 32, 32])
ROWS = 1 << 16  # what tells rows of matrices, whose details are smaller, from products


def detail_of_rows(count: int, is_transposed: bool, is_stored: bool) -> int:
    """What ldmatrix and stmatrix of `count` matrices of 8 x 8 are to meet."""
    return count | is_transposed << 3 | is_stored << 4


def detail_of_product(m: int, k: int, a: str, b: str, c: str, d: str, is_clamped: bool) -> int:
    """What a product of A (m, k) and B (k, 8) of these formats is to meet, as the bits of a number."""
    formats = sum(FORMATS.index(name) << 4 * n for n, name in enumerate((a, b, c, d)))
    return formats | k << 16 | (m == 16) << 25 | is_clamped << 26


@numba.njit(nogil=True, cache=True)
def meet_for_matrices(threads, detail, at):
    """Write what each of 32 lanes gets; at[lane] is its thread."""
    if detail < ROWS:
        exchange_rows(threads, detail, at)
    else:
        multiply(threads, detail, at)


@numba.njit(nogil=True, cache=True)
def exchange_rows(threads, detail, at):
    """Tell each lane where the rows of its elements begin, one for each matrix; of a transposed matrix two.

    Lane 8 m + r has left the address of row r of matrix m.
    """
    count, is_transposed = detail & 7, detail >> 3 & 1
    for lane in range(32):
        t = at[lane]
        for m in range(count):
            if is_transposed:
                for e in range(2):
                    threads[t, RESULT + 2 * m + e] = threads[at[8 * m + 2 * (lane % 4) + e], DEPOSIT]
            else:
                threads[t, RESULT + m] = threads[at[8 * m + lane // 4], DEPOSIT]


@numba.njit(nogil=True, cache=True)
def multiply(threads, detail, at):
    """D = A B + C. Products are exact and are added to C in the order of k in float64, rounded once at the end.

    In which order a GPU adds, and how it rounds in between, no manual says. Only of float64 each sum is rounded; there
    and here, as that is what fma does. Integers wrap, or with .satfinite are clamped.
    """
    of_a, of_b, of_c, of_d = detail & 15, detail >> 4 & 15, detail >> 8 & 15, detail >> 12 & 15
    k, m = detail >> 16 & 511, 16 if detail >> 25 & 1 else 8
    a, b, c = np.empty((m, k)), np.empty((k, 8)), np.empty((m, 8))
    buffer = np.zeros(2, np.uint32)
    for lane in range(32):
        t, g, q = at[lane], lane // 4, lane % 4
        word = DEPOSIT
        each = max(32 // BITS[of_a], 1)
        for r in range(m * k // (32 * each)):
            row = g + 8 * (r % 2) if m == 16 else g
            column = 4 * each * (r // 2 if m == 16 else r) + each * q
            for e in range(each):
                a[row, column + e] = element(threads[t], word, e, of_a, buffer)
            word += 2 if of_a == F64 else 1
        for r in range(k * 8 // (32 * each)):
            for e in range(each):
                b[4 * each * r + each * q + e, g] = element(threads[t], word, e, of_b, buffer)
            word += 2 if of_b == F64 else 1
        each = max(32 // BITS[of_c], 1)
        for i in range(m // 4):
            c[g + 8 * (i // 2), 2 * q + i % 2] = element(threads[t], word, i % each, of_c, buffer)
            if i % each == each - 1:
                word += 2 if of_c == F64 else 1
    for row in range(m):
        for column in range(8):
            total = c[row, column]
            for n in range(k):
                total = fma(a[row, n], b[n, column], total)
            c[row, column] = total
    for lane in range(32):
        leave(threads[at[lane]], lane, c, of_d, detail >> 26 & 1, buffer)


@numba.njit(nogil=True, cache=True)
def leave(record, lane, d, of_d, is_clamped, buffer):
    """Write a lane's elements of D where it finds its results."""
    word = RESULT
    for i in range(d.shape[0] // 4):
        value = d[lane // 4 + 8 * (i // 2), 2 * (lane % 4) + i % 2]
        if of_d == F64:
            buffer.view(np.float64)[0] = value
            record[word], record[word + 1] = np.int32(buffer[0]), np.int32(buffer[1])
            word += 2
        elif of_d == F16:
            low = np.uint32(0) if i % 2 == 0 else np.uint32(record[word])
            record[word] = np.int32(low | half_bits(value) << np.uint32(16 * (i % 2)))
            word += i % 2
        elif of_d == F32:
            buffer.view(np.float32)[0] = np.float32(value)
            record[word] = np.int32(buffer[0])
            word += 1
        else:
            if is_clamped:
                value = min(max(value, -(2.0**31)), 2.0**31 - 1)
            record[word] = np.int32(np.int64(value) & 0xFFFFFFFF)
            word += 1


@numba.njit(nogil=True, cache=True)
def element(record, word, e, format, buffer):
    """Element e of a register, exactly, as a float64."""
    bits = np.uint32(record[word])
    if format == F64:
        buffer[0], buffer[1] = bits, np.uint32(record[word + 1])
        return buffer.view(np.float64)[0]
    if format == S32:
        return np.float64(record[word])
    if format in (F32, TF32, BF16):
        if format == TF32:
            bits &= np.uint32(0xFFFFE000)
        elif format == BF16:
            bits = bits & np.uint32(0xFFFF0000) if e else bits << np.uint32(16)
        buffer[0] = bits
        return np.float64(buffer.view(np.float32)[0])
    wide = BITS[format]
    part = np.int64(bits) >> wide * e & (1 << wide) - 1
    if format == F16:
        return half(part)
    if format == E5M2:
        return half(part << 8)
    if format == E4M3:
        return quarter(part)
    if format in (S8, S4) and part >> wide - 1:
        part -= 1 << wide
    return np.float64(part)


@numba.njit(nogil=True, cache=True)
def half(bits):
    """The float16 with these bits."""
    sign = -1.0 if bits >> 15 else 1.0
    exponent, fraction = bits >> 10 & 31, bits & 1023
    if exponent == 31:
        return np.nan if fraction else sign * np.inf
    if exponent == 0:
        return sign * math.ldexp(np.float64(fraction), -24)
    return sign * math.ldexp(np.float64(1024 + fraction), exponent - 25)


@numba.njit(nogil=True, cache=True)
def quarter(bits):
    """The e4m3 with these bits: four of exponent, three of fraction, no infinities, one NaN."""
    sign = -1.0 if bits >> 7 else 1.0
    exponent, fraction = bits >> 3 & 15, bits & 7
    if bits & 127 == 127:
        return np.nan
    if exponent == 0:
        return sign * math.ldexp(np.float64(fraction), -9)
    return sign * math.ldexp(np.float64(8 + fraction), exponent - 10)


@numba.njit(nogil=True, cache=True)
def half_bits(value):
    """The bits of the float16 that is nearest to a float64, of two the even one."""
    if math.isnan(value):
        return np.uint32(0x7FFF)
    sign = np.uint32(0x8000) if math.copysign(1.0, value) < 0 else np.uint32(0)
    size = abs(value)
    if size >= 65520.0:  # half a step above the largest
        return sign | np.uint32(0x7C00)
    exponent = max(math.frexp(size)[1] - 1, -14)
    steps = np.rint(math.ldexp(size, 10 - exponent))  # 1024 to 2048; fewer of a subnormal
    return sign | np.uint32((exponent + 14 << 10) + np.int64(steps))


@intrinsic
def fma(typing, a, b, c):
    """a b + c, rounded once."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate
