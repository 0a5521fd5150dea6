"""Checkpoints: tensors and text in one safetensors file, written whole or not at all, and read whole or not at all.

The text `checksum` is the SHA-256 of all that the file says: names, types, shapes and bytes of its tensors, and its
other texts. A file without one, of another program, is read as it is.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from kernels.files import write_whole

CHECKSUM = "checksum"


class CheckpointError(ValueError):
    """A file that is not the checkpoint it should be: one line that names it."""


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a checkpoint with its checksum, whole or not at all. Raises OSError that names the file."""
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_whole(path, in_order(save(tensors, {**metadata, CHECKSUM: checksum(tensors, metadata)})))


def in_order(file: bytes) -> bytes:
    """A safetensors file whose texts stand in their alphabet's order, and no longer in one that chance decides.

    So files of the same content are the same. The file begins with the length of its header, 8 bytes, little-endian; a
    header is JSON, filled up by spaces to a multiple of 8.
    """
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[end:]


def read(path: Path, sealed: bool = False) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a checkpoint, but for its checksum.

    sealed    whether it must have one, as all have that are written here

    Raises CheckpointError for a file that is missing, is none, or is not as it was written.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (SafetensorError, AttributeError, TypeError, ValueError) as error:  # the latter three for types of no array
        raise CheckpointError(f"{path}: not a safetensors file ({' '.join(str(error).split())})") from None
    require_printable(path, tensors)
    said = metadata.pop(CHECKSUM, None)
    if said is None and sealed:
        raise CheckpointError(f"{path}: no checksum found, one expected")
    if said is not None and said != checksum(tensors, metadata):
        raise CheckpointError(f"{path}: damaged, as what it holds has another checksum than it says")
    return tensors, metadata


def require_printable(path: Path, texts: Iterable[str]) -> None:
    """Raises CheckpointError for what would be more than one line, or commands, to a terminal that it is shown on."""
    for text in texts:
        if not text.isprintable():
            raise CheckpointError(f"{path}: {text[:60]!r} found, letters that can be printed expected")


def checksum(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    """SHA-256 of tensors, C-contiguous, and texts: 64 hexadecimal digits."""
    heads = [(name, str(array.dtype), array.shape) for name, array in sorted(tensors.items())]
    found = hashlib.sha256(json.dumps([heads, metadata], sort_keys=True).encode())
    for _, array in sorted(tensors.items()):
        found.update(array.tobytes())
    return found.hexdigest()
