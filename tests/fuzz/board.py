"""Shared memory between a worker and who watches it: how many inputs were tried, and the one it is at.

A worker that is killed, or dies, leaves the input that did it here.
"""

import mmap
import struct
from pathlib import Path

HEAD = struct.Struct("<QQ")  # inputs, bytes of the one that is tried
SIZE = 1 << 20


class Board:
    def __init__(self, path: Path, new: bool = False):
        if new:
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SIZE)

    def begin(self, data: bytes) -> None:
        """Say which input comes next."""
        count, _ = HEAD.unpack_from(self._memory)
        data = data[: SIZE - HEAD.size]
        self._memory[HEAD.size : HEAD.size + len(data)] = data
        HEAD.pack_into(self._memory, 0, count + 1, len(data))

    @property
    def count(self) -> int:
        return HEAD.unpack_from(self._memory)[0]

    @property
    def data(self) -> bytes:
        return self._memory[HEAD.size : HEAD.size + HEAD.unpack_from(self._memory)[1]]
