"""Functions that a program registers with Numba for its kernels: by @overload, and by @register_jitable."""

import numpy as np
import pytest
from numba import types
from numba.core.errors import TypingError
from numba.cuda.extending import overload, register_jitable

from kernels.gpu import cuda, kernel
from kernels.gpu.interpreter import OutOfBounds, Unsupported
from tests.gpu.alike import assert_alike


def scaled(x, by=2.0):
    """What is called in kernels: what it does there, its overloads say."""


@overload(scaled, target="generic")
def scaled_for_any_target(x, by=2.0):
    return lambda x, by=2.0: -1.0


@overload(scaled, target="cuda")
def scaled_for_cuda(x, by=2.0):
    if hasattr(x, "dtype"):

        def array(x, by=2.0):
            for i in range(x.size):
                x[i] *= by
            return x.size * 1.0

        return array

    def number(x, by=2.0):
        return x * by

    return number


@register_jitable
def scaled_here(x):
    return scaled(x) + cuda.threadIdx.x


@kernel
def calls_them(x, y):
    i = cuda.threadIdx.x
    y[i] = scaled_here(x[i])
    if i == 0:
        y[2], y[3] = scaled(x[2:4], by=3.0), scaled(np.float32(1.5))


def test_the_overload_for_the_types_of_a_call_is_executed():
    x, y = assert_alike(calls_them, np.arange(1.0, 6.0), np.zeros(4), block=2)
    assert y.tolist() == [2.0, 5.0, 2.0, 3.0]
    assert x.tolist() == [1.0, 2.0, 9.0, 12.0, 5.0]


def of_literals(x):
    """What its overloads do with an integer that is written in the kernel, they may know when they are compiled."""


def of_literals_last(x):
    """The same, but asked for any integer first."""


def by_literal(x):
    if isinstance(x, types.IntegerLiteral):
        if x.literal_value != 1:
            raise TypingError("no other")
        return lambda x: 51966
    return lambda x: x * 100


overload(of_literals, prefer_literal=True)(by_literal)
overload(of_literals_last)(by_literal)


@kernel
def calls_with_literals(n, y):
    y[0], y[1], y[2] = of_literals(1), of_literals(2), of_literals(n)
    y[3], y[4] = of_literals_last(1), of_literals_last(n)


def test_overloads_may_ask_for_what_is_written():
    (y,) = assert_alike(calls_with_literals, 1, np.zeros(5))
    assert y.tolist() == [51966, 200, 100, 100, 100]


@register_jitable
def beyond(x):
    return x[x.size]


@kernel
def leaves_in_a_registered_function(x, y):
    y[0] = beyond(x)


def test_what_is_wrong_in_one_is_told_of_the_line_that_calls_it():
    with pytest.raises(OutOfBounds, match=r"x\[2\] is out of bounds.*: y\[0\] = beyond\(x\)"):
        leaves_in_a_registered_function[1, 1](np.zeros(2), np.zeros(1)).interpret(checked=True)


def registered_nowhere(x):
    return x


@kernel
def calls_what_is_registered_nowhere(x):
    x[0] = registered_nowhere(x[0])


def test_another_function_is_refused():
    with pytest.raises(Unsupported, match="registered_nowhere"):
        calls_what_is_registered_nowhere[1, 1](np.zeros(1)).interpret()
