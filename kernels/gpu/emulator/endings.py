"""Loops that nobody knows to end: their turns are counted, as a thread that never left one would hang the process.

A loop is known to end if every turn passes a branch out of it that compares a register, which each turn moves by a
constant, with what the loop does not change (an induction variable: Aho, Lam, Sethi and Ullman, Compilers, section
9.6). What else stands in a loop that is not known to end is counted as well, so that all its time is; but where the
register is moved by what the loop does not change, as by the threads of the grid, only the turns of that loop are.
"""

import math
from collections import defaultdict

from kernels.gpu.emulator.flow import Block, written
from kernels.gpu.emulator.loops import dominators, loops, ways_in
from kernels.gpu.emulator.syntax import Constant, Instruction, Register

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs")
NEVER, PERHAPS, SURELY = range(3)  # whether a loop ends


def uncertain(blocks: list[Block]) -> dict[int, int]:
    """By number of a block that ends with a branch back: how many instructions a turn has of a loop to be counted."""
    backward = [(block.number, head) for block in blocks for head in block.next if head <= block.number]
    if not backward:
        return {}
    bodies, dominated = loops(blocks), dominators(ways_in(blocks))
    known = {head: ends(head, body, blocks, dominated) for head, body in bodies.items()}
    endless = [body for head, body in bodies.items() if known[head] == NEVER]
    found = {}
    for number, head in backward:
        body = bodies.get(head, frozenset())  # with none the branch closes no natural loop, perhaps none at all
        if number not in body or known[head] == PERHAPS or any(body <= other for other in endless):
            found[number] = 1 + sum(len(blocks[n].instructions) for n in body)
    return found


def ends(head, body, blocks, dominated) -> int:
    """Whether a loop is known to end: the best that a branch out of it says which all turns pass."""
    writers = defaultdict(list)
    for number in body:
        for item in blocks[number].instructions:
            for name in written(item):
                writers[name].append(item)
    tails = [number for number in body if head in blocks[number].next]
    best = NEVER
    for number in body:
        leaves = any(after not in body for after in blocks[number].next)
        if leaves and all(dominated[tail] >> number & 1 for tail in tails):
            last = blocks[number].instructions[-1]
            if last.opcode == "bra" and last.predicate:
                best = max(best, counts(last.predicate.name, writers))
    return best


def counts(predicate, writers) -> int:
    """Whether a predicate compares what each turn moves with what stays."""
    item = only(predicate, writers)
    while item and item.opcode in ("not", "mov") and isinstance(item.operands[1], Register):
        item = only(item.operands[1].name, writers)
    if item is None or item.opcode != "setp" or item.modifiers[0] not in COMPARISONS or len(item.operands) != 3:
        return NEVER
    a, b = item.operands[1:]
    return max(moves(other, writers) if stays(one, writers) else NEVER for one, other in ((a, b), (b, a)))


def only(name, writers) -> Instruction | None:
    """The instruction that alone in the loop writes a register, in every turn that comes there; else None."""
    items = writers.get(name, ())
    return items[0] if len(items) == 1 and items[0].predicate is None else None


def stays(operand, writers) -> bool:
    return isinstance(operand, Constant) or (isinstance(operand, Register) and operand.name not in writers)


def moves(operand, writers) -> int:
    """Whether a register comes from itself, a turn before, by sums of what stays that are not 0."""
    sums: list[float] = []
    passed: dict[str, int] = {}
    while isinstance(operand, Register) and operand.name not in passed:
        passed[operand.name] = len(sums)
        item = only(operand.name, writers)
        if item is None or item.opcode not in ("mov", "cvt", "add", "sub"):
            return NEVER
        _, operand, *others = item.operands
        if item.opcode in ("add", "sub"):
            other = others[0]
            if item.opcode == "add" and step(operand, writers) is not None:
                operand, other = other, operand
            by = step(other, writers)
            if by is None:
                return NEVER
            sums.append(-by if item.opcode == "sub" else by)
    if not isinstance(operand, Register):
        return NEVER
    total = sum(sums[passed[operand.name] :])
    return NEVER if total == 0 else PERHAPS if math.isnan(total) else SURELY


def step(operand, writers):
    """By how much an operand moves what it is added to: NaN for a number that stays, None for one that does not.

    Numba's `range` counts down by one where something is left, which is always so unless the loop is left.
    """
    if isinstance(operand, Constant):
        return operand.value
    if stays(operand, writers):
        return math.nan
    item = only(operand.name, writers) if isinstance(operand, Register) else None
    if item and item.opcode == "selp" and all(isinstance(each, Constant) for each in item.operands[1:3]):
        one, other = (each.value for each in item.operands[1:3])
        return one if other == 0 else None
    return None
