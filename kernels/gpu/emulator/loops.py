"""The loops of a kernel, from its control flow.

A block dominates another if no way leads there but through it. A branch back to a block that dominates it closes a
loop, which begins there and has all blocks from which the branch is reached without passing its beginning.
Source: Aho, Lam, Sethi and Ullman, Compilers, section 9.6.
"""

from kernels.gpu.emulator.flow import Block


def loops(blocks: list[Block]) -> dict[int, frozenset[int]]:
    """By the number of the block that begins a loop the numbers of all of its blocks."""
    before = ways_in(blocks)
    dominated = dominators(before)
    found: dict[int, set[int]] = {}
    for block in blocks:
        for begin in block.next:
            if dominated[block.number] >> begin & 1:
                body, waiting = found.setdefault(begin, {begin}), [block.number]
                while waiting:
                    if (number := waiting.pop()) not in body:
                        body.add(number)
                        waiting += before[number]
    return {begin: frozenset(body) for begin, body in found.items()}


def ways_in(blocks: list[Block]) -> list[list[int]]:
    """For each block the numbers of those that lead to it."""
    before: list[list[int]] = [[] for _ in blocks]
    for block in blocks:
        for after in block.next:
            before[after].append(block.number)
    return before


def dominators(before: list[list[int]]) -> list[int]:
    """For each block the set of those that dominate it, itself among them, as the bits of an int."""
    everything = (1 << len(before)) - 1
    found = [everything] * len(before)
    found[0] = 1
    changed = True
    while changed:
        changed = False
        for number in range(1, len(before)):
            new = everything
            for other in before[number]:
                new &= found[other]
            new |= 1 << number
            changed |= new != found[number]
            found[number] = new
    return found


def around(loops: dict[int, frozenset[int]], block: int) -> list[int]:
    """Where the loops around a block begin, the outermost first."""
    return sorted((begin for begin, body in loops.items() if block in body), key=lambda begin: -len(loops[begin]))
