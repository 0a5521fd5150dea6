"""The forms of instructions are those of PTX: ptxas takes each of them, and nothing else runs."""

import re
import subprocess

import pytest

from kernels.gpu.emulator import PtxError, load
from kernels.gpu.emulator.instructions.forms import FORMS
from kernels.gpu.emulator.parser import parse
from kernels.gpu.emulator.syntax import Module
from kernels.gpu.emulator.translate import translate
from kernels.gpu.emulator.types import BITS
from kernels.gpu.report import find_tool
from tests.helpers.ptx import HEAD, lines, register

DECLARED = "\n".join(f".reg .{kind} %{kind}_<9>;" for kind in ("pred", "b8", "b16", "b32", "b64", "b128", "f32", "f64"))
BODY = f"""{HEAD}
.shared .align 16 .b8 near[64];
.visible .entry k() {{
.reg .u32 %word; .reg .u64 %long; .reg .u16 %half;
{DECLARED}
"""


def refusals(instructions, folder) -> dict[int, str]:
    """What ptxas says of instructions of a kernel, by their index. Where it crashes itself, the rest is tried alone."""
    instructions, first, found = list(instructions), 0, {}
    head = BODY.count("\n") + 1
    source = folder / "all.ptx"
    command = [find_tool("ptxas"), "--gpu-name=sm_100a", "-O0", f"--output-file={folder / 'all.cubin'}", str(source)]
    while first < len(instructions):
        source.write_text(BODY + "\n".join(instructions[first:]) + "\nret;\n}\n")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = re.findall(r"line (\d+); \w+\s*:\s*(.*)", done.stderr)
        found |= {int(line) - head + first: what for line, what in said}
        if done.returncode >= 0:
            break
        first = max(found, default=first) + 2
    return found


def text(form, modifiers, spelled=None):
    """An instruction of a form with registers, numbers, addresses and names; spelled: its modifiers, if others."""
    kinds = [m for m in modifiers if m in BITS]
    this = type("Modifiers", (), {"types": kinds, "type": kinds[-1] if kinds else None})
    lanes = next((int(m[1:]) for m in modifiers if m in ("v2", "v4", "v8")), 1)
    operands = []
    for n, operand in enumerate(form.operands):
        if operand.open == "[":
            operands.append("[near]" if any(m.startswith("shared") for m in modifiers) else "[%b64_8]")
        elif operand.name in "ns":
            operands.append({"n": "150", "s": "near"}[operand.name])
        elif operand.name == "v":
            sort = register(f"b{BITS[this.type] // 2}") if BITS[this.type] > 16 else "b8"
            operands.append(f"{{%{sort}_6, %{sort}_7}}")
        else:
            sort = register(form.kind(operand, this))
            some = [f"%{sort}_{n}"] if operand.open != "{" or lanes == 1 else [f"%{sort}_{m}" for m in range(lanes)]
            name = some[0] if len(some) == 1 else f"{{{', '.join(some)}}}"
            operands.append(f"{name}|%pred_8" if operand.second else name)
    return f"{'.'.join((form.opcode, *(spelled or modifiers)))} {', '.join(operands)};"


def test_ptxas_takes_every_form(tmp_path):
    """But mov.b8, which stands where calls are put in place; and a name fits one state space alone."""
    instructions = [
        text(form, modifiers)
        for forms in FORMS.values()
        for form in forms
        for modifiers in (list(form.spellings())[:: 11 if form.opcode in ("atom", "red") else 1])
        if "b8" not in modifiers
        and not ("s" in {o.name for o in form.operands} and form.opcode == "cvta" and "shared" not in modifiers)
    ]
    refused = refusals(instructions, tmp_path)
    assert not [(instructions[n], said) for n, said in refused.items()]


OTHERS = ("f16", "f32", "f64", "bf16", "u8", "s8", "u32", "s64", "b32", "pred", "f16x2", "s16x2", "tf32")
MORE = ("ftz", "sat", "relu", "NaN", "cc", "rn", "rz", "approx", "satfinite", "lo", "clamp")


def test_what_ptxas_refuses_is_refused(tmp_path):
    """Forms with one modifier changed, added or left out, and with one operand of another type."""
    wanted = {}
    for form in (
        form for forms in FORMS.values() for form in forms if form.opcode not in ("set", "setp", "atom", "red")
    ):
        modifiers = list(form.spellings())[-1]
        right = text(form, modifiers)
        changed = [(*modifiers[:n], m, *modifiers[n + 1 :]) for n in range(len(modifiers)) for m in OTHERS]
        changed += [(*modifiers[:1], m, *modifiers[1:]) for m in MORE]
        changed += [(*modifiers[:n], *modifiers[n + 1 :]) for n in range(len(modifiers))]
        wanted |= dict.fromkeys(text(form, modifiers, each) for each in changed if each)
        for at in re.findall(r"%\w+", right):
            wanted |= {right.replace(at, f"%{sort}_3", 1): None for sort in ("pred", "b16", "b32", "b64", "f32", "f64")}
    refused = refusals(wanted, tmp_path)
    taken = []
    for n, instruction in enumerate(wanted):
        if n in refused:
            try:
                translate(parse(BODY + instruction + "\nret;\n}\n").functions["k"], Module())
                taken.append((instruction, refused[n]))
            except PtxError:
                pass
    assert len(refused) > 1000
    assert not taken


NOWHERE = "add.s32: %nothing: a register that is declared nowhere, and none of the special ones"


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ("vadd.u32.u32.u32 %b32_1, %b32_2, %b32_3;", "vadd.u32.u32.u32: this instruction is not executed"),
        ("add.f8 %b32_1, %b32_2, %b32_3;", "add.f8: .f8 is not executed"),
        ("add.rna.f32 %f32_1, %f32_2, %f32_3;", "add.rna.f32: .rna is not executed"),
        ("add.sat.u32 %b32_1, %b32_2, %b32_3;", "add.sat.u32: these modifiers do not go together"),
        ("add.s32 %b32_1, %b32_2;", "add.s32: takes d, a, b"),
        ("add.s32 %b32_1, %b32_2, %b32_3, %b32_4;", "add.s32: takes d, a, b"),
        ("add.s32 %b64_1, %b32_2, %b32_3;", "add.s32: %b64_1 is a .b64, a .s32 is needed"),
        ("add.s32 %b32_1, %f32_2, %b32_3;", "add.s32: %f32_2 is a .f32, a .s32 is needed"),
        ("add.s32 %b32_1, %b32_2, 1.5;", "add.s32: 1.5 is no s32"),
        ("add.f32 %f32_1, %f32_2, 1;", "add.f32: 1 is no f32"),
        ("add.s32 %b32_1, %b32_2, !%b32_3;", "add.s32: !%b32_3: only a predicate that is read can be negated"),
        ("add.s32 5, %b32_2, %b32_3;", "add.s32: the destination is no register"),
        ("add.s32 %tid.x, %b32_2, %b32_3;", "add.s32: the destination is a special register"),
        ("add.s32 _, %b32_2, %b32_3;", "add.s32: a register is needed where _ stands"),
        ("add.s32 %b32_1, %b32_2, near;", "add.s32: a register or a constant is needed"),
        ("add.s32 %b32_1, %b32_2, {%b32_3, %b32_4};", "add.s32: a register or a constant is needed"),
        ("add.s32 %b32_1, %b32_2, [%b64_3];", "add.s32: a register or a constant is needed"),
        ("add.s32 %b32_1, %b32_2, %nothing;", NOWHERE),
        ("add %b32_1, %b32_2, %b32_3;", "add: names no type"),
        ("lop3.b32 %b32_1, %b32_2, %b32_3, %b32_4, %b32_5;", "lop3.b32: a whole number is needed"),
        ("setp.lt.f16x2 %pred_1, %b32_2, %b32_3;", "setp.lt.f16x2: writes d|q"),
        ("atom.add.u32 %b32_1, %b64_2, %b32_3;", "atom.add.u32: [a] is an address in brackets"),
        ("red.global.add.v2.f32 [%b64_1], {%f32_1};", "red.global.add.v2.f32: {b} is 2 registers"),
        ("mov.b64 %b64_1, {%b32_1, %b32_2, %b32_3};", "mov.b64: 3 registers in place of one of 64 bits"),
        ("mov.b64 %b64_1, {%b16_1, %b32_2};", "mov.b64: %b16_1 is a .b16, a .b32 is needed"),
        ("cvta.global.u64 %b64_1, near;", "cvta.global.u64: near is in shared memory"),
        ("fma.rn.oob.f16 %b16_1, %b16_2, %b16_3, %b16_4;", "fma.rn.oob.f16: .oob is not executed"),
        ("cvt.rs.f16x2.f32 %b32_1, %f32_2, %f32_3, %b32_4;", "cvt.rs.f16x2.f32: .rs is not executed"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name_and_line(instruction, said):
    with pytest.raises(PtxError) as refused:
        load(BODY + instruction + "\nret;\n}\n")
    assert str(refused.value) == f"PTX line {BODY.count(chr(10)) + 1}: {said}"


# Which file tests an opcode: with a new one this says where a model is wanted.
TESTED = {
    "test_integers.py": "add sub min max sad abs neg mul mad mul24 mad24 div rem dp4a dp2a addc subc madc",
    "test_bits.py": "and or xor not cnot lop3 shl shr shf bfe bfi bmsk szext popc clz brev bfind fns prmt",
    "test_floats.py": "add sub mul fma mad div rcp sqrt rsqrt ex2 lg2 sin cos tanh abs neg copysign min max testp",
    "test_halves.py": "add sub mul fma neg abs min max ex2 tanh",
    "test_predicates.py": "setp set selp slct",
    "test_conversions.py": "cvt",
    "test_moves.py": "mov cvta isspacep",
    "test_atomics.py": "atom red",
    "test_forms.py": "membar fence",
}


def test_every_opcode_has_a_test():
    assert set(FORMS) == {opcode for opcodes in TESTED.values() for opcode in opcodes.split()}


def test_fences_change_nothing():
    fences = "\n".join(line.text for line in lines("membar", "fence"))
    load(BODY + fences + "\nret;\n}\n").run((1, 1, 1), (1, 1, 1), [])
