"""Which kind an instruction is of, and what only becomes an address: lines of PTX that a person can follow."""

import functools

import pytest

from kernels.gpu.emulator.flow import blocks
from kernels.gpu.emulator.loops import around, loops
from kernels.gpu.emulator.parser import parse
from kernels.gpu.executed.kinds import KINDS, Sort, sorts
from kernels.gpu.executed.machine import slots
from kernels.gpu.report import ReportError, find_tool, sass

HEAD = """.version 8.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 p, .param .u64 n)
{
    .reg .b64 %rd<20>; .reg .b32 %r<20>; .reg .f32 %f<20>; .reg .pred %p<20>;
"""


def parsed(body):
    """The basic blocks of a kernel of this body."""
    return blocks(parse(f"{HEAD}{body}\n}}").functions["k"])


def kinds(body):
    """The kinds of the instructions of a body, as text."""
    return [str(sort) for block in sorts([b.instructions for b in parsed(body)]) for sort in block]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("fma.rn.f32 %f1, %f2, %f3, %f4;", "fma"),
        ("add.f32 %f1, %f2, %f3;", "float"),
        ("div.rn.f32 %f1, %f2, %f3;", "special function"),
        ("ex2.approx.ftz.f32 %f1, %f2;", "special function"),
        ("add.s32 %r1, %r2, %r3;", "integer"),
        ("setp.lt.f32 %p1, %f2, %f3;", "predicate and branch"),
        ("and.pred %p1, %p2, %p3;", "predicate and branch"),
        ("ld.param.u64 %rd1, [p];", "parameter"),
        ("ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];", "load global, 16 bytes"),
        ("st.shared.u8 [%r1], %r2;", "store shared, 1 bytes"),
        ("red.global.add.u32 [%rd1], %r2;", "atomic global, 4 bytes"),
        ("cp.async.cg.shared.global [%r1], [%rd1], 16;", "load global, 16 bytes"),
        ("cp.async.wait_group 0;", "barrier and exchange"),
        ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r5];", "load shared, 16 bytes"),
        ("bar.sync 0;", "barrier and exchange"),
        ("shfl.sync.bfly.b32 %r1, %r2, 1, 31, -1;", "barrier and exchange"),
        ("cvt.rn.f32.s32 %f1, %r1;", "conversion"),
        ("mov.u32 %r1, %tid.x;", "move"),
    ],
)
def test_an_instruction_has_a_kind(text, kind):
    assert kinds(text) == [kind]
    assert kind.partition(" global")[0].partition(" shared")[0] in KINDS


def test_what_only_becomes_an_address_is_for_addresses_however_far_away():
    found = kinds("""
        mov.u32 %r1, %tid.x;
        mul.wide.s32 %rd2, %r1, 4;
        setp.lt.s64 %p1, %rd2, 0;
        add.s64 %rd3, %rd2, 400;
        selp.b64 %rd4, %rd3, %rd2, %p1;
        ld.global.f32 %f1, [%rd4];
    """)
    assert found == ["move", *["address"] * 4, "load global, 4 bytes"]


def test_what_becomes_something_else_too_is_not():
    found = kinds("""
        add.s64 %rd2, %rd1, 8;
        shl.b64 %rd3, %rd2, 2;
        add.s32 %r2, %r1, 1;
        st.global.u64 [%rd3], %rd2;
        mul.lo.s32 %r3, %r2, 4;
        @%p2 st.shared.u32 [%r3], %r2;
        setp.eq.s32 %p2, %r2, 7;
    """)
    # %rd2 is stored and %r2 as well; what is only computed from them for an address is not.
    assert found[:3] == ["integer", "address", "integer"]
    assert found[4] == "address"
    assert found[6] == "predicate and branch"


def test_a_counter_of_a_loop_is_no_address_but_what_is_made_of_it_is():
    found = kinds("""
        mov.u32 %r1, 0;
    again:
        mul.lo.s32 %r2, %r1, 4;
        ld.shared.f32 %f1, [%r2];
        add.s32 %r1, %r1, 1;
        setp.lt.s32 %p1, %r1, 9;
        @%p1 bra again;
    """)
    assert found == [
        "move",
        "address",
        "load shared, 4 bytes",
        "integer",
        "predicate and branch",
        "predicate and branch",
    ]


def test_what_nobody_reads_is_for_no_address():
    assert kinds("add.s32 %r1, %r2, %r3;") == ["integer"]


def test_sorts_are_ordered_by_kind_space_and_width():
    assert sorted([Sort("load", "global", 16), Sort("load", "global", 4)])[0].width == 4


# Loops

NESTED = """
outer:
    add.s32 %r1, %r1, 1;
inner:
    add.s32 %r2, %r2, 1;
    setp.lt.s32 %p1, %r2, 3;
    @%p1 bra inner;
    setp.lt.s32 %p2, %r1, 3;
    @%p2 bra outer;
    ret;
"""


def test_loops_are_found_by_where_they_begin_and_the_outer_one_first():
    assert loops(parsed(NESTED)) == {0: {0, 1, 2}, 1: {1}}
    assert around(loops(parsed(NESTED)), 1) == [0, 1]
    assert around(loops(parsed(NESTED)), 3) == []


def test_a_branch_forward_is_no_loop():
    assert loops(parsed("@%p1 bra on;\nadd.s32 %r1, %r1, 1;\non:\nret;")) == {}


# The machine


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("add.s32 %r1, %r1, %r2;", 1),
        ("add.s64 %rd1, %rd1, %rd2;", 2),
        ("mul.lo.s64 %rd1, %rd1, %rd2;", 4),
        ("min.s64 %rd1, %rd1, %rd2;", 4),
        ("shl.b64 %rd1, %rd1, %r2;", 2),
        ("rem.u32 %r1, %r1, %r2;", 16),
        ("div.s32 %r1, %r1, %r2;", 16),
        ("div.u64 %rd1, %rd1, %rd2;", 64),
        ("rem.s64 %rd1, %rd1, %rd2;", 64),
        ("fma.rn.f32 %f1, %f1, %f2, %f2;", 1),
        ("div.rn.f32 %f1, %f1, %f2;", 8),
        ("div.full.f32 %f1, %f1, %f2;", 2),
        ("rcp.rn.f32 %f1, %f1;", 6),
        ("sqrt.rn.f32 %f1, %f1;", 8),
        ("rsqrt.approx.f32 %f1, %f1;", 1),
    ],
)
def test_ptxas_makes_at_least_as_many_machine_instructions_of_one(text, least):
    ((item,),) = (block.instructions for block in parsed(text))
    assert slots(item) == least
    try:
        find_tool("nvdisasm")
        without, once = machine_instructions(""), machine_instructions(text)
        if once - without < least:  # the first may take the place of something else
            without, once = once, machine_instructions(2 * text)
    except ReportError:
        pytest.skip("needs ptxas and nvdisasm")
    assert once - without >= least


@pytest.mark.parametrize("text", ["mov.u64 %rd1, %rd2;", "cvt.u64.u32 %rd1, %r1;", "ld.param.u64 %rd1, [n];"])
def test_what_only_gives_a_value_another_name_starts_nothing(text):
    ((item,),) = (block.instructions for block in parsed(text))
    assert slots(item) == 0


@functools.cache
def machine_instructions(text):
    """Of a kernel that loads, does this, and stores what it may have changed."""
    body = f"""
        ld.param.u64 %rd9, [p];
        ld.global.u64 %rd1, [%rd9]; ld.global.u64 %rd2, [%rd9+8]; ld.global.u32 %r1, [%rd9+16];
        ld.global.u32 %r2, [%rd9+20]; ld.global.f32 %f1, [%rd9+24]; ld.global.f32 %f2, [%rd9+28];
        {text}
        st.global.u64 [%rd9+32], %rd1; st.global.u32 [%rd9+40], %r1; st.global.f32 [%rd9+44], %f1;
        st.global.u64 [%rd9+48], %rd2; st.global.u32 [%rd9+56], %r2; st.global.f32 [%rd9+60], %f2;
        ret;"""
    lines = [line for line in sass(f"{HEAD}{body}\n}}", "sm_90").splitlines() if line.strip().startswith("/*0")]
    return sum("NOP" not in line for line in lines)
