"""Checkpoints: tensors and text in one safetensors file, written whole or not at all."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from kernels.files import write_whole


class CheckpointError(ValueError):
    """A file that is not the checkpoint it should be: one line that names it."""


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
