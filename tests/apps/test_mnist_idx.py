"""IDX files: what is read, what is refused, and what is read row by row."""

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.errors import DataError
from apps.mnist.idx import read_idx
from tests.helpers.digits import digits, idx


@st.composite
def idx_values(draw) -> np.ndarray:
    images, labels = digits(draw(st.integers(0, 5)), draw(st.integers(0, 2**32)))
    return images if draw(st.booleans()) else labels


@pytest.fixture(scope="module")
def idx_path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("idx") / "digits-idx-ubyte"


@given(values=idx_values(), compress=st.booleans())
def test_what_is_written_is_read(idx_path, values, compress):
    idx_path.write_bytes(gzip.compress(idx(values)) if compress else idx(values))
    np.testing.assert_array_equal(read_idx(idx_path), values, strict=True)


@given(values=idx_values(), compress=st.booleans(), choice=st.data())
def test_a_truncated_file_is_refused(idx_path, values, compress, choice):
    content = gzip.compress(idx(values)) if compress else idx(values)
    idx_path.write_bytes(content[: choice.draw(st.integers(0, len(content) - 1))])
    assert_refused(idx_path, "found")


@given(values=idx_values(), compress=st.booleans(), tail=st.binary(min_size=1, max_size=9).filter(any))
def test_trailing_bytes_are_refused(idx_path, values, compress, tail):
    idx_path.write_bytes((gzip.compress(idx(values)) if compress else idx(values)) + tail)
    assert_refused(idx_path, "corrupt gzip" if compress else "trailing bytes")


@given(values=idx_values(), choice=st.data())
def test_a_flipped_bit_in_the_header_is_refused(idx_path, values, choice):
    content = bytearray(idx(values))
    position = choice.draw(st.integers(0, 4 + 4 * values.ndim - 1))
    content[position] ^= 1 << choice.draw(st.integers(0, 7))
    idx_path.write_bytes(content)
    assert_refused(idx_path, "found")


@given(values=idx_values(), choice=st.data())
def test_a_flipped_bit_in_a_compressed_file_never_changes_the_digits(idx_path, values, choice):
    content = bytearray(gzip.compress(idx(values)))
    content[choice.draw(st.integers(0, len(content) - 1))] ^= 1 << choice.draw(st.integers(0, 7))
    idx_path.write_bytes(content)
    with suppress(DataError):
        np.testing.assert_array_equal(read_idx(idx_path), values, strict=True)


def test_images_of_another_size_are_refused(idx_path):
    idx_path.write_bytes(idx(np.zeros((2, 32, 30), np.uint8)))
    assert_refused(idx_path, "images of 32 x 30 found, 28 x 28 expected")


def test_a_label_above_nine_is_refused(idx_path):
    idx_path.write_bytes(idx(np.array([3, 10, 9], np.uint8)))
    assert_refused(idx_path, "label 10 found, 0 to 9 expected")


def test_labels_in_the_place_of_images_are_refused(idx_path):
    idx_path.write_bytes(idx(digits(5)[1]))
    assert_refused(idx_path, r"magic number 2049 found, magic number 2051 \(images\)", kind="images")


def test_what_is_no_file_is_refused(idx_path):
    assert_refused(idx_path.parent, "readable file expected")
    assert_refused(idx_path.parent / "absent", "No such file")


def assert_refused(path: Path, message: str, kind: str | None = None) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, kind)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
