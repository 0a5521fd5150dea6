"""The forms of instructions are those of PTX: ptxas takes each of them, and nothing else runs."""

import re
import subprocess

import numpy as np
import pytest

from kernels.gpu.emulator import PtxError, load
from kernels.gpu.emulator.instructions.forms import FORMS
from kernels.gpu.emulator.parser import parse
from kernels.gpu.emulator.translate import translate
from kernels.gpu.emulator.types import BITS
from kernels.gpu.report import find_tool
from tests.helpers.ptx import HEAD, register

DECLARED = "\n".join(f".reg .{kind} %{kind}_<9>;" for kind in ("pred", "b8", "b16", "b32", "b64", "b128", "f32", "f64"))
BODY = f"""{HEAD}
.shared .align 16 .b8 near[64];
.visible .entry k() {{
.reg .u32 %word; .reg .u64 %long; .reg .u16 %half;
{DECLARED}
"""


# Numbers that an instruction may contain, where it may not be any.
NUMBERS = {"cp": "16", "pmevent": "7", "setmaxnreg": "152", "applypriority": "128", "discard": "128"}


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
            is_near = any(m.startswith("shared") for m in modifiers) and not (form.opcode == "cp" and n)
            operands.append("[near]" if is_near else "[%b64_8]")
        elif operand.name in "ns":
            operands.append({"n": NUMBERS.get(form.opcode, "150"), "s": "near"}[operand.name])
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
        and not form.is_open
        and not ("s" in {o.name for o in form.operands} and form.opcode == "cvta" and "shared" not in modifiers)
    ]
    refused = refusals(instructions, tmp_path)
    assert not [(instructions[n], said) for n, said in refused.items()]


def is_taken(instruction):
    module = parse(BODY + instruction + "\nret;\n}\n")
    try:
        translate(module.functions["k"], module)
    except PtxError as refused:
        return refused.line != BODY.count("\n") + 1  # a refusal that does not say where is none
    return True


OTHERS = ("f16", "f32", "f64", "bf16", "u8", "s8", "u32", "s64", "b32", "pred", "f16x2", "s16x2", "tf32")
MORE = ("ftz", "sat", "relu", "NaN", "cc", "rn", "rz", "approx", "satfinite", "lo", "clamp")


def test_what_ptxas_refuses_is_refused(tmp_path):
    """Forms with one modifier changed, added or left out, and with one operand of another type."""
    wanted = {}
    for form in (
        form
        for forms in FORMS.values()
        for form in forms
        if form.opcode not in ("set", "setp", "atom", "red") and not form.is_open
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
    taken = [
        (instruction, refused[n]) for n, instruction in enumerate(wanted) if n in refused and is_taken(instruction)
    ]
    assert len(refused) > 1000
    assert not taken


# Where ptxas takes a float that is none of the form's: it looks at no element of a vector but the first, nor at these.
UNSEEN = ("fns", "cvt.pack", "shfl.sync.up")


def test_floats_and_numbers_stand_where_ptxas_takes_them(tmp_path):
    """In place of each register that is read."""
    wanted = {}
    for form in (form for forms in FORMS.values() for form in forms if not form.is_open):
        right = text(form, list(form.spellings())[-1])
        for at in re.findall(r"(?<=[ ,{])%\w+", right)[1:]:
            literals = ("0f3f800000", "0d3ff0000000000000", "1.5", "1")
            wanted |= {right.replace(at, literal, 1): None for literal in literals}
    refused = refusals(wanted, tmp_path)
    mismatched = [n for n, said in refused.items() if said.startswith("Arguments mismatch")]
    instructions = list(wanted)
    taken = [instructions[n] for n in mismatched if is_taken(instructions[n])]
    missed = [each for n, each in enumerate(instructions) if n not in refused and not is_taken(each)]
    assert len(mismatched) > 1000
    assert {each.partition(".")[0] for each in taken} <= {"set", "setp"}  # with a number for a predicate
    assert not [each for each in missed if not each.startswith(UNSEEN) and "{" not in each]


def test_a_float_stands_for_its_bits():
    """As Triton writes zeros: mov.b32 %r1, 0f00000000."""
    ptx = """
    .version 8.0
    .target sm_80
    .address_size 64
    .entry k(.param .u64 p)
    {
        .reg .b32 %r<2>;
        .reg .b64 %d<2>;
        ld.param.u64 %d0, [p];
        mov.b32 %r0, 0f3fc00000;
        xor.b32 %r1, %r0, 0f00000001;
        mov.b64 %d1, 1.5;
        st.global.b32 [%d0], %r1;
        st.global.b64 [%d0+8], %d1;
        ret;
    }
    """
    found = np.zeros(2, np.int64)
    load(ptx).run(grid=(1, 1, 1), block=(1, 1, 1), values=[found])
    assert [*found] == [0x3FC00001, 0x3FF8000000000000]


# An instruction in each form whose modifiers are looked at elsewhere.
OPEN = {
    "ld": "ld.global.u32 %b32_1, [%b64_2];",
    "ldu": "ldu.global.u32 %b32_1, [%b64_2];",
    "st": "st.global.u32 [%b64_1], %b32_2;",
    "mma": "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%f64_1, %f64_2}, {%f64_3}, {%f64_4}, {%f64_5, %f64_6};",
    "ldmatrix": "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%b32_1}, [near];",
    "stmatrix": "stmatrix.sync.aligned.m8n8.x1.shared.b16 [near], {%b32_1};",
}


@pytest.mark.parametrize("opcode", FORMS)
def test_one_operand_fewer_or_more_is_refused(opcode):
    """But where another form of the same modifiers has as many."""
    counts = {}
    for form in FORMS[opcode]:
        most = len(form.operands)
        least = sum("?" not in operand.marks for operand in form.operands)
        for modifiers in form.spellings():
            counts.setdefault(modifiers, set()).update(range(least, most + 1))
    for form in FORMS[opcode]:
        modifiers = next(m for m in form.spellings() if opcode != "cvta" or "shared" in m)
        right = OPEN[opcode] if form.is_open else text(form, modifiers)
        head, _, operands = right.rstrip(";").partition(" ")
        given = re.findall(r"\{.*?\}|[^,{}]+", operands.replace(", ", ","))
        assert is_taken(right), right
        wrong = {n for known in counts[modifiers] for n in (known - 1, known + 1)}
        for count in wrong - counts[modifiers] - {-1}:
            changed = f"{head} {', '.join((*given, *['%b32_1'] * 2)[:count])};"
            assert not is_taken(changed), changed


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
        ("trap 5;", "trap: takes no operands"),
        ("ret 5;", "ret: takes no operands"),
        ("bar.sync 1, 32, 7;", "bar.sync: takes a, b"),
        ("bar.arrive 1;", "bar.arrive: takes a, b"),
        ("shfl.sync.bfly.b32 %b32_1, %b32_2, 1, 31;", "shfl.sync.bfly.b32: takes d|q, a, b, c, m"),
        ("shfl.sync.bfly.b32 %b64_1, %b32_2, 1, 31, -1;", "shfl.sync.bfly.b32: %b64_1 is a .b64, a .b32 is needed"),
        ("st.global.u32 [%b64_1];", "st.global.u32: takes [a], x"),
        ("bra %b32_1, %b32_2;", "bra: takes one label"),
        ("brx.idx %b32_1, %b32_2, %b32_3;", "brx.idx: takes a number and the name of a list of labels"),
        ("call (%b32_1), vprintf, (%b64_1);", "call: call of vprintf: 1 arguments, it takes 2"),
        ("call vprintf, (%b64_1, %b64_2), near;", "call: takes (results), function, (arguments)"),
        ("prefetch.L1 [%f64_1];", "prefetch.L1: %f64_1 holds no address"),
        ("cvt.rs.f16x2.f32 %b32_1, %f32_2, %f32_3, %b32_4;", "cvt.rs.f16x2.f32: .rs is not executed"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name_and_line(instruction, said):
    with pytest.raises(PtxError) as refused:
        load(BODY + instruction + "\nret;\n}\n")
    assert str(refused.value) == f"PTX line {BODY.count(chr(10)) + 1}: {said}"


IDLE = ("membar", "fence", "prefetch", "prefetchu", "applypriority", "discard", "pmevent", "griddepcontrol",
        "setmaxnreg", "brkpt")  # fmt: skip

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
    "test_meetings.py": "bar barrier shfl vote match redux activemask elect",
    "test_waiting.py": "nanosleep",
    "test_asynchronous.py": "cp",
    "test_libraries.py": "mbarrier",
    "test_matrices.py": "mma ldmatrix stmatrix",
    "test_checks_of_ptx.py": "ld st trap",
    "test_forms.py": f"ret exit ldu {' '.join(IDLE)}",
}


def test_every_opcode_has_a_test():
    assert set(FORMS) == {opcode for opcodes in TESTED.values() for opcode in opcodes.split()}


def test_fences_and_advice_change_nothing():
    instructions = [text(form, m) for opcode in IDLE for form in FORMS[opcode] for m in form.spellings()]
    load(BODY + "\n".join(instructions) + "\nret;\n}\n").run((1, 1, 1), (1, 1, 1), [])


@pytest.mark.parametrize("end", ["ret", "exit"])
def test_a_thread_ends_where_it_says(end):
    """What stands behind is not executed."""
    body = f"""
    .reg .b64 %at; ld.param.u64 %at, [values];
    st.global.u32 [%at], 1;
    @%pred_1 bra behind;
    {end};
    behind: st.global.u32 [%at+4], 1; {end}; st.global.u32 [%at+8], 1;
    """
    head = BODY.replace("k()", "k(.param .u64 values)")
    for condition, expected in ((0, [1, 0, 0]), (1, [1, 1, 0])):
        values = np.zeros(3, np.uint32)
        load(f"{head}setp.eq.u32 %pred_1, {condition}, 1;{body}\n}}\n").run((1, 1, 1), (1, 1, 1), [values])
        assert values.tolist() == expected
