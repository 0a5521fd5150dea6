"""One block of memory for all arrays that come and go during a run, planned ahead.

Two arrays may share bytes if no step needs both. Placing the largest first, each at the lowest address that is
free during its whole life, is the greedy rule of Pisarchyk & Lee (2020), "Efficient Memory Management for Deep
Neural Net Inference".
"""

from dataclasses import dataclass

# Addresses are multiples of this many bytes: GPU memory is fetched in lines of 128 bytes, vectors load 16 at once.
ALIGNMENT = 256


@dataclass(eq=False)
class Block:
    """`size` bytes that are needed from step `first` to step `last`, both included. `offset` is the plan's answer."""

    size: int
    first: int
    last: int
    offset: int = -1


def plan(blocks: list[Block]) -> int:
    """Give every block its offset; returns the bytes of the whole arena."""
    placed: list[Block] = []
    for block in sorted(blocks, key=lambda b: (-b.size, b.first)):
        alive = [p for p in placed if p.first <= block.last and block.first <= p.last]
        offset = 0
        for other in sorted(alive, key=lambda p: p.offset):
            if offset + block.size <= other.offset:
                break
            offset = max(offset, _aligned(other.offset + other.size))
        block.offset = offset
        placed.append(block)
    return max((block.offset + block.size for block in blocks), default=0)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
