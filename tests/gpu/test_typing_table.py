"""The table of Numba's typing rules: that it says what the installed numba-cuda says, and how it is read."""

import cmath
import math
import operator

import numpy as np
import pytest
from numba import types

from kernels.gpu.interpreter import asked, typing_rules, typing_table
from kernels.gpu.interpreter.errors import Unsupported
from tests import typing_table as generator

WRITE = "python -m tests.typing_table writes it anew"


def test_the_table_is_what_numba_says():
    """All of it, against the installed numba-cuda."""
    installed, kept = generator.table().split("\n\n"), typing_table.FILE.read_text().split("\n\n")
    assert set(installed) == set(kept), WRITE
    assert installed == kept, WRITE


@pytest.mark.parametrize(
    ("function", "given", "returned", "converted"),
    [
        (operator.add, (types.int32, types.int32), types.int64, (types.int64, types.int64)),
        (operator.truediv, (types.float32, types.int64), types.float64, (types.float64, types.float64)),
        (operator.invert, (types.boolean,), types.boolean, (types.boolean,)),
        (abs, (types.complex64,), types.float32, (types.complex64,)),
        (complex, (types.float32, types.float32), types.complex64, (types.float32, types.float32)),
        (math.pow, (types.float64, types.int16), types.float64, (types.float64, types.int32)),
        (math.frexp, (types.float32,), types.Tuple([types.float32, types.int32]), (types.float32,)),
        (math.modf, (types.float32,), types.UniTuple(types.float32, 2), (types.float32,)),
        (cmath.sqrt, (types.complex64,), types.complex64, (types.complex64,)),
        (range, (types.uint32,), types.unsigned_range_state64_type, (types.uint64,)),
        ("cuda.fma", (types.float32,) * 3, types.float32, (types.float32,) * 3),
        ("libdevice.sinf", (types.int32,), types.float32, (types.float32,)),
    ],
)
def test_how_it_is_read(function, given, returned, converted):
    found = typing_table.found(typing_table.name_of(function), given)
    assert found == (returned, converted)
    answer = asked.signature(function, given)
    assert found == (answer.return_type, answer.args)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (operator.add, (types.int32, types.intp, types.int32)),
        (operator.add, (types.int32, types.none)),
        (operator.lshift, (types.float32, types.int32)),
        (operator.getitem, (types.int32, types.int32)),
        (np.add, (types.int32, types.int32)),
        (lambda x: x, (types.int32,)),
    ],
)
def test_it_has_no_answer_to_what_numba_refuses_and_to_what_it_is_not_about(function, given):
    assert typing_table.found(typing_table.name_of(function), given) is None


def test_what_the_table_has_no_answer_to_is_asked_of_numba():
    array = types.Array(types.float32, 2, "C")
    row = typing_rules.signature(operator.getitem, array, types.int64).return_type
    assert row == types.Array(types.float32, 1, "C")
    assert typing_rules.unified(array, types.Array(types.float32, 2, "F")) == types.Array(types.float32, 2, "A")
    assert typing_rules.attribute(array, "T") == types.Array(types.float32, 2, "F")
    with pytest.raises(Unsupported, match=r"lshift\(float32, int32\) is not supported by Numba"):
        typing_rules.signature(operator.lshift, types.float32, types.int32)


def test_every_pair_of_types_has_a_common_one_or_none():
    for first in typing_table.TYPES.values():
        for second in typing_table.TYPES.values():
            assert typing_rules.unified(first, second) == asked.unified(first, second)


def test_the_loops_of_numpy_are_those_that_it_has_itself():
    """Of what NumPy and Numba both take: its own types of arguments and result."""
    letters = {type_: letter for letter, type_ in typing_table.TYPES.items()}
    for ufunc in (np.sin, np.divide, np.maximum, np.arctan2, np.invert):
        for kind in (types.int32, types.uint64, types.float32, types.float64):
            given = (kind,) * ufunc.nin
            found = typing_table.found(f"np.{ufunc.__name__}", given)
            try:
                wanted = ufunc.resolve_dtypes((*(np.dtype(letters[kind]),) * ufunc.nin, None))
            except TypeError:
                assert found is None
            else:
                assert [np.dtype(letters[type_]) for type_ in (*found.args, found.return_type)] == list(wanted)
