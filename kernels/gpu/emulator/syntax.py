"""What PTX says: a module of variables and functions, a function of declarations and instructions.

Source: NVIDIA, Parallel Thread Execution ISA, chapters 4 and 5.
"""

import math
import struct
from dataclasses import dataclass, field, replace

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.types import BITS


@dataclass(frozen=True)
class Register:
    """A register by its name; of a special one it begins with % and is declared nowhere. `negated`: !p."""

    name: str
    negated: bool = False


@dataclass(frozen=True)
class Constant:
    """An immediate operand: an int, or a float with its bits: 32 of 0fXXXXXXXX, else 64."""

    value: int | float
    bits: int | None = None
    width: int | None = None


@dataclass(frozen=True)
class Address:
    """[base + offset]; base is a register, the name of a variable, or None."""

    base: "Register | Symbol | None"
    offset: int


@dataclass(frozen=True)
class Symbol:
    """The name of a variable, a function or a label, with an offset in bytes."""

    name: str
    offset: int = 0


@dataclass(frozen=True)
class Vector:
    """{a, b, c, d}."""

    elements: tuple


@dataclass(frozen=True)
class Pair:
    """p|q: a second destination."""

    first: "Register"
    second: "Register"


@dataclass(frozen=True)
class Instruction:
    """opcode.modifiers operands, perhaps behind a predicate. line: in the PTX; source: (file, line), if it is known."""

    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple
    predicate: Register | None
    line: int
    source: tuple[str, int] | None = None

    def __str__(self):
        return ".".join((self.opcode, *self.modifiers))

    @property
    def type(self):
        """The last modifier that is a type, such as "f32". Raises PtxError where there is none."""
        found = self.types
        if not found:
            raise PtxError(f"{self}: names no type", self.line)
        return found[-1]

    @property
    def types(self):
        """All modifiers that are types, in order: (to, from) of a conversion."""
        return tuple(m for m in self.modifiers if m in BITS)

    def has(self, *modifiers):
        return any(m in self.modifiers for m in modifiers)


@dataclass(frozen=True)
class Label:
    name: str


@dataclass(frozen=True)
class Variable:
    """Memory with a name. size in bytes (None: as long as the launch says); initial: bytes, with (offset, symbol)s."""

    name: str
    space: str
    type: str
    align: int
    size: int | None
    initial: bytes = b""
    pointers: tuple = ()
    linkage: str = ""  # "visible", "extern", "weak", "common", or "": of its text alone


@dataclass
class Function:
    """A kernel (entry) or a device function. A body of None is a declaration of what stands elsewhere."""

    name: str
    entry: bool
    parameters: list[Variable]
    results: list[Variable]
    body: list[Instruction | Label] | None = None
    registers: dict[str, str] = field(default_factory=dict)  # name: type
    variables: dict[str, Variable] = field(default_factory=dict)  # its local, shared and param memory
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of .branchtargets
    line: int = 0
    linkage: str = ""  # as of a variable
    frames: dict[str, int] = field(default_factory=dict)  # variables that lie on a stack, by their offsets in a frame


@dataclass
class Module:
    version: str = ""
    target: str = ""
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)


def constant_bits(constant, kind):
    """The bits of a constant as a type takes it: an unsigned int."""
    width = BITS[kind]
    value, bits = constant.value, constant.bits
    if bits is not None and constant.width == width:
        return bits
    if kind in ("f32", "f64"):
        return float_bits(value, "<f" if width == 32 else "<d")
    if isinstance(value, float):
        raise PtxError(f"{value} is no {kind}")
    return int(value) & (1 << max(width, 1)) - 1


def float_bits(value, code):
    """The bits of a number as struct packs it; infinity where it is too large."""
    try:
        data = struct.pack(code, value)
    except OverflowError:
        data = struct.pack(code, math.copysign(math.inf, value))
    return int.from_bytes(data, "little")


def with_names(item: Instruction, register, symbol) -> Instruction:
    """The instruction with each Register replaced by register(it), and the name of each Symbol by symbol(name)."""

    def operand(each):
        match each:
            case Register():
                return register(each)
            case Symbol(name, offset):
                return Symbol(symbol(name), offset)
            case Address(base, offset):
                return Address(base and operand(base), offset)
            case Vector(elements):
                return Vector(tuple(map(operand, elements)))
            case Pair(first, second):
                return Pair(operand(first), operand(second))
        return each

    predicate = item.predicate and operand(item.predicate)
    return replace(item, operands=tuple(map(operand, item.operands)), predicate=predicate)
