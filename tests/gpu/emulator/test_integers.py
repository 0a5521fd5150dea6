"""Integer instructions do to each edge value, and to random ones, what Python's integers do."""

import re

from kernels.gpu.emulator.types import BITS
from tests.helpers.ptx import Line, check, clamped, lines, masked, number, signed


def integers(*opcodes):
    return [line for line in lines(*opcodes) if re.fullmatch(r"[us]\d+", line.types[-1])]


def finish(line, value):
    kind = line.results[0]
    return masked(clamped(value, kind) if line.has("sat") else value, kind)


def test_add_sub_and_the_like_wrap_or_saturate():
    def model(line, *bits):
        a, b, *c = (number(v, kind) for v, kind in zip(bits, line.sources, strict=True))
        match line.opcode:
            case "add":
                return finish(line, a + b)
            case "sub":
                return finish(line, a - b)
            case "min" | "max":
                value = min(a, b) if line.opcode == "min" else max(a, b)
                return finish(line, max(value, 0) if line.has("relu") else value)
            case "sad":
                return finish(line, c[0] + abs(a - b))

    wanted = [line for line in integers("add", "sub", "min", "max", "sad") if not line.has("cc")]
    check(wanted, model)


def test_abs_and_neg_of_the_least_integer_are_itself():
    def model(line, a):
        value = number(a, line.sources[0])
        return finish(line, abs(value) if line.opcode == "abs" else -value)

    check(integers("abs", "neg"), model)


def test_two_halves_of_a_word_are_added_and_compared_each():
    def model(line, a, b):
        found = 0
        for at in (0, 16):
            x, y = (v >> at & 0xFFFF for v in (a, b))
            if line.types[-1][0] == "s":
                x, y = signed(x, 16), signed(y, 16)
            value = {"add": x + y, "min": min(x, y), "max": max(x, y)}[line.opcode]
            value = max(value, 0) if line.has("relu") else value
            found |= (value & 0xFFFF) << at
        return found

    check([line for line in lines("add", "min", "max") if line.types[-1] in ("u16x2", "s16x2")], model)


def product(line, a, b, kind):
    whole = number(a, kind) * number(b, kind)
    return whole >> BITS[kind] if line.has("hi") else whole


def test_products_have_the_half_that_is_asked_for():
    def model(line, a, b, c=None):
        kind = line.types[-1]
        value = product(line, a, b, kind)
        if c is not None:
            half = masked(value, line.results[0])
            value = number(half, line.results[0]) + number(c, line.results[0])
        return finish(line, value)

    check([line for line in integers("mul", "mad") if not line.has("cc")], model)


def test_products_of_24_bits():
    def model(line, a, b, c=0):
        kind = line.types[-1]
        x, y = (signed(v & 0xFFFFFF, 24) if kind == "s32" else v & 0xFFFFFF for v in (a, b))
        value = x * y >> 16 if line.has("hi") else x * y
        return finish(line, number(masked(value, kind), kind) + number(c, kind))

    check(integers("mul24", "mad24"), model)


def test_division_by_zero_gives_all_ones_and_the_least_integer_by_minus_one_itself():
    def model(line, a, b):
        kind = line.types[-1]
        x, y = number(a, kind), number(b, kind)
        if y == 0:
            return masked(-1 if line.opcode == "div" else x, kind)
        quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        return masked(quotient if line.opcode == "div" else x - quotient * y, kind)

    check(integers("div", "rem"), model)


def test_dot_products_of_bytes():
    def model(line, a, b, c):
        first, second = line.types
        count, size = (4, 8) if line.opcode == "dp4a" else (2, 16)
        start = 16 if line.has("hi") else 0
        found = c
        for n in range(count):
            x, y = a >> n * size & (1 << size) - 1, b >> start + 8 * n & 0xFF
            found += (signed(x, size) if first == "s32" else x) * (signed(y, 8) if second == "s32" else y)
        return masked(found, "u32")

    check(lines("dp4a", "dp2a"), model)


def test_carries_and_borrows_go_from_one_word_to_the_next():
    """Numbers of two words: .cc sets the condition code, addc, subc and madc take it."""

    def wide(what, kind, last=""):
        text = {
            "add": f"add.cc.{kind} {{d0}}, {{s0}}, {{s2}}; addc{last}.{kind} {{d1}}, {{s1}}, {{s3}};",
            "sub": f"sub.cc.{kind} {{d0}}, {{s0}}, {{s2}}; subc{last}.{kind} {{d1}}, {{s1}}, {{s3}};",
            "mad": f"mad.lo.cc.{kind} {{d0}}, {{s0}}, {{s2}}, {{s1}};"
            f" madc.hi{last}.{kind} {{d1}}, {{s0}}, {{s2}}, {{s3}};",
        }[what]
        more = (
            f" addc.{kind} {{d2}}, 0, 0;" if last and what != "sub" else f" subc.{kind} {{d2}}, 0, 0;" if last else ""
        )
        return Line(text + more, (kind,) * 4, (kind,) * (3 if last else 2), (kind,), what)

    def model(line, *bits):
        kind = line.modifiers[0]
        size = BITS[kind]
        a, b, c, d = bits
        match line.opcode:
            case "add":
                value = (b << size | a) + (d << size | c)
            case "sub":
                value = (b << size | a) - (d << size | c)
            case "mad":  # the upper word of a product of signed numbers differs, the carries do not
                high = number(a, kind) * number(c, kind) >> size & (1 << size) - 1
                value = (high << size | a * c & (1 << size) - 1) + (d << size | b)
        words = [value >> size * n & (1 << size) - 1 for n in range(2)]
        if len(line.results) == 3:
            left = value >> 2 * size
            words.append(masked(left, kind))
        return tuple(words)

    kinds = ("u32", "s32", "u64", "s64")
    check([wide(what, kind, last) for what in ("add", "sub", "mad") for kind in kinds for last in ("", ".cc")], model)
