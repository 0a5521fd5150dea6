"""Checkpoints: what was written comes back, whole or not at all, and what is none is refused by name."""

import json
import os

import numpy as np
import pytest

from framework import checkpoint
from framework.checkpoint import CheckpointError


def test_what_is_written_comes_back_however_it_lay_in_memory(tmp_path):
    square = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = {
        "rows": square,
        "columns": square.T,
        "every second": np.arange(8, dtype=np.float32)[::2],
        "one": np.ones(1),
    }
    checkpoint.write(tmp_path / "run.safetensors", given, {"step": "7", "text": "ä = \n"})
    tensors, metadata = checkpoint.read(tmp_path / "run.safetensors")
    assert metadata == {"step": "7", "text": "ä = \n"}
    assert tensors.keys() == given.keys()
    for name, array in given.items():
        np.testing.assert_array_equal(tensors[name], array, strict=True)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {"a": np.ones(3, np.float32)}, {"step": "1"})

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        checkpoint.write(path, {"a": np.zeros(3, np.float32)}, {"step": "2"})
    tensors, metadata = checkpoint.read(path)
    assert metadata["step"] == "1"
    assert tensors["a"].sum() == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: not a safetensors file"):
        checkpoint.read(path)
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoint.read(tmp_path / "none")


def test_a_flipped_bit_of_a_tensor_is_noticed(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {"a": np.ones(3, np.float32)}, {"step": "1"})
    content = bytearray(path.read_bytes())
    content[-1] ^= 4
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: damaged, as what it holds has another checksum"):
        checkpoint.read(path)


@pytest.mark.parametrize("type_", ["BF16", "F8_E4M3"])
def test_types_that_numpy_does_not_have_are_refused_in_one_line(tmp_path, type_):
    path, size = tmp_path / "weights.safetensors", 2 if type_ == "BF16" else 1
    header = json.dumps({"a": {"dtype": type_, "shape": [1], "data_offsets": [0, size]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(CheckpointError, match=r"^.*weights\.safetensors: not a safetensors file.*$"):
        checkpoint.read(path)


def test_the_same_content_is_the_same_bytes(tmp_path):
    """Of eight texts, which safetensors itself writes in another order each time."""
    texts = {f"näme {n}": "ä" * n for n in range(8)}
    tensors = {"a": np.arange(3, dtype=np.float32), "b": np.ones((2, 2), np.float32)}
    files = []
    for number in range(4):
        checkpoint.write(tmp_path / str(number), tensors, texts)
        files.append((tmp_path / str(number)).read_bytes())
        assert checkpoint.read(tmp_path / str(number))[1] == texts
    assert len(set(files)) == 1
