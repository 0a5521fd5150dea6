"""IDX files, plain and compressed. The first byte says which kind is expected and how the rest is packed."""

import gzip
import struct
from unittest import mock

from apps.errors import DataError
from tests.fuzz.target import Target, instrumented

with instrumented("apps.mnist.idx", "apps.files"):
    from apps.mnist import idx

KINDS = (None, "images", "labels")
HELD = 2500  # bytes, so that plain files of four images are read row by row


def seeds():
    for images, count in ((True, 2), (True, 5), (False, 7)):
        head = struct.pack(">4I", 0x803, count, 28, 28) if images else struct.pack(">2I", 0x801, count)
        content = head + bytes(count * (784 if images else 1))
        for first in range(6):
            yield bytes([first]) + content
        yield b"\6" + gzip.compress(content)


def attempt(data, folder):
    first, content = data[:1] or b"\0", data[1:]
    path = folder / "digits-idx-ubyte"
    path.write_bytes(gzip.compress(content, 1) if first[0] % 2 else content)
    with mock.patch.object(idx, "HELD", HELD):
        found = idx.read_idx(path, KINDS[first[0] // 2 % 3])
    assert len(found[:]) == len(found)


WORDS = (b"\x00\x00\x08\x03", b"\x00\x00\x08\x01", b"\x00\x00\x00\x1c", b"\x1f\x8b", b"\xff\xff\xff\xff")
TARGET = Target(attempt, (DataError,), seeds, WORDS)
