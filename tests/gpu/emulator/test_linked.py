"""Several texts linked into one module: what one declares another defines, and what is a text's own stays so."""

import numpy as np
import pytest
from numba import cuda

from kernels.gpu import compiler
from kernels.gpu.emulator import PtxError, load, load_checked
from kernels.gpu.emulator.arguments import of_numba
from kernels.gpu.emulator.linked import linked
from kernels.gpu.interpreter import OutOfBounds
from tests.gpu.emulator.numba_ptx import run, texts
from tests.gpu.emulator.nvrtc import ptx

HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n"
CALLER = f"""{HEAD}
.extern .func (.param .b32 r) twice(.param .b32 n);
.extern .global .align 4 .u32 offset;
.global .align 4 .u32 own = 3;
.visible .entry k(.param .u64 y) {{
    .reg .b32 %r<9>; .reg .b64 %a<3>; .param .b32 n; .param .b32 r;
    ld.param.u64 %a0, [y];
    ld.global.u32 %r0, [own];
    st.param.b32 [n], %r0;
    call (r), twice, (n);
    ld.param.b32 %r1, [r];
    ld.global.u32 %r2, [offset];
    add.u32 %r3, %r1, %r2;
    st.global.u32 [%a0], %r3;
    ret;
}}"""
CALLED = f"""{HEAD}
.visible .global .align 4 .u32 offset = 1000;
.global .align 4 .u32 own = 100;
LINKAGE .func (.param .b32 r) twice(.param .b32 n) {{
    .reg .b32 %r<4>;
    ld.param.u32 %r0, [n];
    ld.global.u32 %r1, [own];
    mad.lo.u32 %r2, %r0, 2, %r1;
    st.param.u32 [r], %r2;
    ret;
}}"""
WEAK = CALLED.replace("LINKAGE", ".weak").replace("2, %r1", "7, %r1").replace(".visible .global", ".extern .global")
WEAK = WEAK.replace("offset = 1000", "offset")


def result(*parts, kind=load):
    y = np.zeros(1, np.uint32)
    kind(parts).run((1, 1, 1), (1, 1, 1), [y])
    return y[0]


@pytest.mark.parametrize("kind", [load, load_checked])
def test_functions_and_variables_of_other_texts_are_found_in_any_order(kind):
    visible = CALLED.replace("LINKAGE", ".visible")
    assert result(CALLER, visible, kind=kind) == result(visible, CALLER, kind=kind) == 1106


def test_a_definition_beats_a_weak_one_wherever_it_stands():
    visible = CALLED.replace("LINKAGE", ".visible")
    assert result(CALLER, visible, WEAK) == result(WEAK, CALLER, visible) == 1106
    assert result(CALLER, WEAK, CALLED.replace("LINKAGE", ".weak")) == 1000 + 3 * 7 + 100


def test_what_nobody_or_two_define_is_refused_by_name():
    visible = CALLED.replace("LINKAGE", ".visible")
    with pytest.raises(PtxError, match=r"PTX line 13: call of twice: a function that the text does not contain"):
        result(CALLER)
    with pytest.raises(PtxError, match=r"twice: two texts define it"):
        result(CALLER, visible, visible.replace(".visible .global", ".extern .global").replace(" = 1000", ""))
    with pytest.raises(PtxError, match="offset: two texts define it"):
        result(CALLER, visible, CALLED.replace("LINKAGE", ".weak"))
    with pytest.raises(PtxError, match="offset: a variable that the text declares as that of another module"):
        result(CALLER, WEAK)
    with pytest.raises(PtxError, match="there is no text"):
        linked([])


def test_lines_are_counted_through_all_texts():
    wrong = CALLED.replace("LINKAGE", ".visible").replace("mad.lo", "mod.lo")
    line = (CALLER + "\n" + wrong).splitlines().index("    mod.lo.u32 %r2, %r0, 2, %r1;") + 1
    with pytest.raises(PtxError, match=rf"PTX line {line}: mod.lo.u32: this instruction is not executed"):
        result(CALLER, wrong)


def test_programs_of_c_compiled_apart():
    caller = """extern __device__ int table[4];
    extern "C" __device__ int look_up(int n);
    static __device__ int own = 5;
    extern "C" __global__ void k(int* y) { y[threadIdx.x] = look_up(threadIdx.x) + table[0] + own++; }"""
    called = """__device__ int table[4] = {10, 20, 30, 40};
    static __device__ int own = 100;
    extern "C" __device__ int look_up(int n) { return table[n] * own; }"""
    y = np.zeros(4, np.int32)
    parts = [ptx(text, "sm_80", "--relocatable-device-code=true") for text in (caller, called)]
    load(parts).run((1, 1, 1), (4, 1, 1), [y])
    assert y.tolist() == [1015, 2016, 3017, 4018]


@cuda.jit
def half_of(x, i):
    return x[i] / 2


def halves(x, y, z):
    i = cuda.grid(1)
    y[i] = half_of(x, i)
    cuda.cg.this_grid().sync()
    z[i] = y[i] + half_of(y, (i + 1) % y.size)


@pytest.mark.parametrize("checked", [False, True])
def test_what_numba_compiles_to_debug(checked):
    """Functions are texts of their own, not optimised, with the sections that debuggers read."""
    x, y, z = np.arange(8.0), np.zeros(8), np.zeros(8)
    assert len(texts(halves, x, y, z, debug=True, opt=False)) > 1
    run(halves, 2, 4, x, y, z, checked=checked, debug=True, opt=False)
    assert np.array_equal(z, x / 2 + np.roll(x, -1) / 4)


def beyond(x, y):
    y[cuda.grid(1)] = half_of(x, cuda.grid(1) + 1)


def test_an_access_in_another_text_is_named_with_its_line():
    """As that of the call, where the other was compiled without lines."""
    line = beyond.__code__.co_firstlineno + 1
    with pytest.raises(OutOfBounds, match=rf"\[8\] is out of bounds for shape \(8,\), at .*test_linked.py:{line}"):
        run(beyond, 2, 4, np.arange(8.0), np.zeros(8), checked=True, debug=True, opt=False)


def raises(x):
    if x[0] == 0:
        raise ValueError("nothing there")
    x[0] = 1


def test_an_exception_sets_the_error_code_and_ends_the_thread():
    """Which threads do as the others: the code is a variable of the module, that the host reads."""
    x, (text,) = np.zeros(1), texts(raises, np.zeros(1), debug=True, opt=False)
    kernel = load(text)
    kernel.run((1, 1, 1), (1, 1, 1), of_numba([x], [compiler.type_of(x)]))
    ((offset, _),) = (place for name, place in kernel.translation.places.statics.items() if "errcode" in name)
    assert x[0] == 0
    assert kernel.statics[offset : offset + 4].view(np.int32)[0] != 0
