"""Images that are read row by row: as an array would give them, in little memory, and never from a changed file."""

import pickle
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.errors import DataError
from apps.mnist import idx
from apps.mnist.classifier import Batches, recipe
from apps.mnist.idx import Rows, read_idx
from framework.loading import Background
from tests.helpers.digits import digits
from tests.helpers.digits import idx as written
from tests.helpers.programs import python

COUNT = 23
IMAGES, LABELS = digits(COUNT)


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    monkeypatch.setattr(idx, "HELD", 784)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "images").write_bytes(written(IMAGES))
    return tmp_path / "images"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "images"
    path.write_bytes(written(IMAGES))
    return Rows(path, 16, COUNT)


numbers = st.integers(-COUNT, COUNT - 1)
bounds = st.integers(-COUNT - 3, COUNT + 3) | st.none()
slices = st.builds(slice, bounds, bounds, st.sampled_from([None, 1, 2, -1]))


@given(index=numbers | slices | st.lists(numbers, min_size=1, max_size=9).map(np.array))
def test_rows_are_those_of_the_array(rows, index):
    np.testing.assert_array_equal(rows[index], IMAGES[index], strict=True)


def test_rows_have_what_readers_of_an_array_ask_for(rows):
    assert (len(rows), rows.shape, rows.dtype) == (COUNT, IMAGES.shape, IMAGES.dtype)
    np.testing.assert_array_equal(rows[np.array([[1], [3]])], IMAGES[np.array([[1], [3]])], strict=True)
    assert rows[np.array([], int)].shape == (0, 28, 28)


@pytest.mark.parametrize("index", [COUNT, -COUNT - 1, [0, COUNT]])
def test_rows_that_are_not_there_are_refused(rows, index):
    with pytest.raises(IndexError, match=f"of {COUNT}"):
        rows[index]


def test_a_file_is_read_row_by_row_only_where_it_is_plain_and_too_large_for_memory(path, monkeypatch):
    assert isinstance(read_idx(path), Rows)
    monkeypatch.setattr(idx, "HELD", COUNT * 784)
    np.testing.assert_array_equal(read_idx(path), IMAGES, strict=True)


def test_labels_too_many_for_memory_are_refused(tmp_path):
    (tmp_path / "labels").write_bytes(written(np.zeros(785, np.uint8)))
    with pytest.raises(DataError, match=r"785 labels of 785 bytes found, at most 784 bytes expected$"):
        read_idx(tmp_path / "labels")


def test_batches_of_rows_are_those_of_arrays_whoever_makes_them(path):
    """Rows that are sent to another process are small."""
    chosen, rows = recipe("single", batch=4, seed=3), read_idx(path)
    batches = Batches(rows, LABELS, chosen)
    assert len(pickle.dumps(batches)) < 2000
    with Background(batches, workers=1) as background:
        for step in range(4):
            expected = Batches(IMAGES, LABELS, chosen)(step)
            for found in (batches(step), background(step)):
                assert found.keys() == expected.keys()
                for name, array in expected.items():
                    np.testing.assert_array_equal(found[name], array, strict=True)


# --- A file that changes


def cut_off(path):
    with path.open("r+b") as file:
        file.truncate(5000)


def written_over(path):
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(99)
        file.write(b"other")
    assert (path.stat().st_size, path.stat().st_ino) == (before.st_size, before.st_ino)


def replaced(path):
    other = path.with_name("other")
    other.write_bytes(written(255 - IMAGES))
    other.replace(path)


@pytest.mark.parametrize("change", [cut_off, written_over])
def test_a_file_that_is_cut_off_or_written_over_is_noticed(path, change):
    rows = read_idx(path)
    rows[3]
    change(path)
    with pytest.raises(
        DataError, match=r"images: .* found, the 18048 bytes that were there when the run began expected"
    ):
        rows[3]


def test_a_file_that_another_one_replaces_or_that_is_deleted_stays_as_it_was(path):
    rows = read_idx(path)
    replaced(path)
    np.testing.assert_array_equal(rows[:], IMAGES)
    path.unlink()
    np.testing.assert_array_equal(rows[:], IMAGES)


@pytest.mark.parametrize("change", [cut_off, written_over, replaced])
def test_a_process_that_finds_another_file_refuses_it(path, change):
    sent = pickle.dumps(read_idx(path))
    change(path)
    with pytest.raises(DataError, match="when the run began expected"):
        pickle.loads(sent)


def test_what_a_worker_notices_is_one_line_here(path):
    with Background(Batches(read_idx(path), LABELS, recipe("single", batch=4)), workers=1, ahead=1) as background:
        background(0)
        cut_off(path)
        with pytest.raises(DataError, match="5000 bytes found, the 18048 bytes that were there when the run began"):
            [background(step) for step in range(1, 5)]


# --- Larger than memory

TRAINED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from apps.mnist.__main__ import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
LIMIT = 4 << 30  # bytes of address space; training takes 0.9 GB with one thread


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are not sparse, or address space has no limit")
@pytest.mark.parametrize("workers", [0, 1])
def test_digits_of_twice_the_address_space_are_learned_from(tmp_path, workers):
    """A file of zeros takes no room on a disk."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, count in (("train", 2 * LIMIT // 784), ("t10k", 20)):
        with (folder / f"{part}-images-idx3-ubyte").open("wb") as file:
            file.write(struct.pack(">4I", 0x803, count, 28, 28))
            file.truncate(16 + 784 * count)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + bytes(count))
    program = tmp_path / "program.py"
    program.write_text(TRAINED.format(limit=LIMIT))
    arguments = ["--model", "single", "--device", "cpu", "--iterations", 3, "--batch-size", 10, "--workers", workers]
    done = python(
        program,
        *("train", *arguments, "--output", tmp_path / "run"),
        MNIST_DIR=str(folder),
        NUMBA_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
    )
    assert done.returncode == 0, done.stderr
    assert "digits (10956549 / 20)" in done.stdout
    assert (tmp_path / "run" / "weights.safetensors").is_file()
