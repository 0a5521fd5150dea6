"""Reductions: every thread gets the sum, or the largest, of all; in blocks of one warp and of many, without a race."""

import numpy as np
import pytest

from kernels.gpu import cuda, float32, int32, kernel
from kernels.gpu.reduce import (
    block_argmax,
    block_max,
    block_sum,
    block_sum_of_known_warps,
    block_sum_of_warps,
    warp_max,
    warp_sum,
)

TREES = (1, 2, 4, 8, 64, 256)  # threads: no level, one, two ... eight
WARPS = (32, 64, 128, 256)


@kernel
def in_a_block(x, y, *, REDUCE=block_sum, BLOCK=4):
    """y[0] of x, and y[1] of what is not x, with the same shared memory."""
    shared = cuda.shared.array(BLOCK, float32)
    i = cuda.threadIdx.x
    y[0, i] = REDUCE(x[i], shared)
    y[1, i] = REDUCE(-x[i], shared)


@kernel
def in_known_warps(x, y, *, WARPS=1):
    """As `in_a_block`, with no more shared memory than warps."""
    shared = cuda.shared.array(WARPS, float32)
    i = cuda.threadIdx.x
    y[0, i] = block_sum_of_known_warps(x[i], shared)
    y[1, i] = block_sum_of_known_warps(-x[i], shared)


@kernel
def in_warps(x, y, *, REDUCE=warp_sum):
    i = cuda.threadIdx.x
    y[i] = REDUCE(x[i])


@kernel
def where_in_a_block(x, value, index, *, BLOCK=4):
    shared, shared_index = cuda.shared.array(BLOCK, float32), cuda.shared.array(BLOCK, int32)
    i = cuda.threadIdx.x
    value[0, i], index[0, i] = block_argmax(x[i], i, shared, shared_index)
    value[1, i], index[1, i] = block_argmax(-x[i], i, shared, shared_index)


def whole_numbers(size):
    """Whose sums float32 has exactly, in any order; some are equal."""
    return np.random.default_rng(size).integers(-9, 9, size).astype(np.float32)


def reduced(REDUCE, x):
    y = np.full((2, x.size), np.nan, np.float32)
    in_a_block(REDUCE=REDUCE, BLOCK=x.size)[1, x.size](x, y).interpret()
    return y


@pytest.mark.parametrize(
    ("sum_of", "block"), [(block_sum, n) for n in TREES] + [(block_sum_of_warps, n) for n in WARPS]
)
def test_every_thread_of_a_block_gets_the_sum_and_the_memory_may_serve_again(sum_of, block):
    x = whole_numbers(block)
    np.testing.assert_array_equal(reduced(sum_of, x), [[x.sum()] * block, [-x.sum()] * block])


@pytest.mark.parametrize("block", WARPS)
def test_the_sum_is_the_same_where_the_compiler_knows_how_many_warps_there_are(block):
    x = whole_numbers(block)
    y = np.full((2, block), np.nan, np.float32)
    in_known_warps(WARPS=block // 32)[1, block](x, y).interpret()
    np.testing.assert_array_equal(y, [[x.sum()] * block, [-x.sum()] * block])


@pytest.mark.parametrize("block", TREES)
def test_every_thread_of_a_block_gets_the_largest_and_the_memory_may_serve_again(block):
    x = whole_numbers(block)
    np.testing.assert_array_equal(reduced(block_max, x), [[x.max()] * block, [(-x).max()] * block])


@pytest.mark.parametrize("block", TREES)
def test_of_equal_largest_values_every_thread_gets_the_first(block):
    x = whole_numbers(block)
    value, index = np.full((2, block), np.nan, np.float32), np.full((2, block), -1, np.int32)
    where_in_a_block(BLOCK=block)[1, block](x, value, index).interpret()
    np.testing.assert_array_equal(value, [[x.max()] * block, [(-x).max()] * block])
    np.testing.assert_array_equal(index, [[x.argmax()] * block, [(-x).argmax()] * block])


@pytest.mark.parametrize(("reduce", "expected"), [(warp_sum, np.sum), (warp_max, np.max)])
def test_every_lane_gets_what_its_own_warp_has(reduce, expected):
    x = whole_numbers(96)
    y = np.full(96, np.nan, np.float32)
    in_warps(REDUCE=reduce)[1, 96](x, y).interpret()
    np.testing.assert_array_equal(y, np.repeat(expected(x.reshape(3, 32), axis=1), 32))


@pytest.mark.parametrize(("place", "row"), [(0, 0), (37, 1), (95, 2)])
def test_a_warp_sees_a_value_wherever_it_stands(place, row):
    x = np.zeros(96, np.float32)
    x[place] = 1
    y = np.full(96, np.nan, np.float32)
    in_warps(REDUCE=warp_sum)[1, 96](x, y).interpret()
    np.testing.assert_array_equal(y.reshape(3, 32).sum(axis=1), 32 * np.eye(3)[row])
