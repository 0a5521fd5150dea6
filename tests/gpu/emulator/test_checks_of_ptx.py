"""Checked mode on PTX that no kernel became: faults that compilers do not make, and text without source lines.

A line that is to be named by an error ends in `// fault`.
"""

import numpy as np
import pytest

from kernels.gpu.emulator import Endless, Misaligned, load, load_checked
from kernels.gpu.interpreter import BarrierDivergence, DataRace, KernelError, OutOfBounds, Uninitialised

DECLARED = """
.version 8.0
.target sm_80
.address_size 64
.global .align 4 .f32 table[4] = {1.0, 2.0, 3.0, 4.0};
.global .align 4 .u32 tickets;
"""
REGISTERS = """
    .reg .b64 %a<9>;
    .reg .b32 %r<9>;
    .reg .f32 %f<9>;
    .reg .pred %p<9>;
    .shared .align 16 .b8 box[512];
    .local .align 16 .b8 own[16];
    ld.param.u64 %a0, [values];
    mov.u32 %r0, %tid.x;
    mul.wide.u32 %a1, %r0, 4;
    add.s64 %a2, %a0, %a1;
    mov.u64 %a3, box;
    add.s64 %a4, %a3, %a1;
    mov.u64 %a5, own;
    cvta.local.u64 %a6, %a5;
    setp.eq.u32 %p0, %r0, 0;
    setp.lt.u32 %p1, %r0, 32;
"""


def text_of(body):
    return f"{DECLARED}.entry probe(.param .u64 values) {{{REGISTERS}{body}\n}}\n"


def run(body, threads=1, blocks=1, values=None, **how):
    """Run instructions in checked mode; returns the array they were given."""
    values = np.zeros(64, np.float32) if values is None else values
    load_checked(text_of(body)).run((blocks, 1, 1), (threads, 1, 1), [values], **how)
    return values


def refused(body, kind, threads=1, **details):
    blocks = details.pop("blocks", 1)
    how = {name: details.pop(name) for name in ("most_turns", "values") if name in details}
    with pytest.raises(KernelError) as caught:
        run(body, threads, blocks, **how)
    error = caught.value
    assert type(error) is kind, str(error)
    assert error.kernel == "probe"
    for name, value in details.items():
        assert getattr(error, name) == value, (name, str(error))
    lines = text_of(body).splitlines()
    (line,) = (number for number, text in enumerate(lines, 1) if text.endswith("// fault"))
    assert error.line == error.site.ptx_line == line
    assert f"at PTX line {line}: {lines[line - 1].strip()}" in str(error)
    return str(error)


def test_four_floats_begin_at_a_multiple_of_their_size():
    fault = "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%a0+4]; // fault"
    message = refused(fault, Misaligned, array="values", index=1, block=(0, 0, 0), thread=(0, 0, 0))
    assert "no multiple of its 16 bytes" in message
    run("ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%a0+16];")


def test_a_view_is_as_aligned_as_it_lies_in_its_base():
    fault = "ld.global.v2.f32 {%f0, %f1}, [%a0]; // fault"
    whole = np.zeros(64, np.float32)
    refused(fault, Misaligned, values=whole[1:])
    run(fault, values=whole[2:])


def test_an_access_that_is_aligned_by_half_is_refused():
    refused("st.shared.f32 [box+2], 0f00000000; // fault", Misaligned, array="box")
    refused("st.local.u16 [%a5+1], 7; // fault", Misaligned)


def test_an_overrun_names_the_parameter():
    fault = "st.global.f32 [%a2+256], 0f3F800000; // fault"
    refused(fault, OutOfBounds, threads=2, array="values", index=64, thread=(0, 0, 0))
    refused("ld.global.f32 %f0, [%a0+-4]; // fault", OutOfBounds, array="values", index=-1)


def test_a_vector_that_is_half_outside_is_outside():
    refused("ld.global.v2.f32 {%f0, %f1}, [%a0+24]; // fault", OutOfBounds, values=np.zeros(7, np.float32), index=6)


def test_a_null_pointer_is_called_one():
    assert "null pointer" in refused("mov.u64 %a7, 0;\nld.global.f32 %f0, [%a7+8]; // fault", OutOfBounds, array=None)


def test_memory_of_one_space_is_not_reached_by_instructions_for_another():
    generic = "cvta.shared.u64 %a7, %a3;\nst.shared.f32 [box], 0f00000000;\n"
    refused(generic + "ld.global.f32 %f0, [%a7]; // fault", OutOfBounds, array="box")
    run(generic + "ld.f32 %f0, [%a7];")


def test_shared_memory_ends_where_its_variable_does():
    refused("st.shared.f32 [%a4+512], 0f00000000; // fault", OutOfBounds, threads=3, array="box", index=128)


def test_variables_of_the_module_have_ends_too():
    code = "mov.u64 %a7, table;\nld.global.f32 %f0, [%a7+{}]; // fault\nst.global.f32 [%a2], %f0;"
    refused(code.format(16), OutOfBounds, array="table", index=4)
    assert run(code.format(12))[0] == 4


def test_local_memory_is_its_threads_own():
    code = """
    st.local.u32 [%a5], %r0;
    @%p0 st.shared.u64 [box], %a6;
    bar.sync 0;
    ld.shared.u64 %a7, [box];
    setp.eq.u32 %p2, %r0, {};
    @%p2 ld.u32 %r1, [%a7]; // fault
    """
    message = refused(code.format(1), OutOfBounds, threads=2, thread=(1, 0, 0))
    assert "local memory of another thread" in message
    run(code.format(0), threads=2)


def test_local_memory_is_read_where_it_was_written():
    refused("st.local.u32 [%a5], 7;\nld.local.u32 %r1, [%a5+4]; // fault", Uninitialised, index=1)
    refused("@%p0 st.local.u16 [%a5], 7;\nld.local.u32 %r1, [%a5]; // fault", Uninitialised, threads=2)
    run("st.local.u64 [%a5], 7;\nld.local.u32 %r1, [%a5+4];")


def test_local_memory_does_not_outlive_its_block():
    code = """
    mov.u32 %r2, %ctaid.x;
    setp.eq.u32 %p2, %r2, 0;
    @%p2 st.local.u32 [%a5], 7;
    ld.local.u32 %r1, [%a5]; // fault
    """
    refused(code, Uninitialised, blocks=2, block=(1, 0, 0))


HANDED_ON = """
    @!%p1 bra take;
    st.shared.u32 [%a4], %r0;
    {give}
    ret;
take:
    {wait}
    ld.shared.u32 %r1, [%a4+-128]; // fault
    st.global.u32 [%a2], %r1;
"""


def test_a_barrier_of_two_warps_hands_on_from_those_who_announce_themselves():
    values = run(HANDED_ON.format(give="bar.arrive 1, 64;", wait="bar.sync 1, 64;"), threads=64).view(np.int32)
    assert list(values[32:]) == list(range(32))
    refused(HANDED_ON.format(give="bar.arrive 1, 64;", wait=""), DataRace, threads=64, thread=(32, 0, 0), array="box")


def test_a_barrier_in_memory_orders_who_arrives_and_who_asks():
    code = """
    @%p0 mbarrier.init.shared.b64 [box+256], 64;
    bar.sync 0;
    st.shared.u32 [%a4], %r0;
    {arrive}
again:
    mbarrier.test_wait.parity.shared.b64 %p2, [box+256], {parity};
    @!%p2 bra again;
    xor.b32 %r1, %r0, 33;
    mul.wide.u32 %a7, %r1, 4;
    add.s64 %a7, %a3, %a7;
    ld.shared.u32 %r1, [%a7]; // fault
    st.global.u32 [%a2], %r1;
    """
    values = run(code.format(arrive="mbarrier.arrive.shared.b64 %a8, [box+256];", parity=0), threads=64)
    assert list(values.view(np.int32)) == [i ^ 33 for i in range(64)]
    refused(code.format(arrive="", parity=1), Uninitialised, threads=64, thread=(0, 0, 0), array="box", index=33)


COPIED = """
    cp.async.ca.shared.global [%a4], [%a2], 4;
    cp.async.commit_group;
    cp.async.ca.shared.global [%a4+256], [%a2], 4;
    cp.async.commit_group;
    {wait}
    bar.sync 0;
    xor.b32 %r1, %r0, {other};
    mul.wide.u32 %a7, %r1, 4;
    add.s64 %a7, %a3, %a7;
    ld.shared.f32 %f0, [%a7+{second}]; // fault
    bar.sync 0;
    st.global.f32 [%a2], %f0;
"""


@pytest.mark.parametrize(
    ("wait", "second"),
    [("", 0), ("cp.async.wait_group 2;", 0), ("cp.async.wait_group 1;", 256), ("cp.async.wait_group 1;", 260)],
)
@pytest.mark.parametrize("other", [0, 1, 33])
def test_a_copy_is_read_when_it_was_waited_for(wait, second, other):
    """By the thread that began it, by another lane, and by another warp."""
    code, index = COPIED.format(wait=wait, second=second, other=other), other + second // 4
    message = refused(code, DataRace, threads=64, thread=(0, 0, 0), array="box", index=index)
    assert f"to which thread ({index % 64}, 0, 0) copies at PTX line" in message
    assert "nobody waited for the copy" in message
    waited = COPIED.format(wait="cp.async.wait_group 0;", second=second // 8 * 8, other=other)
    given = np.arange(64, dtype=np.float32)
    assert (run(waited, threads=64, values=given.copy()) == given[np.arange(64) ^ other]).all()


def test_a_copy_that_was_waited_for_is_of_one_thread_until_they_meet():
    code = COPIED.format(wait="cp.async.wait_all;", second=0, other=1).replace("bar.sync 0;", "", 1)
    refused(code, Uninitialised, threads=2, thread=(0, 0, 0), array="box", index=1)


def test_what_a_copy_writes_again_is_not_read_meanwhile():
    """The first one has been waited for, the second not."""
    again = "cp.async.ca.shared.global [%a4], [%a2+4], 4;"
    code = (
        f"cp.async.ca.shared.global [%a4], [%a2], 4;\ncp.async.wait_all;\n{again}\nld.shared.f32 %f0, [%a4]; // fault"
    )
    refused(code, DataRace, array="box", index=0)
    run(code.replace(again, ""))


def test_a_barrier_that_counts_says_how_many_have_come():
    fault = "@%p1 bar.sync 2, 64; // fault"
    message = refused(fault, BarrierDivergence, threads=64, thread=(0, 0, 0))
    assert "waits for 64 threads, 32 have come" in message


def test_threads_that_wait_for_different_things_are_told_apart():
    code = "@%p1 bar.sync 0; // fault\n@!%p1 bar.warp.sync 0xffffffff;\nbar.sync 0;"
    message = refused(code, BarrierDivergence, threads=64, thread=(32, 0, 0))
    assert "bar.sync waits for 32 of 64 threads; thread (0, 0, 0) waits, thread (32, 0, 0) waits at PTX line" in message


def test_a_flag_that_both_sides_call_volatile_is_no_race():
    code = "@!%p0 ld.volatile.global.u32 %r1, [%a0]; // fault\n@%p0 st{}.global.u32 [%a0], 1;"
    run(code.format(".volatile"), threads=2)
    refused(code.format(""), DataRace, threads=2, thread=(1, 0, 0), array="values", index=0)


def test_the_last_block_by_ticket_may_read_what_the_others_wrote():
    code = """
    mov.u32 %r2, %ctaid.x;
    mul.wide.u32 %a7, %r2, 4;
    add.s64 %a7, %a0, %a7;
    st.global.u32 [%a7+128], %r2;
    {fence}
    mov.u64 %a8, tickets;
    atom.global.inc.u32 %r3, [%a8], 3;
    setp.ne.u32 %p2, %r3, 3;
    @%p2 ret;
    ld.global.u32 %r4, [%a0+128]; // fault
    """
    for fence in ("membar.gl;", "fence.acq_rel.gpu;"):
        run(code.format(fence=fence), blocks=4)
    for fence in ("", "membar.cta;"):
        refused(code.format(fence=fence), DataRace, blocks=4, block=(3, 0, 0), array="values", index=32)


def test_a_loop_without_end_is_left_and_named():
    code = "again:\nadd.u32 %r1, %r1, 1;\n@%p0 bra again; // fault"
    message = refused(code, Endless, threads=2, thread=(0, 0, 0), most_turns=1000)
    assert "is still in this loop after 1,000 turns" in message


def test_values_are_called_what_the_caller_calls_them():
    with pytest.raises(OutOfBounds) as caught:
        run("ld.global.f32 %f0, [%a0+256]; // fault", names=["heights"], title="mine")
    assert (caught.value.kernel, caught.value.array, caught.value.index) == ("mine", "heights", 64)


def test_it_computes_what_it_computes_unchecked():
    code = "cvt.rn.f32.u32 %f0, %r0;\nsqrt.approx.f32 %f0, %f0;\nst.global.f32 [%a2], %f0;"
    plain = np.zeros(64, np.float32)
    load(text_of(code)).run((1, 1, 1), (64, 1, 1), [plain])
    assert (run(code, threads=64) == plain).all()


def test_a_trap_is_named():
    with pytest.raises(KernelError, match=r"^probe: block \(0, 0, 0\), thread \(0, 0, 0\): trap"):
        run("@%p0 trap;")
