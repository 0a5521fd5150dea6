"""IDX files, in which the digits come: a magic number, the dimensions (big-endian int32), the bytes.

What a file takes is bounded before it is taken. A plain file must be as long as its header says. Of a compressed one
at most a byte more is unpacked than its header promises, and that may be HELD at most. A plain file of more images than
that is not read at once, but row by row as `Rows`.
"""

import gzip
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from apps.errors import DataError
from apps.files import opened, require_same, state

MAGIC = {"images": 0x803, "labels": 0x801}  # bytes (8) in three dimensions, in one
SIDE, CLASSES = 28, 10
HELD = 1 << 30  # bytes of a file that are taken into memory, twenty times the images of MNIST


class Rows:
    """Images (n, 28, 28) uint8 in a plain file: like an array, but each access reads the rows that are asked for.

    They are read from a descriptor of its own, and not through a memory map: a map of it all counts against a limit of
    address space, and a process dies of SIGBUS where a file is cut off under a map. A file that another one replaces
    under its name stays readable through the descriptor; one that is written over or cut off is noticed by its size
    and time, which each access looks at.

    To another process only name and state are sent. It opens the file anew, if that is still the same.
    """

    dtype = np.dtype(np.uint8)
    nbytes = 0  # of memory

    def __init__(self, path: str | Path, offset: int, count: int):
        self.path, self.offset, self.shape = Path(path), offset, (count, SIDE, SIDE)
        with opened(path) as file:
            self.state = state(os.fstat(file.fileno()))
        self._open()

    def _open(self) -> None:
        with opened(self.path, buffering=0) as file:
            self._file = os.dup(file.fileno())
        self._check()

    def _check(self) -> None:
        require_same(self.path, self.state, os.fstat(self._file))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """Images (..., 28, 28) by a number, a slice or an array of numbers. Raises IndexError, DataError."""
        numbers = np.asarray(range(len(self))[index] if isinstance(index, slice) else index)
        if numbers.size and not (-len(self) <= numbers.min() and numbers.max() < len(self)):
            raise IndexError(f"images {numbers.min()} to {numbers.max()} of {len(self)}")
        found = np.empty((*numbers.shape, SIDE, SIDE), np.uint8)
        for row, number in zip(found.reshape(-1, SIDE * SIDE), numbers.ravel().tolist(), strict=True):
            os.preadv(self._file, [row.data], self.offset + number % len(self) * SIDE * SIDE)
        self._check()  # after it is read, so that what is handed on is from the file as it was
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_file"}

    def __setstate__(self, known: dict[str, Any]) -> None:
        vars(self).update(known)
        self._open()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)


def read_idx(path: str | Path, kind: str | None = None) -> np.ndarray | Rows:
    """Images, uint8 (n, 28, 28), or labels, uint8 (n,), of an IDX file, plain or compressed by gzip.

    `kind` is "images", "labels", or None for either. Raises DataError for any file that is not exactly that.
    """
    with opened(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return _read(path, kind, file, os.fstat(file.fileno()).st_size)
        try:
            with gzip.open(file) as unpacked:
                return _read(path, kind, unpacked, None)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: corrupt gzip found ({error}), a whole gzip file expected") from error


def _read(path: str | Path, kind: str | None, file: BinaryIO | gzip.GzipFile, length: int | None) -> np.ndarray | Rows:
    """What a file holds that has just been opened, of that many bytes, or of nobody knows how many."""
    kind, count, size, header = _read_header(path, kind, file)
    values = count * SIDE ** len(size)

    def refuse(found: int, more: str = "") -> DataError:
        what = "truncated" if found < header + values else "trailing bytes"
        whole = f"{header + values} expected for {count} {kind}"
        return DataError(f"{path}: {more}{found} bytes found, {whole}: {what}")

    if length not in (None, header + values):
        raise refuse(length or 0)
    if length and kind == "images" and values > HELD:
        return Rows(path, header, count)
    if values > HELD:
        unpack = "; unpacked, it would be read row by row" if kind == "images" else ""
        raise DataError(f"{path}: {count} {kind} of {values} bytes found, at most {HELD} bytes expected{unpack}")
    data = file.read(values + 1)
    if len(data) != values:
        raise refuse(header + len(data), "at least " if len(data) > values else "")
    found = np.frombuffer(data, np.uint8).reshape(count, *size)
    if kind == "labels" and count and found.max() >= CLASSES:
        raise DataError(f"{path}: label {found.max()} found, 0 to {CLASSES - 1} expected")
    return found


def _read_header(path: str | Path, kind: str | None, file: BinaryIO | gzip.GzipFile) -> tuple[str, int, list[int], int]:
    """Which kind, how many, the size of each, and how many bytes that took."""
    start = file.read(8)
    magic = int.from_bytes(start[:4], "big")
    kinds = {MAGIC[k]: k for k in MAGIC if kind in (None, k)}
    if len(start) < 8 or magic not in kinds:
        expected = " or ".join(f"{number} ({k})" for number, k in kinds.items())
        found = f"magic number {magic}" if len(start) == 8 else f"{len(start)} bytes"
        raise DataError(f"{path}: {found} found, magic number {expected} and a count expected")
    sides = file.read(4 * ((magic & 0xFF) - 1))
    size = [int.from_bytes(sides[i : i + 4], "big") for i in range(0, len(sides), 4)]
    if kinds[magic] == "images" and size != [SIDE, SIDE]:
        found = f"images of {size[0]} x {size[1]}" if len(sides) == 8 else f"{8 + len(sides)} bytes"
        raise DataError(f"{path}: {found} found, {SIDE} x {SIDE} expected")
    return kinds[magic], int.from_bytes(start[4:], "big"), size, 8 + len(sides)
