"""Checkpoints: tensors and text in one safetensors file, written whole or not at all."""

import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save


class CheckpointError(ValueError):
    """A file that is not the checkpoint it should be: one line that names it."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file. Whoever looks at `path`, whenever, finds the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a checkpoint, whole or not at all."""
    write_whole(path, save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata))


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a checkpoint. Raises CheckpointError for a file that is missing or none."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
