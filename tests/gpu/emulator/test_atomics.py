"""Atomic operations: what they leave, what they give back, and that no thread's is lost."""

import itertools

import numpy as np
import pytest

from kernels.gpu.emulator import EmulatorError, load
from kernels.gpu.emulator.instructions.forms import FORMS
from kernels.gpu.emulator.types import BITS
from tests.helpers import exact
from tests.helpers.exact import FORMATS
from tests.helpers.ptx import ANY_NAN, HEAD, agree, number, register, values

OPERATIONS = ("add", "and", "or", "xor", "exch", "min", "max", "inc", "dec", "cas")
SPACES = ("global", "shared", "shared::cta", "shared::cluster")
COUNT = 96


def spellings(opcode):
    """Every operation and type in global and in shared memory; in the other spaces a type of each operation."""
    found, seen = {}, set()
    for form in FORMS[opcode]:
        for modifiers in form.spellings():
            if "L2::cache_hint" not in modifiers:
                space = next((m for m in modifiers if m in SPACES), "")
                core = tuple(m for m in modifiers if m in OPERATIONS or m in BITS or m in ("v2", "v4", "v8", "noftz"))
                if space in ("global", "shared") or (space, core[0]) not in seen:
                    seen.add((space, core[0]))
                    found.setdefault((space, core), modifiers)
    return found


def names(kind, count, first):
    return [f"%{register(kind)}_{first + n}" for n in range(count)]


def braces(some):
    return some[0] if len(some) == 1 else f"{{{', '.join(some)}}}"


def kernel(opcode, space, modifiers, core):
    """Each thread has memory of its own: (word in memory, operands) -> (word in memory, result)."""
    kind, how = core[-1], next(m for m in core if m in OPERATIONS)
    lanes = next((int(m[1:]) for m in core if m in ("v2", "v4", "v8")), 1)
    size, sort = BITS[kind] // 8, register(kind)
    old, given, other = (names(kind, lanes, first) for first in (0, 8, 16))
    in_shared = space.startswith("shared")
    move = [f"ld.global.{sort} {given[n]}, [%value+{n * size}];" for n in range(lanes)]
    move += [f"ld.global.{sort} {other[0]}, [%other];"] if how == "cas" else []
    if in_shared:
        move += [
            f"ld.global.{sort} {old[n]}, [%memory+{n * size}]; st.shared.{sort} [%near+{n * size}], {old[n]};"
            for n in range(lanes)
        ]
    operands = [braces(old)] if opcode == "atom" else []
    operands += ["[%near]" if in_shared else "[%memory]", braces(given), *([other[0]] if how == "cas" else [])]
    back = []
    if in_shared:
        back = [
            f"ld.shared.{sort} {given[n]}, [%near+{n * size}]; st.global.{sort} [%memory+{n * size}], {given[n]};"
            for n in range(lanes)
        ]
    if opcode == "atom":
        back += [f"st.global.{sort} [%result+{n * size}], {old[n]};" for n in range(lanes)]
    declared = "\n".join(f".reg .{kind} %{kind}_<24>;" for kind in ("b16", "b32", "b64", "b128", "f32", "f64"))
    loads = "\n".join(
        f"ld.param.u64 %{name}, [p{n}]; add.s64 %{name}, %{name}, %row;"
        for n, name in enumerate(("memory", "value", "other", "result"))
    )
    line = "\n".join(move) + f"\n{'.'.join((opcode, *modifiers))} {', '.join(operands)};\n" + "\n".join(back)
    if kind == "b128":  # no instruction loads 128 bits at once into one register: two halves
        line = line.replace("ld.global.b128", "ld.global.v2.b64").replace("ld.shared.b128", "ld.shared.v2.b64")
        line = of_two_halves(line)
    return f"""{HEAD}
.visible .entry k({", ".join(f".param .u64 p{n}" for n in range(4))}) {{
{declared}
.reg .b64 %memory, %value, %other, %result, %row, %near, %lo, %hi; .reg .u32 %tid;
.shared .align 16 .b8 sh[{16 * COUNT}];
mov.u32 %tid, %tid.x; mul.wide.u32 %row, %tid, 16;
{loads}
mov.u64 %near, sh; add.s64 %near, %near, %row;
{line}
ret; }}"""


def of_two_halves(text):
    found = []
    for line in text.replace("; ", ";\n").splitlines():
        opcode, _, rest = line.partition(" ")
        if opcode.startswith("ld"):
            target, at = rest.split(", ")
            found += [f"{opcode} {{%lo, %hi}}, {at}", f"mov.b128 {target}, {{%lo, %hi}};"]
        elif opcode.startswith("st"):
            at, source = rest.rstrip(";").split(", ")
            found += [f"mov.b128 {{%lo, %hi}}, {source};", f"{opcode.replace('b128', 'v2.b64')} {at}, {{%lo, %hi}};"]
        else:
            found.append(line)
    return "\n".join(found)


def model(how, kind, space, old, value, other):
    """What an operation leaves."""
    if kind.endswith("x2"):
        parts = [model(how, kind[:-2], space, old >> n & 0xFFFF, value >> n & 0xFFFF, 0) for n in (0, 16)]
        return parts[0] | parts[1] << 16
    if kind in FORMATS:
        f = FORMATS[kind]
        if how != "add":
            some = [a for a in (old, value) if not f.is_nan(a)]
            choose = min if how == "min" else max
            return choose(some, key=lambda a: exact.order(a, f)) if some else f.nan
        if kind == "f32" and not space.startswith("shared"):  # in global memory subnormals are zeros
            return exact.flushed(exact.add(exact.flushed(old, f), exact.flushed(value, f), f), f)
        return exact.add(old, value, f)
    x, y = number(old, kind), number(value, kind)
    return {
        "add": x + y, "and": x & y, "or": x | y, "xor": x ^ y, "exch": y, "min": min(x, y), "max": max(x, y),
        "inc": 0 if x >= y else x + 1, "dec": y if x == 0 or x > y else x - 1, "cas": other if x == y else x,
    }[how] & (1 << BITS[kind]) - 1  # fmt: skip


@pytest.mark.parametrize("opcode", ["atom", "red"])
@pytest.mark.parametrize("how", OPERATIONS)
def test_every_operation_of_every_type_in_every_space(opcode, how):
    found = [(space, core, modifiers) for (space, core), modifiers in spellings(opcode).items() if how in core]
    assert bool(found) == (opcode == "atom" or how not in ("exch", "cas"))
    generator = np.random.default_rng(5)
    for space, core, modifiers in found:
        kind = core[-1]
        lanes = next((int(m[1:]) for m in core if m in ("v2", "v4", "v8")), 1)
        size = min(BITS[kind], 64) // 8
        words = 16 // size if kind == "b128" else lanes
        sort = kind if kind != "b128" else "b64"
        drawn = [
            np.stack([values(sort, COUNT, generator) for _ in range(words)], 1).astype(f"<u{size}") for _ in range(3)
        ]
        if how == "cas":  # half of the threads find what they compare with
            drawn[1][::2] = drawn[0][::2]
        buffers = [np.zeros((COUNT, 16 // size), f"<u{size}") for _ in range(4)]
        for buffer, given in zip(buffers, drawn, strict=False):
            buffer[:, :words] = given
        load(kernel(opcode, space, modifiers, core)).run((1, 1, 1), (COUNT, 1, 1), buffers)
        for row in range(COUNT):
            before, value, other = (whole(given[row], kind) for given in drawn)
            after, result = (whole(buffer[row, :words], kind) for buffer in (buffers[0], buffers[3]))
            for n, old in enumerate(before):
                said = model(how, kind, space, old, value[n], other[n])
                if kind in ("f32", "f64") and FORMATS[kind].is_nan(said):
                    said = ANY_NAN
                assert agree(said, after[n], kind), (opcode, modifiers, hex(old), hex(value[n]), hex(after[n]))
                assert opcode == "red" or result[n] == old, (modifiers, hex(old), hex(result[n]))


def whole(words, kind):
    """Elements as ints; the two words of 128 bits as one."""
    if kind == "b128":
        return [int(words[0]) | int(words[1]) << 64]
    return [int(word) for word in words]


CONTENDED = f"""{HEAD}
.visible .entry k(.param .u64 p0) {{
.reg .b64 %d<3>; .reg .b32 %r<5>; .reg .b16 %h<5>; .reg .b128 %q<5>; .reg .f32 %f<5>; .reg .pred %p; .reg .b64 %w<5>;
ld.param.u64 %d1, [p0];
LINE
ret; }}"""


@pytest.mark.parametrize(
    ("line", "dtype", "expected"),
    [
        ("mov.b16 %h1, 0x3C00; red.global.add.noftz.f16 [%d1], %h1;", np.float16, [2000]),
        ("mov.b32 %r1, 0x3C004000; red.global.add.noftz.f16x2 [%d1], %r1;", np.float16, [4000, 2000]),
        ("mov.b32 %f1, 1.0; mov.b32 %f2, 2.0; red.global.add.v2.f32 [%d1], {%f1, %f2};", np.float32, [2000, 4000]),
        ("red.global.add.u32 [%d1], 3;", np.uint32, [6000]),
        ("atom.global.inc.u32 %r1, [%d1], 6;", np.uint32, [2000 % 7]),
        ("atom.global.dec.u32 %r1, [%d1], 6;", np.uint32, [-2000 % 7]),
    ],
)
def test_blocks_that_run_at_the_same_time_lose_nothing(line, dtype, expected):
    line = line.replace("mov.b32 %f1, 1.0; mov.b32 %f2, 2.0;", "mov.f32 %f1, 1.0; mov.f32 %f2, 2.0;")
    memory = np.zeros(16, dtype)
    load(CONTENDED.replace("LINE", line)).run((20, 1, 1), (100, 1, 1), [memory], cores=4)
    np.testing.assert_array_equal(memory[: len(expected)], np.array(expected, dtype))


def test_128_bits_are_exchanged_whole_by_threads_at_the_same_time():
    """Each puts its number into both halves; what anybody finds has two equal halves, and none is lost."""
    line = """
    .reg .b32 %c, %t; mov.u32 %c, %ctaid.x; mov.u32 %t, %tid.x; mad.lo.u32 %r1, %c, 100, %t; add.u32 %r1, %r1, 1;
    cvt.u64.u32 %w1, %r1; mov.b128 %q1, {%w1, %w1};
    atom.global.exch.b128 %q2, [%d1], %q1; mov.b128 {%w2, %w3}, %q2;
    mul.lo.u64 %w4, %w1, 16; add.s64 %w4, %w4, %d1; st.global.v2.b64 [%w4], {%w2, %w3};"""
    memory = np.zeros((2001 + 1, 2), np.uint64)
    start = int(-memory.ctypes.data % 16 // 8)
    memory = memory.reshape(-1)[start : start + 4002].reshape(-1, 2)
    load(CONTENDED.replace("LINE", line)).run((20, 1, 1), (100, 1, 1), [memory], cores=4)
    assert (memory[:, 0] == memory[:, 1]).all()
    assert sorted(memory[:, 0].tolist()) == list(range(2001))


def test_an_address_for_128_bits_that_is_no_multiple_of_16_stops_the_kernel():
    line = "add.s64 %d1, %d1, 8; atom.global.exch.b128 %q2, [%d1], %q1;"
    with pytest.raises(EmulatorError, match="trap"):
        load(CONTENDED.replace("LINE", line)).run((1, 1, 1), (1, 1, 1), [np.zeros(16, np.uint64)])


def test_results_may_be_thrown_away():
    memory = np.zeros(4, np.uint32)
    load(CONTENDED.replace("LINE", "atom.global.add.u32 _, [%d1], 5;")).run((1, 1, 1), (3, 1, 1), [memory])
    assert memory[0] == 15


def test_there_is_something_of_each_space_and_length():
    spaces = {space for (space, _) in itertools.chain(spellings("atom"), spellings("red"))}
    assert spaces == {"", *SPACES}
