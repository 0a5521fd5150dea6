"""What an instruction is executed for: its kind, and the space and width of an access.

    fma                     multiply and add of floats in one
    float                   other arithmetic of floats, and their comparison as a value
    special function        divisions, roots, exponentials: each takes a unit of its own, or several instructions
    matrix                  a piece of a matrix product for a whole warp
    address                 integers, conversions, comparisons and selections whose results only become addresses
    integer                 other integers and bits
    predicate and branch    comparisons and what is decided by them
    load, store, atomic     accesses; "load parameter" is that of an argument
    barrier and exchange    waiting for others, giving them values, fences
    conversion, move        a value in another type, or in another register

What only becomes an address is found by going backwards over registers: the base of an address does; of what computes
it the operands do, as long as all else that reads them only becomes an address too.
"""

from collections.abc import Set
from dataclasses import dataclass

from kernels.gpu.emulator.flow import names, read, written
from kernels.gpu.emulator.syntax import Address, Instruction
from kernels.gpu.emulator.types import BITS

KINDS = ("fma", "float", "special function", "matrix", "integer", "address", "predicate and branch", "load", "store",
         "atomic", "barrier and exchange", "conversion", "move", "parameter", "other")  # fmt: skip
FLOATS = {"f16", "bf16", "f16x2", "bf16x2", "f32", "f64", "tf32"}

INTEGER = {"add", "sub", "mul", "mad", "mul24", "mad24", "div", "rem", "abs", "neg", "min", "max", "sad", "addc",
           "subc", "madc", "and", "or", "xor", "not", "cnot", "lop3", "shl", "shr", "shf", "bfe", "bfi", "bfind",
           "brev", "popc", "clz", "fns", "prmt", "szext", "bmsk", "dp4a", "dp2a"}  # fmt: skip
SPECIAL = {"rcp", "sqrt", "rsqrt", "sin", "cos", "lg2", "ex2", "tanh"}
MATRIX = {"mma", "wmma", "wgmma"}
DECISIONS = {"setp", "selp", "slct", "bra", "brx", "ret", "exit", "trap", "brkpt"}
MEETINGS = {"bar", "barrier", "shfl", "vote", "match", "redux", "activemask", "elect", "membar", "fence", "mbarrier",
            "nanosleep", "griddepcontrol"}  # fmt: skip
ACCESSES = {"ld": "load", "ldu": "load", "ldmatrix": "load", "st": "store", "stmatrix": "store", "atom": "atomic",
            "red": "atomic", "cp": "load"}  # fmt: skip
SPACES = ("global", "shared", "local", "const", "param")


@dataclass(frozen=True, order=True)
class Sort:
    """A kind of instruction; of an access also its space and the bytes that it moves for a thread."""

    kind: str
    space: str = ""
    width: int = 0

    def __str__(self):
        return f"{self.kind} {self.space}, {self.width} bytes" if self.space else self.kind


def sorts(blocks: list[list[Instruction]]) -> list[list[Sort]]:
    """Of each instruction of each basic block."""
    only_addresses = addresses([item for block in blocks for item in block])
    return [[sort(item, only_addresses) for item in block] for block in blocks]


def sort(item: Instruction, only_addresses: Set[str] = frozenset()) -> Sort:
    """Of one instruction, with the registers whose values only become addresses."""
    if item.opcode == "cp" and not item.has("global"):
        return Sort("barrier and exchange")  # it waits for copies, or closes a group of them
    if (kind := ACCESSES.get(item.opcode)) is not None:
        spaces = [s for m in item.modifiers for s in SPACES if m.split("::")[0] == s] or ["generic"]
        space = spaces[-1]  # a copy names where to, then where from
        return Sort("parameter") if space == "param" else Sort(kind, space, width(item))
    if passes_on(item) and item.opcode != "mov":
        results = written(item)
        if results and all(name in only_addresses for name in results):
            return Sort("address")
    return Sort(plain_kind(item))


def plain_kind(item: Instruction) -> str:
    """Of what is no access, whatever becomes of its result."""
    is_float = bool(item.types) and item.types[-1] in FLOATS
    opcode = item.opcode
    if opcode in MATRIX:
        return "matrix"
    if opcode in SPECIAL or (opcode == "div" and is_float):
        return "special function"
    if opcode == "fma" or (opcode == "mad" and is_float):
        return "fma"
    if opcode in DECISIONS or (opcode in INTEGER and item.types == ("pred",)):
        return "predicate and branch"
    if opcode in MEETINGS:
        return "barrier and exchange"
    if opcode == "mov":
        return "move"
    if opcode in ("cvt", "cvta"):
        return "conversion"
    if is_float:
        return "float"
    return "integer" if opcode in INTEGER else "other"


def width(item: Instruction) -> int:
    """Bytes of an access by one thread."""
    if item.opcode == "cp":
        sizes = [int(o.value) for o in item.operands if hasattr(o, "value")]
        return sizes[0] if sizes else 0
    if item.opcode in ("ldmatrix", "stmatrix"):
        return next((4 * int(m[1:]) for m in item.modifiers if m in ("x1", "x2", "x4")), 4)
    count = next((int(m[1:]) for m in item.modifiers if m in ("v2", "v4", "v8")), 1)
    return count * (BITS[item.types[-1]] // 8 if item.types else 0)


def element(item: Instruction) -> int:
    """Bytes of one value of an access."""
    return BITS[item.types[-1]] // 8 if item.types else 1


def passes_on(item: Instruction) -> bool:
    """Whether it computes with integers or predicates, so that what becomes of its result becomes of its operands."""
    if any(kind in FLOATS for kind in item.types):
        return False
    return item.opcode in INTEGER or item.opcode in ("mov", "cvt", "cvta", "setp", "selp")


def addresses(items: list[Instruction]) -> set[str]:
    """Registers that are read, and only to become addresses."""
    other: set[str] = set()  # registers that become something else
    used: set[str] = set()
    makers: dict[str, list[Instruction]] = {}
    waiting: list[str] = []

    def becomes_other(found):
        for name in found:
            if name not in other:
                other.add(name)
                waiting.append(name)

    for item in items:
        used.update(read(item))
        if item.predicate is not None:
            becomes_other([item.predicate.name])
        if passes_on(item):
            for name in written(item):
                makers.setdefault(name, []).append(item)
        else:
            becomes_other(data(item))
    while waiting:
        for item in makers.get(waiting.pop(), ()):
            becomes_other(read(item))
    return used - other


def data(item: Instruction) -> list[str]:
    """Registers that an instruction reads other than as the base of an address."""
    bases = {n for operand in item.operands for n in (names(operand) if isinstance(operand, Address) else ())}
    if item.opcode not in ACCESSES:
        return read(item)
    values = [o for o in item.operands if not isinstance(o, Address)]
    stored = {n for operand in values for n in names(operand)} if item.opcode != "ld" else set()
    return [n for n in read(item) if n not in bases or n in stored]
