"""Logic, shifts and bit fields, with amounts and positions beyond the width."""

from kernels.gpu.emulator.instructions.forms import FORMS
from kernels.gpu.emulator.types import BITS
from tests.helpers.ptx import Line, check, lines, masked, number, signed


def test_logic():
    def model(line, a, b=0):
        kind = line.types[-1]
        ones = (1 << BITS[kind]) - 1
        return {"and": a & b, "or": a | b, "xor": a ^ b, "not": a ^ ones, "cnot": int(a == 0)}[line.opcode]

    check(lines("and", "or", "xor", "not", "cnot"), model)


def test_every_table_of_lop3():
    def model(line, a, b, c, p=None):
        table = int(line.text.split(", ")[4].rstrip(";"))
        value = 0
        for n in range(8):
            if table >> n & 1:
                value |= (a if n & 4 else ~a) & (b if n & 2 else ~b) & (c if n & 1 else ~c)
        value &= 0xFFFFFFFF
        if p is None:
            return value
        return value, int(value != 0) | p if line.has("or") else int(value != 0) & p

    forms = FORMS["lop3"]
    wanted = [Line.in_form(forms[1], ("b32",), table) for table in range(256)]
    assert not wanted[0].sources[3:]
    wanted += [Line.in_form(forms[0], (how, "b32"), table) for how in ("and", "or") for table in (0, 0x80, 0x96, 0xFF)]
    check(wanted, model, 40)


def test_shifts_by_more_than_the_width_leave_nothing_or_the_sign():
    def model(line, a, by):
        kind = line.types[-1]
        by = min(by, BITS[kind])
        return masked(a << by if line.opcode == "shl" else number(a, kind) >> by, kind)

    check(lines("shl", "shr"), model)


def test_funnel_shifts():
    def model(line, a, b, c):
        by = min(c, 32) if line.has("clamp") else c & 31
        both = b << 32 | a
        return masked(both << by >> 32 if line.has("l") else both >> by, "b32")

    check(lines("shf"), model)


def test_fields_are_taken_out_and_put_in():
    """As the loops of the manual have it, bit by bit."""

    def bfe(line, a, b, c):
        kind = line.types[-1]
        top, at, count = BITS[kind] - 1, b & 0xFF, c & 0xFF
        sign = 0 if kind[0] == "u" or count == 0 else a >> min(at + count - 1, top) & 1
        found = 0
        for n in range(top + 1):
            bit = a >> at + n & 1 if n < count and at + n <= top else sign
            found |= bit << n
        return found

    def bfi(line, a, b, c, d):
        top, at, count = BITS[line.types[-1]] - 1, c & 0xFF, d & 0xFF
        for n in range(count):
            if at + n <= top:
                b = b & ~(1 << at + n) | (a >> n & 1) << at + n
        return b

    check(lines("bfe"), bfe)
    check(lines("bfi"), bfi)


def test_masks_and_extensions_of_so_many_bits():
    def bmsk(line, a, b):
        at, count = (a & 31, b & 31) if line.has("wrap") else (min(a, 32), min(b, 32))
        return masked((1 << count) - 1 << at, "b32")

    def szext(line, a, b):
        count = b & 31 if line.has("wrap") else min(b, 32)
        kept = a & (1 << count) - 1
        return masked(signed(kept, count), "u32") if line.types[-1] == "s32" and count else kept

    check(lines("bmsk"), bmsk)
    check(lines("szext"), szext)


def test_counting_and_finding():
    def model(line, a):
        kind = line.types[-1]
        bits = BITS[kind]
        match line.opcode:
            case "popc":
                return a.bit_count()
            case "clz":
                return bits - a.bit_length()
            case "brev":
                return int(f"{a:0{bits}b}"[::-1], 2)
        if number(a, kind) < 0:
            a ^= (1 << bits) - 1
        at = a.bit_length() - 1
        return 0xFFFFFFFF if at < 0 else bits - 1 - at if line.has("shiftamt") else at

    check(lines("popc", "clz", "brev", "bfind"), model)


def test_the_nth_set_bit():
    def model(line, mask, base, n):
        base, n = base, signed(n, 32)
        if n == 0:
            return base if base < 32 and mask >> base & 1 else 0xFFFFFFFF
        at, left = base, abs(n)
        while 0 <= at < 32:
            left -= mask >> at & 1
            if left == 0:
                return at
            at += 1 if n > 0 else -1
        return 0xFFFFFFFF

    (line,) = lines("fns")
    near = Line(
        "and.b32 {d0}, {s1}, 31; rem.s32 {d1}, {s2}, 9; fns.b32 {d0}, {s0}, {d0}, {d1};", line.sources, ("b32", "b32")
    )
    check([near], lambda line, a, b, c: (model(line, a, b & 31, rest(c) & 0xFFFFFFFF), rest(c) & 0xFFFFFFFF))


def rest(c):
    c = signed(c, 32)
    return abs(c) % 9 * (-1 if c < 0 else 1)


def test_permuted_bytes():
    def model(line, a, b, c):
        both = (b << 32 | a).to_bytes(8, "little")
        mode = line.one_of(("f4e", "b4e", "rc8", "ecl", "ecr", "rc16"))
        s = c & 3
        if mode is None:
            found = []
            for n in range(4):
                nibble = c >> 4 * n & 15
                byte = both[nibble & 7]
                found.append((0xFF if byte >> 7 else 0) if nibble & 8 else byte)
            return int.from_bytes(found, "little")
        chosen = {
            "f4e": [(s + n) % 8 for n in range(4)],
            "b4e": [(s - n) % 8 for n in range(4)],
            "rc8": [s] * 4,
            "ecl": [max(s, n) for n in range(4)],
            "ecr": [min(s, n) for n in range(4)],
            "rc16": [0, 1, 0, 1] if s % 2 == 0 else [2, 3, 2, 3],
        }[mode]
        return int.from_bytes([both[n] for n in chosen], "little")

    check(lines("prmt"), model)
