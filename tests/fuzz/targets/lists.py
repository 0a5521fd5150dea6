"""MATLAB files with WIDER FACE's lists. The first byte says whether the arrays that follow are to be packed."""

import io
import struct
import zlib

import numpy as np
from scipy.io import savemat

from apps.errors import DataError
from tests.fuzz.target import Target, instrumented

with instrumented("apps.faces.matlab", "apps.faces.lists"):
    from apps.faces.lists import read_list

HEAD = b"MATLAB 5.0".ljust(124) + b"\0\1IM"


def cells(*rows):
    array = np.empty((len(rows), 1), object)
    array[:, 0] = rows
    return array


def written() -> bytes:
    """A list of two pictures, as SciPy writes it."""
    corners = [np.array([[0, 0, 9, 9], [5, 5, 0, 3]]), np.array([[0.5, 0, 9, 8]])]
    boxes, numbers = np.empty((2, 1), object), np.empty((2, 1), object)
    boxes[:, 0], numbers[:, 0] = corners, [np.array([[1], [2]]), np.array([[1]], np.uint8)]
    columns = {"event_list": ["0--A"], "file_list": [cells("a", "b")], "face_bbx_list": [boxes], "gt_list": [numbers]}
    file = io.BytesIO()
    savemat(file, {name: cells(*column) for name, column in columns.items()})
    return file.getvalue()


def seeds():
    content = written()[128:]
    yield b"\0" + content
    yield b"\1" + content


def attempt(data, folder):
    content = data[1:]
    if data[:1] == b"\1":
        packed = zlib.compress(content, 1)
        content = struct.pack("<2I", 15, len(packed)) + packed
    path = folder / "list.mat"
    path.write_bytes(HEAD + content)
    read_list(path)


NAMES = (b"event_list", b"file_list", b"face_bbx_list", b"gt_list")
WORDS = (*NAMES, b"\x0e\0\0\0", b"\x0f\0\0\0", b"\x06\0\0\0\x08\0\0\0", b"\1\0\4\0", b"\0\0\0\0", b"\xff\xff\xff\xff")
TARGET = Target(attempt, (DataError,), seeds, WORDS)
