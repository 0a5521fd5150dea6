"""Functions that call themselves, directly or through others: these are not inlined but called, with a stack.

Such a routine has one body, behind that of the kernel, and a frame on the stack of each thread, in local memory: its
variables, and room for its registers, which a call within it may change. FRAME points to the frame of the routine that
runs. A call takes the arguments into registers, saves others (`push`), moves FRAME on, and stores the arguments where
the routine has its parameters; by a number it says where to return to, of which there is a table. Results come back in
registers.
"""

from dataclasses import dataclass, field, replace

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.pointers import taken
from kernels.gpu.emulator.syntax import (
    Address,
    Constant,
    Function,
    Instruction,
    Module,
    Register,
    Symbol,
    Variable,
    Vector,
)
from kernels.gpu.emulator.types import BITS

FRAME, STACK = "%frame", "%stack"  # a register of 64 bits, and what it is an offset in
STACK_BYTES = 2**16


@dataclass
class Routine:
    """A function that is called. Of its variables and registers, those of functions inlined into it are some."""

    function: Function
    names: dict[str, str]
    number: int
    returns: list[str] = field(default_factory=list)  # labels
    registers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)

    @property
    def begin(self):
        return f"begin@{self.number}"

    @property
    def end(self):
        return f"end@{self.number}"

    @property
    def back(self):
        """The register that says where to return to, and the name of the table of labels."""
        return f"%back@{self.number}"

    def arrange(self) -> tuple[dict[str, int], dict[str, int], int]:
        """(where in the frame its variables lie, and its registers are saved; how many bytes it has)."""
        at, variables, registers = 0, {}, {}
        for name, variable in self.variables.items():
            at = -(-at // max(variable.align, 8)) * max(variable.align, 8)
            variables[name] = at
            at += variable.size or 0
        at = -(-at // 16) * 16
        for name in self.registers:
            registers[name] = at
            at += 8 if BITS[self.registers[name]] <= 64 else 16
        return variables, registers, -(-at // 16) * 16


def recursive(kernel: Function, module: Module) -> set[str]:
    """Names of functions that a call of theirs may lead back to."""
    calls: dict[str, set[str]] = {}
    waiting, by_address = [kernel], taken(module)
    while waiting:
        function = waiting.pop()
        items = [i for i in function.body or () if isinstance(i, Instruction) and i.opcode == "call"]
        calls[function.name] = {o.name for i in items for o in i.operands if isinstance(o, Symbol)}
        if any(isinstance(o, Register) for i in items for o in i.operands[:2]):  # a call of an address
            calls[function.name] |= {each.name for each in by_address}
        known = (module.functions.get(name) for name in calls[function.name] - calls.keys())
        waiting += [each for each in known if each and each.body is not None]
    found = set()
    for name in calls:
        reached, waiting_names = set(), list(calls[name])
        while waiting_names:
            if (other := waiting_names.pop()) not in reached:
                reached.add(other)
                waiting_names += calls.get(other, ())
        if name in reached:
            found.add(name)
    return found


class Carrier:
    """What arguments and results are carried in between frames: registers, of each value as many as it needs."""

    def __init__(self, whole: Function, like: Instruction):
        self.whole, self.like = whole, like

    def pieces(self, parameter: Variable, hint: str) -> list[tuple[int, str, str]]:
        """(offset, register, type) of the parts that a parameter is carried in."""
        if parameter.space == "reg":
            kinds = [(0, as_bits(parameter.type))]
        else:
            size = next(n for n in (8, 4, 2, 1) if not (parameter.size or 0) % n and not parameter.align % n)
            kinds = [(at, f"b{8 * size}") for at in range(0, parameter.size or 0, size)]
        found = [(at, f"%{hint}.{at}", kind) for at, kind in kinds]
        self.whole.registers |= {name: "b16" if kind == "b8" else kind for _, name, kind in found}
        return found

    def take(self, parameter: Variable, actual, hint: str) -> list[Instruction]:
        """A value into its registers."""
        pieces = self.pieces(parameter, hint)
        if parameter.space == "reg":
            ((_, name, kind),) = pieces
            return [self.instruction("mov", (kind,), Register(name), actual)]
        if not isinstance(actual, Symbol):
            raise PtxError(f"call: {parameter.name} is given no .param variable", self.like.line)
        return [self.instruction("ld", ("param", k), Register(n), Address(actual, at)) for at, n, k in pieces]

    def give(self, parameter: Variable, target, hint: str) -> list[Instruction]:
        """The registers of a value to where it belongs."""
        pieces = self.pieces(parameter, hint)
        if parameter.space == "reg":
            ((_, name, kind),) = pieces
            return [self.instruction("mov", (kind,), target, Register(name))]
        return [self.instruction("st", ("param", k), Address(target, at), Register(n)) for at, n, k in pieces]

    def instruction(self, opcode, modifiers, *operands):
        return Instruction(opcode, modifiers, operands, None, self.like.line, self.like.source)


def settled(item: Instruction) -> Instruction:
    """A `push` or `pop` around a call, once all bodies are there, with what it saves and how far it moves FRAME.

    Its operands were the caller, None for the kernel, and the callee; they become FRAME, registers of the frame with
    their offsets there, and the bytes of both frames.
    """
    caller, callee = item.operands
    _, saved, size = caller.arrange() if caller else ({}, {}, 0)
    registers = Vector(tuple(map(Register, saved)))
    offsets = Vector(tuple(map(Constant, saved.values())))
    sizes = Constant(size), Constant(callee.arrange()[2])
    frame = Register(FRAME)
    operands: tuple
    if item.opcode == "push":
        operands = (frame, frame, registers, offsets, *sizes)
    else:
        operands = (Vector((frame, *registers.elements)), frame, offsets, *sizes)
    return replace(item, operands=operands)


def as_bits(kind):
    return "pred" if kind == "pred" else f"b{BITS[kind]}"
