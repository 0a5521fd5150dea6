"""Index arithmetic: there and back, at the largest numbers, and windows against all places there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import kernel
from kernels.gpu.index import first_window, last_window, split, unravel, unravel_channel


@kernel
def places(numbers, out, C, H, W):
    for k in range(numbers.size):
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = unravel(numbers[k], C, H, W)
        out[k, 4], out[k, 5], out[k, 6] = unravel_channel(numbers[k], C, H * W)
        out[k, 7], out[k, 8], out[k, 9] = split(numbers[k], H, W)


def found(numbers, C, H, W):
    numbers = np.asarray(numbers, np.int64)
    out = np.full((numbers.size, 10), -1, np.int64)
    places[1, 1](numbers, out, C, H, W).interpret()
    return out


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))
def test_numbers_are_taken_apart_as_numpy_does_it(R, C, H, W):
    numbers = np.arange(R * C * H * W)
    out = found(numbers, C, H, W)
    np.testing.assert_array_equal(out[:, :4].T, np.unravel_index(numbers, (R, C, H, W)))
    np.testing.assert_array_equal(out[:, 4:7].T, np.unravel_index(numbers, (R, C, H * W)))
    np.testing.assert_array_equal(out[:, 7:].T, np.unravel_index(numbers, (R * C, H, W)))


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 2**31 + 12345, 2**32 - 1])
def test_split_is_right_up_to_the_last_unsigned_number(number):
    outer, row, column = found([number], 1, 640, 480)[0, 7:]
    assert (outer * 640 + row) * 480 + column == number
    assert 0 <= row < 640
    assert 0 <= column < 480


@pytest.mark.parametrize("number", [2**31, 2**32, 2**40 + 3])
def test_the_others_are_right_beyond_32_bits(number):
    r, c, h, w, r_too, c_too, s = found([number], 64, 640, 480)[0, :7]
    assert ((r * 64 + c) * 640 + h) * 480 + w == number
    assert (r_too, c_too, s) == (r, c, h * 480 + w)


@kernel
def covering(out, window, stride, padding, count):
    for i in range(out.shape[0]):
        out[i, 0] = first_window(i, window, stride, padding)
        out[i, 1] = last_window(i, stride, padding, count)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 6), st.integers(0, 4))
def test_the_windows_that_cover_a_row_are_those_in_which_it_lies(size, window, stride, padding):
    count = (size + 2 * padding - window) // stride + 1
    if count < 1:
        return
    out = np.full((size, 2), -99, np.int64)
    covering[1, 1](out, window, stride, padding, count).interpret()
    for i, (first, last) in enumerate(out.tolist()):
        covers = [n for n in range(count) if n * stride - padding <= i < n * stride - padding + window]
        assert list(range(first, last + 1)) == covers
