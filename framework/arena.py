"""One block of memory for all arrays that come and go during a run, laid out ahead.

Two arrays may share bytes if no step needs both. Placing the largest first, each at the lowest address that is
free during its whole life, is the greedy rule of Pisarchyk & Lee (2020), "Efficient Memory Management for Deep
Neural Net Inference".
"""

from collections.abc import Sequence
from typing import NamedTuple

# Addresses are multiples of this many bytes: GPU memory is fetched in lines of 128 bytes, vectors load 16 at once.
ALIGNMENT = 256


class Block(NamedTuple):
    """`size` bytes that are needed from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int


def place(blocks: Sequence[Block]) -> list[int]:
    """The address of each block: a multiple of ALIGNMENT, such that blocks that live at one step never overlap."""
    offsets: dict[int, int] = {}
    for number in sorted(range(len(blocks)), key=lambda n: (-blocks[n].size, blocks[n].first)):
        block, offset = blocks[number], 0
        alive = [n for n in offsets if blocks[n].first <= block.last and block.first <= blocks[n].last]
        for other in sorted(alive, key=offsets.__getitem__):
            if offset + block.size <= offsets[other]:
                break
            offset = max(offset, _aligned(offsets[other] + blocks[other].size))
        offsets[number] = offset
    return [offsets[number] for number in range(len(blocks))]


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
