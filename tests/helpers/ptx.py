"""Kernels of single instructions: every form that the emulator knows, run on columns of operands.

    found = run([Line.of("add", ("f32",))], [[a, b]])[0][0]

Operands and results are bits: arrays of uint64, one value a thread. Several instructions share a kernel, as most of
the time goes into compiling.
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from kernels.gpu.emulator import load
from kernels.gpu.emulator.instructions.forms import FORMS, Form
from kernels.gpu.emulator.types import BITS

HEAD = ".version 9.0\n.target sm_100a\n.address_size 64\n"
MOST = 64  # instructions of a kernel
REGISTERS = {1: "pred", 8: "b16", 16: "b16", 32: "b32", 64: "b64", 128: "b128"}


def register(kind):
    """What a register for a type is declared as."""
    return kind if kind in ("f32", "f64") else REGISTERS[BITS[kind]]


@dataclass(frozen=True)
class Line:
    """Instructions as text, with {s0}, {s1} ... for what they read and {d0}, {d1} ... for what they write."""

    text: str
    sources: tuple[str, ...]  # PTX types
    results: tuple[str, ...]
    modifiers: tuple[str, ...] = ()
    opcode: str = ""

    @classmethod
    def in_form(cls, form: Form, modifiers, number=0x96) -> "Line":
        """An instruction with registers for all operands, and a number where one must stand."""
        kinds = [m for m in modifiers if m in BITS]
        this = type("Modifiers", (), {"types": kinds, "type": kinds[-1] if kinds else None})
        sources, results, operands = [], [], []
        for operand in form.operands:
            if operand.name == "n":
                operands.append(str(number))
            elif operand.name == "d":
                operands.append(f"{{d{len(results)}}}")
                results.append(form.kind(operand, this))
                if operand.second:
                    operands[-1] += f"|{{d{len(results)}}}"
                    results.append("pred")
            else:
                operands.append(f"{{s{len(sources)}}}")
                sources.append(form.kind(operand, this))
        text = f"{'.'.join((form.opcode, *modifiers))} {', '.join(operands)};"
        return cls(text, tuple(sources), tuple(results), tuple(modifiers), form.opcode)

    def has(self, *words):
        return any(word in self.modifiers for word in words)

    @property
    def types(self):
        return [m for m in self.modifiers if m in BITS]

    def one_of(self, words, default=None):
        return next((m for m in self.modifiers if m in words), default)


@cache
def lines(*opcodes) -> tuple[Line, ...]:
    """Every spelling of every form of these opcodes that has registers and numbers alone for operands."""
    found = {}
    for opcode in opcodes:
        for form in FORMS[opcode]:
            if any(operand.open or operand.name in "vs" for operand in form.operands):
                continue
            for modifiers in form.spellings():
                line = Line.in_form(form, modifiers)
                found.setdefault((line.text.partition(" ")[0], len(line.sources), len(line.results)), line)
    return tuple(found.values())


def kernel(wanted, rows) -> tuple[str, list, int]:
    """(PTX, where each column of operands is found: (line, source), columns of results)."""
    body, columns, results, count = [], [], 0, 0
    for n, line in enumerate(wanted):
        names = {}
        for j, kind in enumerate(line.sources):
            names[f"s{j}"] = name = f"%{register(kind)}_{count}"
            body += fetch(kind, name, f"[%in+{8 * rows * len(columns)}]")
            columns.append((n, j))
            count += 1
        for j, kind in enumerate(line.results):
            names[f"d{j}"] = f"%{register(kind)}_{count}"
            count += 1
        body.append(re.sub(r"\{([sd]\d)\}", lambda m, names=names: names[m[1]], line.text))
        for j, kind in enumerate(line.results):
            body += keep(kind, names[f"d{j}"], f"[%out+{8 * rows * results}]")
            results += 1
    declared = "\n".join(f".reg .{kind} %{kind}_<{count}>;" for kind in ("pred", "b16", "b32", "b64", "f32", "f64"))
    text = f"""{HEAD}
.visible .entry k(.param .u64 in, .param .u64 out) {{
{declared}
.reg .b64 %in, %out, %row; .reg .u32 %byte, %tid;
ld.param.u64 %in, [in];
ld.param.u64 %out, [out];
mov.u32 %tid, %tid.x;
mul.wide.u32 %row, %tid, 8;
add.s64 %in, %in, %row;
add.s64 %out, %out, %row;
{chr(10).join(body)}
ret;
}}
"""
    return text, columns, results


def fetch(kind, name, at):
    if kind == "pred":
        return [f"ld.global.u8 %byte, {at};", f"setp.ne.u32 {name}, %byte, 0;"]
    return [f"ld.global.{register(kind)} {name}, {at};"]


def keep(kind, name, at):
    if kind == "pred":
        return [f"selp.u32 %byte, 1, 0, {name};", f"st.global.u8 {at}, %byte;"]
    return [f"st.global.{register(kind)} {at}, {name};"]


def run(wanted, operands) -> list[list[np.ndarray]]:
    """For each line its results, one array each; operands: for each line an array (uint64) a source."""
    found = []
    for first in range(0, len(wanted), MOST):
        some, given = wanted[first : first + MOST], operands[first : first + MOST]
        rows = len(given[0][0]) if given[0] else 1
        text, columns, results = kernel(some, rows)
        data = np.array([given[n][j] for n, j in columns], np.uint64).reshape(-1)
        out = np.zeros((max(results, 1), rows), np.uint64)
        load(text).run((1, 1, 1), (rows, 1, 1), [data, out])
        taken = iter(out)
        found += [[next(taken) for _ in line.results] for line in some]
    return found


# Values to try

FRACTIONS = {"f16": 10, "bf16": 7, "f32": 23, "f64": 52, "tf32": 23, "e5m2": 2, "e4m3": 3}


def edges(kind) -> list[int]:
    """Bits of a type that are worth trying."""
    if kind == "pred":
        return [0, 1]
    bits = BITS.get(kind, 8)
    if kind.endswith("x2"):
        parts = edges(kind[:-2])
        return [b << bits // 2 | a for a, b in zip(parts, parts[3:] + parts[:3], strict=True)]
    if kind not in FRACTIONS:
        top = 1 << bits - 1
        return [
            0,
            1,
            2,
            3,
            7,
            8,
            31 % (1 << bits),
            top - 1,
            top,
            top + 1,
            2 * top - 2,
            2 * top - 1,
            0x5A5A5A5A5A5A5A5A % (2 * top),
        ]
    fraction, sign = FRACTIONS[kind], 1 << bits - 1
    one = (1 << bits - 2 - fraction) - 1 << fraction
    infinity = (1 << bits - 1) - (1 << fraction)
    positive = [
        0,
        1,
        (1 << fraction) - 1,
        1 << fraction,
        one - 1,
        one,
        one + 1,
        one + (1 << fraction - 1),
        infinity - 1,
        infinity,
        infinity + (1 << fraction - 1),
    ]
    return [value | s for value in positive for s in (0, sign)]


def values(kind, count, generator) -> np.ndarray:
    """Bits of a type: edges first, then random ones, of floats half of them of moderate size."""
    bits = BITS.get(kind, 8)
    drawn = (
        generator.integers(0, 1 << bits, count, np.uint64, endpoint=False)
        if bits < 64
        else generator.integers(0, 2**64, count, np.uint64)
    )
    if kind in FRACTIONS:
        fraction = FRACTIONS[kind]
        bias = (1 << bits - 2 - fraction) - 1
        moderate = generator.integers(max(bias - 12, 0), bias + 12, count).astype(np.uint64) << np.uint64(fraction)
        moderate |= drawn & np.uint64((1 << fraction) - 1 | 1 << bits - 1)
        drawn = np.where(generator.random(count) < 0.6, moderate, drawn)
    elif kind not in ("pred",) and not kind.endswith("x2"):
        small = generator.integers(0, min(70, 1 << bits), count).astype(np.uint64)
        drawn = np.where(generator.random(count) < 0.3, small, drawn)
    known = np.array(edges(kind), np.uint64)
    some = generator.random(count) < 0.4
    drawn[some] = generator.choice(known, some.sum())
    drawn[: min(len(known), count)] = known[:count]
    return drawn


def operands_of(line: Line, count, seed=0) -> list[np.ndarray]:
    """A column for each source: at first all pairs of edges, then random ones."""
    generator = np.random.default_rng(seed)
    found = [values(kind, count, generator) for kind in line.sources]
    if len(found) > 1:
        first, second = (np.array(edges(kind), np.uint64) for kind in line.sources[:2])
        pairs = min(len(first) * len(second), count * 2 // 3)
        at = np.arange(pairs)
        found[0][:pairs], found[1][:pairs] = first[at % len(first)], second[at // len(first) % len(second)]
    return found


# Comparison with a model

ANY_NAN = "any NaN"


def is_nan(bits, kind):
    fraction = FRACTIONS[kind]
    return bits & (1 << BITS[kind] - 1) - 1 > (1 << BITS[kind] - 1) - (1 << fraction)


def agree(wanted, got, kind):
    if wanted == ANY_NAN:
        return is_nan(got, kind)
    if kind.endswith("x2") and isinstance(wanted, tuple):
        half = BITS[kind] // 2
        return all(agree(w, got >> half * n & (1 << half) - 1, kind[:-2]) for n, w in enumerate(wanted))
    return wanted == got


def check(wanted, model, count=300) -> None:
    """Every line gives what `model(line, *bits)` gives: the bits of its result, or a tuple of those of several.

    Raises AssertionError with the instruction, its operands and both results.
    """
    assert wanted
    operands = [operands_of(line, count) for line in wanted]
    for line, given, results in zip(wanted, operands, run(wanted, operands), strict=True):
        rows = zip(*(column.tolist() for column in given), strict=True)
        for values_given, got in zip(rows, zip(*(column.tolist() for column in results), strict=True), strict=True):
            said = model(line, *values_given)
            said = said if len(line.results) > 1 else (said,)
            if not all(agree(w, g, kind) for w, g, kind in zip(said, got, line.results, strict=True)):
                shown = [[hex(v) if isinstance(v, int) else v for v in each] for each in (values_given, got, said)]
                raise AssertionError(f"{line.text} of {shown[0]} gives {shown[1]}, the model {shown[2]}")


def signed(value, bits):
    return value - (1 << bits) if value >> bits - 1 else value


def number(value, kind):
    """Bits as the integer that a type means."""
    return signed(value, BITS[kind]) if kind[0] == "s" else value


def masked(value, kind):
    return value & (1 << BITS[kind]) - 1


def limits(kind):
    """The least and the largest integer of a type."""
    bits = BITS[kind]
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if kind[0] == "s" else (0, (1 << bits) - 1)


def clamped(value, kind):
    low, high = limits(kind)
    return min(max(value, low), high)
