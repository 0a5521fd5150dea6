"""Constants of modules that are tuples, named tuples, members of enumerations and arrays; tuples made in kernels."""

import enum
from collections import namedtuple
from typing import NamedTuple

import numpy as np
import pytest

from kernels.gpu import cuda, device, float64, kernel
from kernels.gpu.interpreter import Unsupported
from tests.gpu.alike import assert_alike


class Shape(NamedTuple):
    width: int
    height: float = 1.5


class Mode(enum.Enum):
    FAST = 1.0
    EXACT = 2.5


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


Pair = namedtuple("Pair", ["first", "second"])

SHAPE = Shape(3, 2.5)
NESTED = Pair((1, 2), Shape(4, 5.0))
WEIGHTS = (0.5, 1.5, 2.5)
START = 1
TABLE = np.arange(6, dtype=np.int16).reshape(2, 3)
TURNED = TABLE.T
POINTS = np.array([(1, 2.5), (3, 4.5)], [("x", np.float32), ("y", np.float32)])
IS_ODD = np.array([False, True])


@kernel
def named_constants(x, y):
    y[0], y[1], y[2] = SHAPE.width, SHAPE[1], NESTED.second.height
    y[3] = NESTED.first[1] + len(NESTED)
    width, height = SHAPE
    y[4], y[5] = width, height


@device
def area(shape):
    return shape.width * shape.height


@device
def swapped(pair):
    return Pair(pair.second, pair.first)


@kernel
def made_in_kernels(x, y):
    shape = Shape(2, float64(x[1]))
    y[0], y[1] = area(shape), area(Shape(height=4.5, width=4))
    pair = swapped(Pair(second=1, first=x[2]))
    y[2], y[3] = pair.first, pair.second
    for i in range(3):
        shape = Shape(i, shape.height * 2)
    y[4] = shape.height
    either = Pair(1, 2) if x[0] > 0 else Pair(3, 4)
    y[5] = either.second


@kernel
def slices_of_tuples(x, y):
    y[0], y[1], y[2] = WEIGHTS[1:][0], WEIGHTS[::-1][0], WEIGHTS[START:][1]
    y[3], y[4] = len(WEIGHTS[:-1]), x.shape[:1][0]


@kernel
def members(x, y):
    y[0], y[1], y[2] = Mode.FAST.value, Mode.EXACT.value * 2, Level.HIGH.value
    y[3] = x[Level["LOW"]] + (Level.HIGH + 1) + Mode["EXACT"].value
    mode = Mode.EXACT
    if mode == Mode.EXACT and mode is not None:
        y[4] = 7
    if x[1] == Level.LOW.value:
        y[5] = 8


@kernel
def constant_arrays(x, y):
    table, points = cuda.const.array_like(TURNED), cuda.const.array_like(POINTS)
    for i in range(2):
        y[i] = table[2, i] + TABLE[i, 1:][1] + TURNED[1][i]
        y[2 + i] = points[i].y + POINTS.x[i] + IS_ODD[i]
    for row in TABLE:
        y[4] += row[2]


KERNELS = [named_constants, made_in_kernels, slices_of_tuples, members, constant_arrays]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_constants_are_those_of_the_compiled_kernel(kernel):
    _, y = assert_alike(kernel, np.array([0.5, 1, 2, 4], np.float32), np.zeros(6))
    assert y.any()


@kernel
def forgets_field(x, y):
    y[0] = Pair(1).first


@kernel
def leaves_default(x, y):
    y[0] = Shape(1).width


@kernel
def misspells_member(x, y):
    y[0] = Mode["SLOW"].value


@kernel
def misspells_field(x, y):
    y[0] = SHAPE.wide


@kernel
def slices_by_number_computed(x, y):
    y[0] = WEIGHTS[len(x) :][0]


@kernel
def adds_named(x, y):
    y[0] = (Pair(1, 2) + WEIGHTS)[2]


@kernel
def mixes_kinds(x, y):
    pair = Pair(1, 2) if x[0] > 0 else (3, 4)
    y[0] = pair[0]


@kernel
def mixes_types(x, y):
    pair = Pair(1, 2)
    if x[0] > 0:
        pair = Pair(1, 2.5)
    y[0] = pair.first


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (forgets_field, "Pair takes first, second, each once"),
        (leaves_default, "Shape takes width, height, each once"),
        (misspells_member, "Mode has the members FAST, EXACT"),
        (misspells_field, r"Shape\(int64, float64\) has no attribute wide: its fields are width, height"),
        (slices_by_number_computed, "a tuple takes a slice that is written or named only"),
        (adds_named, r"^adds_named: add\(.*\) is not supported by Numba"),
        (mixes_kinds, r"is \(int64, int64\) or Pair\(int64, int64\), depending"),
        (mixes_types, r"Pair\(int64, int64\), depending on the path taken"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_numba_does_not_compile_is_refused(kernel, text):
    for checked in (True, False):
        with pytest.raises(Unsupported, match=text):
            kernel[1, 1](np.ones(4, np.float32), np.zeros(6)).interpret(checked)
