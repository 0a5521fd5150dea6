"""Comparisons of every type, combined with predicates, and selections by them."""

import pytest

from kernels.gpu.emulator.types import BITS
from tests.helpers import exact
from tests.helpers.exact import FORMATS
from tests.helpers.ptx import check, lines, masked, number, signed

COMPARED = {
    "eq": lambda c: c == 0, "ne": lambda c: c != 0, "lt": lambda c: c < 0, "le": lambda c: c <= 0,
    "gt": lambda c: c > 0, "ge": lambda c: c >= 0,
}  # fmt: skip
UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
NAMES = (*COMPARED, *UNSIGNED, *(f"{name}u" for name in COMPARED), "num", "nan")


def holds(line, a, b, kind):
    """Whether a comparison holds; of floats with a NaN only where its name ends in u, or is nan."""
    name = line.one_of(NAMES)
    if kind not in FORMATS:
        x, y = number(a, kind), number(b, kind)
        return COMPARED[UNSIGNED.get(name, name)]((x > y) - (x < y))
    f = FORMATS[kind]
    if line.has("ftz"):
        a, b = exact.flushed(a, f), exact.flushed(b, f)
    found = exact.compare(a, b, f)
    if name in ("num", "nan"):
        return (found is None) == (name == "nan")
    if found is None:
        return name.endswith("u")
    return COMPARED[name.removesuffix("u")](found)


def combined(line, found, p):
    if line.has("and"):
        return found & p
    return found | p if line.has("or") else found ^ p if line.has("xor") else found


def setp(line, a, b, p=0):
    kind = line.types[-1]
    if kind.endswith("x2"):
        return tuple(combined(line, int(holds(line, a >> n & 0xFFFF, b >> n & 0xFFFF, kind[:-2])), p) for n in (0, 16))
    found = int(holds(line, a, b, kind))
    both = combined(line, found, p), combined(line, 1 - found, p)
    return both if len(line.results) > 1 else both[0]


def test_setp_writes_a_comparison_and_its_opposite():
    check(lines("setp"), setp, 250)


def test_there_are_comparisons_of_one_and_of_two_results():
    assert {len(line.results) for line in lines("setp")} == {1, 2}


TRUE = {"f32": 0x3F800000, "f16": 0x3C00, "bf16": 0x3F80}


def truth(found, kind):
    return TRUE.get(kind, (1 << BITS[kind]) - 1) if found else 0


def set_value(line, a, b, p=0):
    to, kind = line.types
    if kind.endswith("x2"):
        found = [combined(line, int(holds(line, a >> n & 0xFFFF, b >> n & 0xFFFF, kind[:-2])), p) for n in (0, 16)]
        return truth(found[0], to[:-2]) | truth(found[1], to[:-2]) << 16
    return truth(combined(line, int(holds(line, a, b, kind)), p), to)


@pytest.mark.parametrize("to", ["u32", "s32", "f32", "f16", "bf16", "u16", "s16", "f16x2", "bf16x2"])
def test_set_writes_all_ones_or_one(to):
    check([line for line in lines("set") if line.types[0] == to], set_value, 100)


def test_selections():
    def selp(line, a, b, p):
        return a if p else b

    def slct(line, a, b, c):
        if line.types[-1] == "s32":
            return a if signed(c, 32) >= 0 else b
        found = exact.compare(exact.flushed(c, FORMATS["f32"]) if line.has("ftz") else c, 0, FORMATS["f32"])
        return a if found is not None and found >= 0 else b

    check(lines("selp"), selp)
    check(lines("slct"), slct)


def test_predicates_are_computed_with_and_negated():
    def model(line, a, b):
        return masked(a, "pred")

    from tests.helpers.ptx import Line

    line = Line(
        "and.pred {d0}, {s0}, !{s1}; or.pred {d0}, {d0}, {s0}; not.pred {d0}, {d0}; not.pred {d0}, {d0};",
        ("pred",) * 2,
        ("pred",),
    )
    check([line], model, 8)
