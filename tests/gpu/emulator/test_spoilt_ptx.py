"""Whatever a text says, it is translated to correct LLVM or refused in one line, soon and without a crash."""

import re
import subprocess
import sys

import pytest

from kernels.gpu.emulator import PtxError, load
from kernels.gpu.report import assemble
from tests.helpers import ROOT
from tests.helpers.ptx import HEAD

TEXT = """.version 9.0
.target sm_90a
.address_size 64
.file 1 "kernel.py"
.visible .global .align 4 .f32 table[4] = {0f3F800000, 0f40000000, 0F40400000, 1.5};
.const .align 8 .u64 pointers[2] = {table, generic(table)};
.extern .shared .align 16 .b8 dynamic[];
.func (.param .b32 result) twice(.param .b32 a, .reg .f32 unused)
{
 .reg .f32 %f<3>;
 ld.param.f32 %f1, [a];
 add.rn.f32 %f2, %f1, %f1;
 st.param.f32 [result], %f2;
 ret;
}
.visible .entry k(.param .u64 .ptr .global .align 16 in, .param .u64 out, .param .u32 n, .param .align 8 .b8 rest[16])
.maxntid 128, 1, 1
.minnctapersm 2
{
 .reg .pred %p<8>;
 .reg .b16 %h<9>;
 .reg .b32 %r<20>;
 .reg .b64 %d<16>;
 .reg .b128 %q<3>;
 .reg .f32 %f<12>;
 .reg .f64 %g<4>;
 .shared .align 16 .b8 tile[512];
 .local .align 8 .b8 stack[32];
 .loc 1 12 3
 ld.param.u64 %d1, [in]; ld.param.u64 %d2, [out+0]; ld.param.u32 %r1, [n];
 ld.param.v2.b32 {%r2, %r3}, [rest+8];
 cvta.to.global.u64 %d1, %d1;
 mov.u32 %r4, %tid.x; mov.u32 %r5, %ntid.x; mov.u32 %r6, %ctaid.x;
 mad.lo.s32 %r7, %r5, %r6, %r4;
 setp.ge.u32 %p1, %r7, %r1;
 @%p1 bra $end;
 mul.wide.u32 %d3, %r7, 4;
 add.s64 %d4, %d1, %d3;
 ld.global.nc.f32 %f1, [%d4];
 ld.volatile.global.v4.f32 {%f2, %f3, %f4, %f5}, [%d1+16];
 fma.rn.ftz.f32 %f6, %f1, 0f3F800000, %f2;
 cvt.rzi.ftz.s32.f32 %r8, %f6;
 cvt.rn.f16x2.f32 %r9, %f1, %f2;
 fma.rn.relu.f16x2 %r9, %r9, %r9, %r9;
 mov.b32 {%h1, %h2}, %r9;
 div.full.f32 %f7, %f6, %f1; sqrt.rm.f64 %g1, 2.0; max.xorsign.abs.f32 %f7, %f7, %f1;
 mov.u64 %d5, tile; cvta.shared.u64 %d6, %d5; st.shared.f32 [tile+4], %f6; st.u32 [%d6], %r8;
 bar.sync 0;
 barrier.sync.aligned 1, 64;
 shfl.sync.bfly.b32 %r10|%p2, %r8, 1, 31, -1;
 vote.sync.ballot.b32 %r11, %p2, 0xffffffff;
 redux.sync.add.s32 %r12, %r11, -1;
 atom.global.add.f32 %f8, [%d4], %f6; red.shared.add.noftz.f16x2 [tile], %r9;
 atom.global.add.v2.f32 {%f8, %f9}, [%d4], {%f6, %f7};
 atom.global.cas.b32 %r13, [%d4], %r8, 5;
 {
 .param .b32 a0; .param .b32 r0;
 st.param.f32 [a0], %f6;
 call.uni (r0), twice, (a0, %f1);
 ld.param.f32 %f10, [r0];
 }
 setp.lt.and.f32 %p3|%p4, %f10, %f6, !%p2;
 selp.b32 %r14, %r13, 7, %p3;
 @!%p4 add.cc.u32 %r15, %r14, 1;
 addc.u32 %r16, %r15, 0;
 lop3.b32 %r17, %r14, %r15, %r16, 0x96; prmt.b32 %r17, %r17, 0, 0x0123;
 ts: .branchtargets $a, $b;
 brx.idx %r4, ts;
$a: mov.b64 %d7, {%r1, %r2}; st.local.v2.u64 [stack], {%d7, %d3}; bra.uni $end;
$b: mov.b128 %q1, {%d1, %d2}; fence.acq_rel.gpu; membar.gl; nanosleep.u32 20; trap;
$end:
 st.global.f32 [%d2+4], %f6;
 ret;
}
"""


def test_the_text_is_ptx_and_is_executed():
    assemble(TEXT.replace("sm_90a", "sm_90"), "sm_90")
    load(TEXT)


@pytest.mark.parametrize("seed", range(4))
def test_a_spoilt_text_is_translated_or_refused(tmp_path, seed):
    (tmp_path / "text.ptx").write_text(TEXT)
    command = [sys.executable, "-m", "tests.helpers.spoilt_ptx", str(seed), "150", str(tmp_path / "text.ptx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    taken, refused = map(int, re.fullmatch(r"(\d+) taken (\d+) refused\n", done.stdout).groups())
    assert taken >= 3
    assert refused >= 50


def kernel(body, module=""):
    return f"""{HEAD}{module}
.visible .entry k(.param .u64 p) {{
.reg .b64 %d<9>; .reg .b32 %r<9>; .reg .f32 %f<9>; .reg .pred %p<3>; .reg .b16 %h<5>; .reg .f64 %g<4>; .reg .b128 %q<3>;
{body}
ret; }}"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (kernel(".shared .b8 x[9999999999999]; mov.u32 %r1, x;"), "x: more than 2147483648 bytes"),
        (kernel(".shared .b8 x[1000000]; mov.u32 %r1, x;"), "1000000 bytes of shared memory: at most 232448"),
        (kernel(".local .b8 x[-4]; mov.u32 %r1, x;"), "x[-4]: no number of elements"),
        (kernel(".shared .align 3 .b8 x[9];"), ".align 3: no power of two"),
        (kernel(".reg .b32 %z<9999999>;"), "%z<9999999>: no number of registers"),
        (kernel(".reg .tf32 %z;"), "tf32: no register has this type"),
        (kernel("ld.pred %p1, [%d1];"), "ld.pred: .pred is not executed"),
        (kernel("ld.global.u32 %r1, [%h1];"), "%h1 holds no address"),
        (kernel("ld.global.u32 %r1, [%f1];"), "%f1 holds no address"),
        (kernel("ld.param.u64 %d1, [p+800];"), "p+800: p has 8 bytes"),
        (kernel("ld.shared.u64 %d1, [p];"), "p is in param memory"),
        (kernel("ld.global.u64 %r1, [%d1];"), "%r1 is a .b32, a .u64 is needed"),
        (kernel("st.global.f32 [%d1], 1;"), "1 is no f32"),
        (kernel("st.global.u32 [%d1], !%r1;"), "only a predicate that is read can be negated"),
        (kernel("ld.global.v3.u32 {%r1, %r2, %r3}, [%d1];"), ".v3 is not executed"),
        (kernel("ld.global.v2.u32 {%r1, 5}, [%d1];"), "the destination is no register"),
        (kernel("@%r1 ret;"), "ret: %r1 is no predicate"),
        (kernel("@%tid.x ret;"), "ret: %tid.x"),
        (kernel("match.any.sync.b16 %r1, %h1, -1;"), "match.any.sync.b16: .b16 is not executed"),
        (kernel("", ".global .f16 x = 1.0;"), "a variable of type .f16 with an initial value is not executed"),
        (kernel("", ".global .u8 x = 1.5;"), "1.5 is no u8"),
        (kernel("{ " * 3000 + "} " * 3000), "braces or parentheses stand too deep in each other"),
        (kernel("mov.u32 %r1, " + "(" * 5000), "braces or parentheses stand too deep in each other"),
        (HEAD, "kernel None not found; the text has none"),
        ("", "no PTX: it begins with no .version"),
    ],
)  # fmt: skip
def test_what_is_absurd_is_refused(text, said):
    with pytest.raises(PtxError, match=re.escape(said)):
        load(text)


@pytest.mark.parametrize("value", ["1e39", "1e400", "-1e999", "0d7FEFFFFFFFFFFFFF"])
def test_a_constant_that_is_too_large_is_infinite(value):
    load(kernel(f"mov.f32 %f1, {value}; st.global.f32 [%d1], %f1;"))
