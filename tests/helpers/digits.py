"""Folders as MNIST has them, with a few digits of noise."""

import gzip
import struct
from pathlib import Path

import numpy as np

from apps.mnist.download import CHECKSUMS

FILES = tuple(CHECKSUMS)


def idx(values: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    return struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()


def digits(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, 28, 28), np.uint8), generator.integers(0, 10, n, np.uint8)


def write_folder(folder: Path, train: int = 6, test: int = 3, compress: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    for name, values in zip(FILES, (*digits(train), *digits(test, 1)), strict=True):
        content = idx(values)
        (folder / (name if compress else name.removesuffix(".gz"))).write_bytes(
            gzip.compress(content, mtime=0) if compress else content
        )
    return folder
