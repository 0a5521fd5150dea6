"""The interpreter computes what Numba compiles: same types, same bits. The oracle is njit on the CPU."""

import linecache
import math
import re
import textwrap
import types as python_types
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numba.core.errors import TypingError
from numba.core.types import unliteral

from kernels.gpu import float32, float64, int32, int64, uint32
from kernels.gpu.interpreter import Undefined, Unsupported, arithmetic
from kernels.gpu.interpreter.rewritten import LARGE, SMALL, Rewritten, describe, plain
from kernels.gpu.source import Source

NAMES = {"math": math, "float32": float32, "float64": float64, "int32": int32, "int64": int64, "uint32": uint32}
VARIABLES = ("f", "d", "i", "n")  # float32, float64, int32, int64
COUNTER = iter(range(10**9))


def function_from(body):
    """A Python function of the four variables, with source that inspect can find."""
    text = f"def expressions({', '.join(VARIABLES)}):\n{textwrap.indent(body, '    ')}\n"
    file = f"<generated {next(COUNTER)}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    namespace = dict(NAMES)
    exec(compile(text, file, "exec"), namespace)
    return namespace["expressions"]


def values_of(f=0.0, d=0.0, i=0, n=0):
    return np.float32(f), np.float64(d), np.int32(i), np.int64(n)


def interpreted(function, arguments, largest=LARGE):
    """Types and values of the tuple that a function returns, and whether an int64 overflowed on the way."""
    kernel = python_types.SimpleNamespace(name="expressions", source=Source(function, {}))
    known = tuple(describe("argument", argument, largest) for argument in arguments)
    program = Rewritten(kernel, known, largest, False)
    overflows = []

    def wrap(value, low, high):
        if low == -(2**63):
            overflows.append(value)
        return arithmetic.wrap(value, low, high)

    program.namespace["$wrap"] = wrap
    with np.errstate(all="ignore"):
        values = program.run(SimpleNamespace(turns=range(1000)), *map(plain, arguments))
    return [item.type for item in program.result.items], values, bool(overflows)


def compiled(jitted, arguments):
    """Types and values from njit, or no test at all: not every expression that can be drawn has types in Numba."""
    try:
        values = jitted(*arguments)
    except TypingError:
        assume(False)
    return [unliteral(type_) for type_ in jitted.nopython_signatures[-1].return_type], values


def njit(function):
    return numba.njit(error_model="numpy")(function)


def assert_same(function, several, ulps=0, largest=LARGE, parts=()):
    """Interpreter and njit agree on types and values; `parts` are the items of the tuple as functions of their own.

    A value computed with an int64 that overflowed is not compared: Numba promises LLVM that there are none (nsw),
    and LLVM at times takes it at its word. That overflow wraps otherwise, a test of its own shows.
    """
    jitted = njit(function)
    for arguments in several:
        expected_types, expected = compiled(jitted, arguments)
        results = [interpreted(part, arguments, largest) for part in parts or [function]]
        assert [type_ for types, _, _ in results for type_ in types] == expected_types
        found = [(value, overflowed) for _, values, overflowed in results for value in values]
        for type_, a, (b, overflowed) in zip(expected_types, expected, found, strict=True):
            if not overflowed:
                assert_same_value(type_, a, b, ulps)


def assert_same_expressions(texts, several, largest=LARGE):
    parts = [function_from(f"return ({text},)") for text in texts]
    assert_same(function_from(f"return ({', '.join(texts)},)"), several, largest=largest, parts=parts)


def assert_same_value(type_, a, b, ulps=0):
    if type_ not in (float32, float64):
        assert int(a) == int(b)
        return
    assert type_ != float32 or isinstance(b, np.float32)
    a, b = (np.float32 if type_ == float32 else np.float64)([a, b])
    if ulps and np.isfinite(a):
        assert abs(a - b) <= ulps * np.spacing(max(abs(a), abs(b)))
    else:
        assert a.tobytes() == b.tobytes() or (np.isnan(a) and np.isnan(b))


# Strategies

floats32 = st.floats(width=32) | st.sampled_from([0.0, -0.0, math.inf, 1.5, 1e-40, 3e38])
floats64 = st.floats() | st.sampled_from([0.0, -0.0, 1.5, 1e300, 5e-324])
small = st.integers(-(2**16), 2**16)
ints32 = st.integers(-(2**31), 2**31 - 1) | st.integers(-8, 8)
ints64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-8, 8)
arguments = st.builds(values_of, floats32, floats64, ints32, ints64)

# Expressions are grown from templates: {I} an expression of integers, {N} of any numbers, {V} a variable. Conditions
# compare with a variable, because Numba prunes some branches on constants before it types them, and some not.
INTEGER_LEAVES = ("i", "n", "i", "n", "3", "(-7)", "63", "1099511627776")
INTEGER_FORMS = (
    *(f"({{I}} {op} {{I}})" for op in ("+", "-", "*", "//", "%", "&", "|", "^")),
    *(f"({{I}} {op} {by})" for op in ("<<", ">>") for by in (1, 31)),
    "({I} << (n & 63))",
    "({I} >> (i & 31))",
    "(-{I})",
    "(~{I})",
    "abs({I})",
    "min({I}, {I})",
    "max({I}, {I})",
    "int64(int32({I}))",
    "int64(uint32({I}))",
    "({I} if {I} < {V} else {I})",
)
NUMBER_LEAVES = ("f", "d", "f", "d", "i", "n", "0.5", "(-2.0)", "1e10", "float32(0.1)", "2", "(-1)")
NUMBER_FORMS = (
    *(f"({{N}} {op} {{N}})" for op in ("+", "-", "*", "/", "//", "%", "<", "==", ">=")),
    "(-{N})",
    "(not {N})",
    "abs({N})",
    "float32({N})",
    "float64({N})",
    "math.sqrt({N})",
    "math.fabs({N})",
    "({N} < {V} and {N} >= {V})",
    "({N} != {V} or {N} > {V})",
    "({N} < {N} <= {N})",
    "({N} if {N} < {V} else {N})",
    "({N} if {V} else {N})",
    "{I}",
)


def filled(template, slots):
    """The template with each {slot} replaced by what a call of its function gives."""
    return re.sub(r"\{(\w+)\}", lambda slot: slots[slot.group(1)](), template)


@st.composite
def expressions(draw, forms, leaves, depth=3):
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(leaves))
    slots = {
        "I": lambda: draw(expressions(INTEGER_FORMS, INTEGER_LEAVES, depth - 1)),
        "N": lambda: draw(expressions(NUMBER_FORMS, NUMBER_LEAVES, depth - 1)),
        "V": lambda: draw(st.sampled_from(VARIABLES)),
    }
    return filled(draw(st.sampled_from(forms)), slots)


integers = expressions(INTEGER_FORMS, INTEGER_LEAVES)
numbers = expressions(NUMBER_FORMS, NUMBER_LEAVES)
STATEMENTS = (
    "if {V} < {V}:\n{block}\nelse:\n{block}",
    "if {V}:\n{block}",
    "for k in range(3):\n{block}",
    "for k in range(n & 3):\n{block}",
    "for k in range(1, 9, 3):\n    if k > {V}:\n        break\n{block}",
    "for k in range(4):\n    if k < {V}:\n{deeper}\n        continue\n{block}",
    "w = n & 3\nwhile w > 0:\n    w -= 1\n{block}",
)


@st.composite
def statements(draw, depth=2):
    """Assignments to x, y and z, in branches and loops."""
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        target, operator = draw(st.sampled_from("xyz")), draw(st.sampled_from(["=", "=", "+=", "*=", "-="]))
        return f"{target} {operator} {draw(expressions(NUMBER_FORMS, (*NUMBER_LEAVES, 'x', 'y', 'z'), 2))}"
    slots = {
        "block": lambda: textwrap.indent(draw(statements(depth - 1)), "    "),
        "deeper": lambda: textwrap.indent(draw(statements(depth - 1)), "        "),
        "V": lambda: draw(st.sampled_from(VARIABLES)),
    }
    return filled(draw(st.sampled_from(STATEMENTS)), slots)


# Drawn expressions and programs


@given(st.lists(numbers, min_size=8, max_size=8), st.lists(arguments, min_size=1, max_size=4))
def test_expressions_have_the_type_and_the_bits_that_numba_gives_them(texts, several):
    assert_same_expressions(texts, several)


def test_a_constant_may_stand_within_a_chain_of_comparisons():
    assert_same_expressions(["n < (-float32(0.1)) <= (d == 1e10)", "n < -2 < f"], [values_of(1, 1e10, 0, -5)])


@given(st.lists(integers, min_size=8, max_size=8), st.lists(arguments, min_size=1, max_size=4))
def test_expressions_of_integers_are_those_of_numba(texts, several):
    assert_same_expressions(texts, several)


@given(st.lists(numbers, min_size=3, max_size=3), st.lists(statements(), min_size=1, max_size=3), arguments)
def test_a_variable_has_one_type_where_paths_meet(first, program, values):
    """x = float32(0) before a loop that adds float64 values is a float64 from the start of the loop."""
    lines = [f"{v} = {e}" for v, e in zip("xyz", first, strict=True)]
    assert_same(function_from("\n".join([*lines, *program, "return (x, y, z)"])), [values])


@given(st.lists(integers, min_size=6, max_size=6), st.lists(st.tuples(small, small), min_size=1, max_size=4))
def test_bounds_known_before_the_run_change_no_result(texts, several):
    assert_same_expressions(texts, [values_of(1, 1, i, n) for i, n in several], largest=SMALL)


SINGLE = ("n + i", "n - i", "n * n", "i * i", "-n", "n << 1", "n << 63", "abs(n)", "int32(n)", "uint32(n)", "n // -1")
single_steps = function_from(f"return ({', '.join(SINGLE)})")
single_steps_jitted = njit(single_steps)


@given(ints32, ints64 | st.sampled_from([-(2**63), 2**63 - 1, -(2**31), 2**31 - 1, 2**32, -1, 3037000500]))
def test_an_integer_that_overflows_wraps(i, n):
    expected_types, expected = compiled(single_steps_jitted, values_of(i=i, n=n))
    found_types, found, _ = interpreted(single_steps, values_of(i=i, n=n))
    assert found_types == expected_types
    assert list(found) == list(expected)


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_a_sign_or_a_complement_is_computed_in_the_width_of_its_operand(name):
    """As in PTX, neg.s32 before cvt.s64.s32: minus the least int32 is the least int32, as the int64 that it becomes."""
    type_ = getattr(np, name)
    function = function_from("return (-i, ~i, +i)")
    for value in (3, np.iinfo(type_).min, np.iinfo(type_).max):
        assert_same(function, [(np.float32(0), np.float64(0), type_(value), np.int64(0))])


# Functions

UNARY = (
    *("exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos"),
    *("atan", "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma"),
)
POINTS = (-math.inf, -720.5, -3.0, -1.0, -0.5, -0.0, 0.0, 1e-30, 0.3, 1.0, 2.5, 40.25, 720.5, math.inf, math.nan)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_math_agree_with_numba(name):
    function = function_from(f"return (math.{name}(f), math.{name}(d), math.{name}(i))")
    jitted = njit(function)
    for point in POINTS:
        values = values_of(point, point, int(point) if math.isfinite(point) else 7)
        expected_types, expected = compiled(jitted, values)
        found_types, found, _ = interpreted(function, values)
        assert found_types == expected_types
        assert isinstance(found[0], np.float32)
        np.testing.assert_allclose(np.float64(found[0]), np.float32(expected[0]), rtol=3e-7, atol=1e-38)
        np.testing.assert_allclose(found[1:], expected[1:], rtol=2e-15)


def test_powers_and_functions_of_two_numbers_agree_with_numba():
    function = function_from(
        "return (f ** 2, d ** 3, i ** 2, f ** d, d ** f, n ** 2, f ** -1, n ** 0, 2 ** -1, math.pow(f, f),"
        " math.atan2(f, d), math.hypot(f, f), math.copysign(d, f))"
    )
    points = ((1.5, 2.25, 3), (0.1, -1.7, -4), (2.0, 0.5, 0), (-3.0, 1.0, 46341))
    assert_same(function, [values_of(f, d, i, i) for f, d, i in points], ulps=1)


def test_floor_and_ceil_of_a_float_are_floats_as_cuda_compiles_them():
    function = function_from("return (math.floor(f), math.ceil(d), math.floor(i), math.trunc(f))")
    found_types, found, _ = interpreted(function, values_of(-1.5, -0.5, 3))
    assert found_types == [float32, float64, float64, float32]
    assert [str(float(value)) for value in found] == ["-2.0", "-0.0", "3.0", "-1.0"]


def test_max_of_a_number_and_nan_is_the_number_as_cuda_compiles_it():
    function = function_from("return (max(f, d), min(f, d), max(f, float32(1)), max(-0.0, 0.0), min(0.0, -0.0))")
    _, found, _ = interpreted(function, values_of(math.nan, 2))
    assert [str(float(value)) for value in found] == ["2.0", "2.0", "1.0", "0.0", "-0.0"]


# Refusals


def test_a_float_that_fits_no_integer_is_refused():
    function = function_from("return (int32(f),)")
    for value in (math.nan, math.inf, 3e9):
        with pytest.raises(Undefined, match="undefined"):
            interpreted(function, values_of(f=value))


def test_a_shift_by_more_bits_than_there_are_is_refused():
    function = function_from("return (n << i,)")
    for by in (-1, 64):
        with pytest.raises(Undefined, match="undefined"):
            interpreted(function, values_of(i=by))


def test_what_numba_does_not_type_is_refused():
    with pytest.raises(Unsupported, match="and_"):
        interpreted(function_from("return (f & 1,)"), values_of())
