"""Which registers still matter where a thread stops: the control flow of a kernel, and liveness over it.

A thread that stops at a barrier returns to the scheduler and comes back later; only what it will read again is saved.
Liveness by the usual equations, in = use | (out - def), iterated backwards to a fixed point (Aho, Lam, Sethi and
Ullman, Compilers, section 9.2.5). Sets of registers are the bits of an int.
"""

from dataclasses import dataclass, field

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.syntax import Address, Instruction, Label, Pair, Register, Symbol, Vector

# What is written: the first operand; but of these all operands are read.
READ_ALL = {"st", "red", "bra", "brx", "bar", "barrier", "ret", "exit", "trap", "brkpt", "membar", "fence", "prefetch",
            "prefetchu", "cp", "nanosleep", "stmatrix", "discard", "applypriority", "pmevent", "griddepcontrol",
            "setmaxnreg", "st_async"}  # fmt: skip
CARRY = "%cc"  # the condition code, a register that no one declares
READS_CARRY = {"addc", "subc", "madc"}


@dataclass
class Block:
    """A basic block: instructions without branches in, or out but for the last."""

    number: int
    labels: list[str] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    next: list[int] = field(default_factory=list)

    @property
    def falls_through(self):
        """Whether what stands behind may be executed next."""
        last = self.instructions[-1] if self.instructions else None
        return last is None or last.opcode not in ("bra", "brx", "ret", "exit", "trap") or last.predicate is not None


def blocks(function) -> list[Block]:
    """The basic blocks in the order of the text. Raises PtxError for a branch to no label."""
    found = [Block(0)]
    for item in function.body:
        if isinstance(item, Label):
            if found[-1].instructions:
                found.append(Block(len(found)))
            found[-1].labels.append(item.name)
        else:
            found[-1].instructions.append(item)
            if item.opcode in ("bra", "brx", "ret", "exit", "trap"):
                found.append(Block(len(found)))
    at = {label: block.number for block in found for label in block.labels}
    for block in found:
        last = block.instructions[-1] if block.instructions else None
        if last is not None and last.opcode in ("bra", "brx"):
            for label in labels(last, function):
                if label not in at:
                    raise PtxError(f"{last}: there is no label {label}", last.line)
                block.next.append(at[label])
        if block.falls_through and block.number + 1 < len(found):
            block.next.append(block.number + 1)
    return found


def labels(branch, function):
    """Where a branch may go."""
    if branch.opcode == "bra":
        if len(branch.operands) != 1 or not isinstance(branch.operands[0], Symbol):
            raise PtxError(f"{branch}: takes one label", branch.line)
        return [branch.operands[0].name]
    if len(branch.operands) != 2:
        raise PtxError(f"{branch}: takes a number and the name of a list of labels", branch.line)
    name = branch.operands[1].name if isinstance(branch.operands[1], Symbol) else ""
    if name not in function.targets:
        raise PtxError(f"{branch}: there are no .branchtargets {name}", branch.line)
    return list(function.targets[name])


def names(operand):
    """Registers that an operand names."""
    match operand:
        case Register(name):
            return [name]
        case Address(base):
            return names(base)
        case Vector(elements):
            return [n for e in elements for n in names(e)]
        case Pair(first, second):
            return [first.name, second.name]
    return []


def written(item) -> list[str]:
    """Registers that an instruction writes."""
    carry = [CARRY] if "cc" in item.modifiers else []
    if item.opcode in READ_ALL and not (item.opcode in ("bar", "barrier") and "red" in item.modifiers):
        return carry
    if not item.operands or isinstance(item.operands[0], Address):
        return carry
    return names(item.operands[0]) + carry


def read(item) -> list[str]:
    """Registers that an instruction reads."""
    found = [item.predicate.name] if item.predicate else []
    if item.opcode in READS_CARRY:
        found.append(CARRY)
    start = 0 if item.opcode in READ_ALL or (item.operands and isinstance(item.operands[0], Address)) else 1
    if item.opcode in ("bar", "barrier") and "red" in item.modifiers:
        start = 1
    for operand in item.operands[start:]:
        found += names(operand)
    return found


class Liveness:
    """Registers that are live behind an instruction."""

    def __init__(self, blocks: list[Block], registers):
        self.bit = {name: 1 << i for i, name in enumerate((*registers, CARRY))}
        self.names = (*registers, CARRY)
        self.blocks = blocks
        use, define = [], []
        for block in blocks:
            used = defined = 0
            for item in block.instructions:
                used |= self._bits(read(item)) & ~defined
                if item.predicate is None:
                    defined |= self._bits(written(item))
            use.append(used)
            define.append(defined)
        into = [0] * len(blocks)
        self.out = [0] * len(blocks)
        before: list[list[int]] = [[] for _ in blocks]
        for block in blocks:
            for after in block.next:
                before[after].append(block.number)
        waiting = list(range(len(blocks)))
        queued = set(waiting)
        while waiting:
            n = waiting.pop()
            queued.discard(n)
            out = 0
            for after in blocks[n].next:
                out |= into[after]
            self.out[n] = out
            new = use[n] | (out & ~define[n])
            if new != into[n]:
                into[n] = new
                for m in before[n]:
                    if m not in queued:
                        queued.add(m)
                        waiting.append(m)

    def _bits(self, found):
        bits = 0
        for name in found:
            bits |= self.bit.get(name, 0)
        return bits

    def behind(self, block: Block, index: int, with_own: bool = False) -> list[str]:
        """Registers that somebody reads after instruction `index` of a block.

        with_own    whether also those that it writes itself
        """
        live = self.out[block.number]
        for item in reversed(block.instructions[index + 1 :]):
            if item.predicate is None:
                live &= ~self._bits(written(item))
            live |= self._bits(read(item))
        own = block.instructions[index]
        if own.predicate is None and not with_own:
            live &= ~self._bits(written(own))
        return [self.names[i] for i in range(live.bit_length()) if live >> i & 1]
