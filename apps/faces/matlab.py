"""MATLAB's files of version 5, as far as WIDER FACE's lists are of them: cells, text and numbers.

SciPy reads all of the format, and dies of a file of ten kilobytes in which cells stand in cells a thousand deep. A file
may unpack to MOST bytes here, and cells may stand DEEPEST deep.

Source: "MAT-File Format" of The MathWorks, chapter 1: an element is its type and its size, two uint32,
and its content up to a multiple of 8 bytes; of at most 4 bytes, it may be uint16, uint16 and the content.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from apps.errors import DataError
from apps.files import opened

MOST = 1 << 24  # bytes; WIDER FACE's lists take 2 MB
DEEPEST = 3  # cells in cells; WIDER FACE has lists of events of pictures
HEAD = 128  # bytes before the first element, of which the last four are version and order of bytes

# Types of elements, and classes of arrays.
MATRIX, PACKED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
BYTES = (1, 2, 16)  # of text, where it is not in 16 bits a letter
CELL, TEXT, NUMERIC = 1, 4, range(6, 16)
EMPTY = np.zeros((0, 0))


def read_matlab(path: Path) -> dict[str, Any]:
    """The arrays of a file by name: cells as lists, in columns, text as str, numbers as arrays. Raises DataError."""
    with opened(path) as file:
        data = file.read(MOST + 1)
    try:
        if len(data) > MOST or data[HEAD - 4 : HEAD] != b"\0\1IM":
            raise ValueError("another beginning" if len(data) <= MOST else f"more than {MOST} bytes")
        return dict(_array(content) for content in _arrays(memoryview(data)[HEAD:]))
    except (ValueError, struct.error, zlib.error) as error:
        what = "a MATLAB file of version 5 with cells, text and numbers"
        raise DataError(f"{path}: {error} found, {what} expected") from error


def _arrays(data: memoryview) -> Iterator[memoryview]:
    """The contents of all elements that are arrays, unpacked."""
    left = MOST
    for kind, content in _elements(data):
        if kind == PACKED:
            unpacking = zlib.decompressobj()
            unpacked = unpacking.decompress(content, left)
            if not unpacking.eof and len(unpacked) == left:
                raise ValueError(f"packed arrays of more than {MOST} bytes")
            left -= len(unpacked)
            kind, content = next(_elements(memoryview(unpacked)), (0, content))
        if kind != MATRIX:
            raise ValueError(f"an element of type {kind}")
        yield content


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The type and the content of each element that stands in some bytes."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<2I", data, at)
        start, end = at + 8, at + 8 + size
        if short := kind >> 16:
            kind, start, end = kind & 0xFFFF, at + 4, at + 4 + short
        if end > len(data) or short > 4:
            raise ValueError("an element that is cut off")
        yield kind, data[start:end]
        at = at + 8 if short else end + (0 if kind == PACKED else -size % 8)


def _array(content: memoryview, depth: int = 0) -> tuple[str, Any]:
    """The name and the value of an array."""
    if not len(content):  # as empty cells are written
        return "", EMPTY
    parts = _elements(content)
    head = [part for _, part in islice(parts, 3)]
    if len(head) < 3 or len(head[0]) != 8 or len(head[1]) != 8:
        raise ValueError("an array without class, two sizes and name")
    kind, shape = head[0][0], struct.unpack("<2I", head[1])
    name = bytes(head[2]).decode("utf-8")
    if kind == CELL:
        if depth == DEEPEST:
            raise ValueError(f"more than {DEEPEST} cells in cells")
        cells = [_array(part, depth + 1)[1] for part_kind, part in parts if part_kind == MATRIX]
        if len(cells) != math.prod(shape):
            raise ValueError(f"{len(cells)} cells in the place of {math.prod(shape)}")
        return name, cells
    stored, values = next(parts, (0, memoryview(b"")))
    if kind == TEXT:
        return name, bytes(values).decode("utf-8" if stored in BYTES else "utf-16-le")
    if kind not in NUMERIC or stored not in NUMBERS:
        raise ValueError(f"an array of class {kind} with elements of type {stored}")
    return name, np.frombuffer(values, NUMBERS[stored]).reshape(shape, order="F")
