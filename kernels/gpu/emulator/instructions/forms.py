"""Which forms an instruction has, written as in the manual, and the choice of the one that stands in the text.

    @form("add sub", "{.rnd}{.ftz}{.sat}.f32   d, a, b", "{.rnd}.f64   d, a, b")
    def add(t, i): ...

What is in braces may be left out, | separates alternatives, CLASSES says what .rnd and the like stand for. Types stand
in the order of the form, other modifiers in any, as ptxas takes them too; * are any, which the function looks at
itself. What an operand is, its name tells:

    d      a register that is written, of the form's first type; d|q with a second one, a predicate; q? may be left out
    [a]    an address
    n      a whole number that the text contains
    {a}    as many registers in braces as .v2, .v4 or .v8 says; one where there is none of these
    s      the name of a variable
    v      registers in braces, which the function looks at itself
    x      anything, which the function looks at itself
    others a register or a constant, of the form's last type

and behind it: `:u32` another type, `:first` the first one, `:wide` twice the bits, + that a wider register will do,
? that it may be left out, _ that the result may be thrown away. So whatever is no PTX is refused before the function
sees it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.table import OPCODES
from kernels.gpu.emulator.syntax import Address, Constant, Pair, Register, Symbol, Vector
from kernels.gpu.emulator.types import BITS

CLASSES = {
    "rnd": "rn|rz|rm|rp",
    "int": "u16|s16|u32|s32|u64|s64",
    "word": "u32|s32|u64|s64",
    "bits": "b16|b32|b64",
    "half": "f16|f16x2|bf16|bf16x2",
    "logic": "and|or|xor",
    "compare": "eq|ne|lt|le|gt|ge",
    "unordered": "equ|neu|ltu|leu|gtu|geu|num|nan",
}
TOKEN = re.compile(r"(\{)?\.([\w:|]+)\}?")
OPERAND = re.compile(
    r"(?P<open>[\[{]?)(?P<name>\w+?)[\]}]?(?:\|(?P<second>\w\??))?(?::(?P<kind>[a-z0-9]+))?(?P<marks>[+?_]*)"
)


@dataclass(frozen=True)
class Operand:
    """One operand of a form; `text` as the form writes it."""

    text: str
    name: str
    open: str
    second: str | None
    kind: str | None
    marks: str


@dataclass(frozen=True)
class Form:
    """types and words: the alternatives for each; of a word also whether it may be left out. is_open: they are *."""

    opcode: str
    tokens: tuple[tuple[frozenset[str], bool], ...]  # in the order of the manual
    types: tuple[frozenset[str], ...]
    words: tuple[tuple[frozenset[str], bool], ...]
    operands: tuple[Operand, ...]
    function: Callable
    is_open: bool

    def spellings(self) -> Iterator[tuple[str, ...]]:
        """All modifiers that the instruction may have in this form."""
        for chosen in product(*((*sorted(names), *([""] if optional else [])) for names, optional in self.tokens)):
            yield tuple(word for word in chosen if word)

    def matches(self, modifiers) -> bool:
        if self.is_open:
            return True
        types = [m for m in modifiers if m in BITS]
        if len(types) != len(self.types) or any(m not in names for m, names in zip(types, self.types, strict=True)):
            return False
        left = [m for m in modifiers if m not in BITS]
        for names, optional in self.words:
            found = next((m for m in left if m in names), None)
            if found is None and not optional:
                return False
            if found is not None:
                left.remove(found)
        return not left

    def kind(self, operand: Operand, i) -> str:
        """The type that an operand has in an instruction of this form; none if it holds no value."""
        if operand.open == "[" or operand.name in ("n", "s", "v", "x"):
            return ""
        if operand.kind == "wide":
            return f"{i.type[0]}{2 * BITS[i.type]}"
        if operand.kind == "first" or (operand.kind is None and operand.name == "d"):
            return i.types[0]
        return operand.kind or i.type

    def problem(self, t, i) -> str | None:
        """What is wrong with the operands of an instruction, if anything."""
        least = sum("?" not in operand.marks for operand in self.operands)
        if not least <= len(i.operands) <= len(self.operands):
            return f"takes {', '.join(operand.text for operand in self.operands) or 'no operands'}"
        for operand, given in zip(self.operands, i.operands, strict=False):
            if problem := wrong(t, operand, given, self.kind(operand, i), i):
                return problem
        return None


FORMS: dict[str, list[Form]] = {}


OTHERWISE: dict[str, Callable[[Any], str | None]] = {}  # by opcode: what is said of an instruction in none of its forms


def form(opcodes: str, *lines: str, otherwise: Callable[[Any], str | None] | None = None):
    """Decorator: the function translates these opcodes in these forms; otherwise(i) may say more of others."""

    def add(function):
        for opcode in opcodes.split():
            if opcode not in FORMS:
                FORMS[opcode] = []
                OPCODES[opcode] = translated
            FORMS[opcode] += [parsed(opcode, line, function) for line in lines]
            if otherwise:
                OTHERWISE[opcode] = otherwise
        return function

    return add


def parsed(opcode, line, function) -> Form:
    modifiers, _, operands = line.partition(" ")
    tokens = []
    for brace, names in TOKEN.findall(modifiers):
        each = frozenset(n for name in names.split("|") for n in CLASSES.get(name, name).split("|"))
        tokens.append((each, bool(brace)))
    found = []
    for text in (part.strip() for part in operands.split(",")):
        if text:
            match = OPERAND.fullmatch(text)
            assert match, text
            found.append(Operand(re.sub(r"[:+?_].*", "", text), **match.groupdict()))
    types = tuple(names for names, _ in tokens if names <= BITS.keys())
    words = tuple((names, optional) for names, optional in tokens if not names <= BITS.keys())
    return Form(opcode, tuple(tokens), types, words, tuple(found), function, modifiers == "*")


def translated(t, i):
    """Translate an instruction by the function of its form. Raises PtxError where it has none of them."""
    forms = [each for each in FORMS[i.opcode] if each.matches(i.modifiers)]
    problem = None
    for each in forms:
        problem = each.problem(t, i)
        if problem is None:
            return each.function(t, i)
    raise PtxError(problem or stranger(i))


def stranger(i) -> str:
    """What keeps modifiers from being those of any form."""
    if i.opcode in OTHERWISE and (said := OTHERWISE[i.opcode](i)):
        return said
    known = {name for each in FORMS[i.opcode] for names, _ in each.tokens for name in names}
    for modifier in i.modifiers:
        if modifier not in known:
            return f".{modifier} is not executed"
    return "these modifiers do not go together" if i.modifiers else "names no type"


def wrong(t, operand: Operand, given, kind: str, i) -> str | None:
    """What keeps an operand of the text from being that of the form."""
    name, marks = operand.name, operand.marks
    if name == "x":
        return None
    if name == "s":
        return None if isinstance(given, Symbol) else "a register or a variable is needed"
    if name == "v":
        return None if isinstance(given, Vector) else "registers in braces are needed"
    if operand.open == "[":
        return no_address(t, given) if isinstance(given, Address) else f"[{operand.name}] is an address in brackets"
    if operand.open == "{":
        count = next((int(m[1:]) for m in i.modifiers if m in ("v2", "v4", "v8")), None)
        elements = (given,) if count is None else given.elements if isinstance(given, Vector) else ()
        if len(elements) != (count or 1):
            return f"{operand.text} is {count or 1} registers"
        return next((p for e in elements if (p := mismatch(t, name, e, kind, marks))), None)
    if name == "n":
        is_whole = isinstance(given, Constant) and isinstance(given.value, int)
        return None if is_whole else "a whole number is needed"
    if operand.second:
        if isinstance(given, Pair):
            if given.second.name != "_" and (problem := mismatch(t, name, given.second, "pred", marks)):
                return problem
            return None if given.first.name == "_" else mismatch(t, name, given.first, kind, marks)
        if not operand.second.endswith("?"):
            return f"writes {operand.text}"
    return mismatch(t, name, given, kind, marks)


def no_address(t, given: Address) -> str | None:
    """What keeps a register from being the base of an address."""
    if not isinstance(given.base, Register):
        return None
    have = t.function.registers.get(given.base.name, "u64")
    return None if re.fullmatch(r"[usb](32|64)", have) else f"{given.base.name} holds no address"


def mismatch(t, name: str, given, kind: str, marks: str = "") -> str | None:
    """What keeps a register or a constant from being of a type; a name that begins with d is written."""
    if isinstance(given, Constant):
        if name == "d":
            return "the destination is no register"
        is_float, sorts = (
            isinstance(given.value, float),
            r"f32|f64" if isinstance(given.value, float) else r"[usb]\d+|pred",
        )
        is_bits = is_float and kind == f"b{given.width}"  # a float as it is written stands for its bits
        if not (is_bits or re.fullmatch(sorts, kind)):
            return f"{given.value} is no {kind}"
        return None
    if not isinstance(given, Register):
        return "the destination is no register" if name == "d" else "a register or a constant is needed"
    if given.name == "_":
        return None if "_" in marks else "a register is needed where _ stands"
    if given.negated and (kind != "pred" or name == "d"):
        return f"!{given.name}: only a predicate that is read can be negated"
    have = t.function.registers.get(given.name)
    if have is None:
        return "the destination is a special register" if name == "d" and given.name in t.special else None
    if not fits(have, kind, "+" in marks):
        return f"{given.name} is a .{have}, a .{kind} is needed"
    return None


def fits(have: str, kind: str, wider: bool) -> bool:
    """Whether a register of one type holds a value of another: as many bits, and the same sort unless mere bits."""
    if "pred" in (have, kind):
        return have == kind
    if BITS[have] != BITS[kind] and not (wider and BITS[have] > BITS[kind]):
        return False
    return have == kind or sort(have) == sort(kind) or "bits" in (sort(have), sort(kind))


def sort(kind: str) -> str:
    """bits, integer, or of a float itself."""
    return "bits" if re.fullmatch(r"b\d+", kind) else "integer" if re.fullmatch(r"[us]\d+", kind) else kind
