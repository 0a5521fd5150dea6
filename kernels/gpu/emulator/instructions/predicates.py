"""Comparison and selection (PTX ISA 9.7.6, 9.7.7)."""

from kernels.gpu.emulator.instructions import floats, halves, lanes
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.syntax import Pair
from kernels.gpu.emulator.types import is_signed, llvm

UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
FLOAT = {
    **{name: f"o{name}" for name in ("eq", "lt", "le", "gt", "ge")},
    "ne": "one",
    "equ": "ueq", "neu": "une", "ltu": "ult", "leu": "ule", "gtu": "ugt", "geu": "uge",
    "num": "ord", "nan": "uno",
}  # fmt: skip
LOGIC = ("and", "or", "xor")
# What two values are compared as, and what may be said of those.
INTEGERS = (".eq|ne{LOGIC}{TO}.bits", ".compare{LOGIC}{TO}.int", ".lo|ls|hi|hs{LOGIC}{TO}.u16|u32|u64")
COMPARISONS = (
    *INTEGERS,
    ".compare|unordered{LOGIC}{FTZ}{TO}.f32",
    ".compare|unordered{LOGIC}{TO}.f64",
)
OF_HALVES = (".compare|unordered{LOGIC}{FTZ}{TO}.f16", ".compare|unordered{LOGIC}{TO}.bf16")


def forms(texts, to, without, with_logic):
    """The forms with a type of the result, without a predicate to combine with and with one."""
    for text in texts:
        text = text.replace("{TO}", to).replace("{FTZ}", "{.ftz}")
        yield f"{text.replace('{LOGIC}', '')} {without}"
        yield f"{text.replace('{LOGIC}', '.logic')} {with_logic}"


def compared(t, i, a, b, kind):
    """The comparison of two values of a type as an i1."""
    name = next(m for m in i.modifiers if m in FLOAT or m in UNSIGNED)
    sort = llvm(kind)
    if kind in halves.FORMATS:
        a, b, sort = (*(halves.widened(t, halves.flushed(t, i, v), kind) for v in (a, b)), "double")
    if sort in ("float", "double"):
        a, b = (floats.flushed(t, i, sort, v) if kind == "f32" else v for v in (a, b))
        return t.emit(f"fcmp {FLOAT[name]} {sort} {a}, {b}")
    how = UNSIGNED.get(name, name)
    if how not in ("eq", "ne"):
        how = ("s" if is_signed(kind) else "u") + how
    return t.emit(f"icmp {how} {sort} {a}, {b}")


def combined(t, i, found):
    """With the predicate that .and, .or, .xor name."""
    logic = next((m for m in i.modifiers if m in LOGIC), None)
    return t.emit(f"{logic} i1 {found}, {t.read(i.operands[3], 'pred')}") if logic else found


@form("setp", *forms(COMPARISONS, "", "d|q?:pred, a, b", "d|q?:pred, a, b, p:pred"))
@form("setp", *forms(OF_HALVES, "", "d:pred, a, b", "d:pred, a, b, p:pred"))
def set_predicate(t, i):
    """p, and q with the opposite of the comparison."""
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    found = compared(t, i, a, b, i.type)
    target = i.operands[0]
    first = combined(t, i, found)
    if isinstance(target, Pair):
        second = combined(t, i, t.emit(f"xor i1 {found}, true"))
        t.write(target.second, second, "pred")
        target = target.first
    t.write(target, first, "pred")


def compared_twice(t, i):
    """The comparisons of both halves."""
    kind = i.type.removesuffix("x2")
    pairs = zip(*(lanes.split(t, t.read(x, i.type), 16, 2) for x in i.operands[1:3]), strict=True)
    return [combined(t, i, compared(t, i, a, b, kind)) for a, b in pairs]


PAIRS = (".compare|unordered{LOGIC}{FTZ}{TO}.f16x2", ".compare|unordered{LOGIC}{TO}.bf16x2")


@form("setp", *forms(PAIRS, "", "d|q:pred, a, b", "d|q:pred, a, b, p:pred"))
def set_predicates(t, i):
    """p of the lower halves, q of the upper ones."""
    target = i.operands[0]
    for each, found in zip((target.first, target.second), compared_twice(t, i), strict=True):
        t.write(each, found, "pred")


@form("set", *forms(COMPARISONS, ".u32|s32|f32", "d, a, b", "d, a, b, p:pred"))
@form("set", *forms(COMPARISONS, ".f16", "d, a, b", "d, a, b, p:pred"))
@form("set", *forms(OF_HALVES, ".u16|s16|u32|s32", "d, a, b", "d, a, b, p:pred"))
@form("set", *forms(OF_HALVES[:1], ".f16", "d, a, b", "d, a, b, p:pred"))
@form(
    "set", *forms((*INTEGERS, ".compare|unordered{LOGIC}{TO}.f16|bf16|f32|f64"), ".bf16", "d, a, b", "d, a, b, p:pred")
)
def set_value(t, i):
    """All ones, or 1.0, where the comparison holds."""
    to = i.types[0]
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    found = combined(t, i, compared(t, i, a, b, i.type))
    t.write(i.operands[0], truth(t, found, to), to)


def truth(t, found, to):
    if to in ("f16", "bf16"):
        return t.emit(f"select i1 {found}, i16 {halves.ONE[to]}, i16 0")
    if to == "f32":
        return t.emit(f"select i1 {found}, float 1.0, float 0.0")
    return t.emit(f"sext i1 {found} to {llvm(to)}")


@form("set", *forms(PAIRS[:1], ".f16x2", "d, a, b", "d, a, b, p:pred"))
@form("set", *forms(PAIRS[1:], ".bf16x2", "d, a, b", "d, a, b, p:pred"))
def set_values(t, i):
    kind = i.type.removesuffix("x2")
    found = [truth(t, each, kind) for each in compared_twice(t, i)]
    t.write(i.operands[0], lanes.joined(t, found, 16), i.type)


@form("selp", ".bits|int|f32|f64 d, a, b, p:pred")
def select(t, i):
    kind = llvm(i.type)
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    c = t.read(i.operands[3], "pred")
    t.write(i.operands[0], t.emit(f"select i1 {c}, {kind} {a}, {kind} {b}"), i.type)


@form("slct", ".bits|int|f32|f64.s32 d, a:first, b:first, c", "{.ftz}.bits|int|f32|f64.f32 d, a:first, b:first, c")
def select_by_sign(t, i):
    """a where c >= 0, else b; NaN takes b, -0 takes a."""
    to, of = i.types
    kind = llvm(to)
    a, b = (t.read(x, to) for x in i.operands[1:3])
    c = t.read(i.operands[3], of)
    if of == "f32":
        found = t.emit(f"fcmp oge float {floats.flushed(t, i, 'float', c)}, 0.0")
    else:
        found = t.emit(f"icmp sge i32 {c}, 0")
    t.write(i.operands[0], t.emit(f"select i1 {found}, {kind} {a}, {kind} {b}"), to)
