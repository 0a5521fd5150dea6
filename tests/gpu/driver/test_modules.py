"""Modules, linked and loaded; kernels, their attributes and their launches; variables; and what is refused."""

import ctypes

import numpy as np
import pytest

from kernels.gpu.driver import modules
from kernels.gpu.driver.attributes import SHARED_BYTES
from kernels.gpu.driver.table import Code
from kernels.gpu.report import ReportError

HEAD = ".version 8.0\n.target sm_90\n.address_size 64\n"
ADD = (
    HEAD
    + """
.global .u32 calls = 40;
.const .align 4 .b8 table[16] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
.visible .entry add(.param .u8 first, .param .f64 second, .param .u16 third, .param .u64 to)
{
    .reg .b32 %r<6>;
    .reg .b64 %to;
    .reg .f64 %d<4>;
    ld.param.u8 %r1, [first];
    ld.param.f64 %d1, [second];
    ld.param.u16 %r2, [third];
    ld.param.u64 %to, [to];
    add.u32 %r3, %r1, %r2;
    cvt.rn.f64.u32 %d2, %r3;
    add.f64 %d3, %d1, %d2;
    st.global.f64 [%to], %d3;
    atom.global.add.u32 %r4, [calls], 1;
    ld.const.u32 %r5, [table + 4];
    ret;
}
.visible .entry count(.param .u64 to) .maxntid 64, 2, 1
{
    .reg .b32 %r1;
    .reg .b64 %to;
    .shared .align 4 .b8 room[400];
    ld.param.u64 %to, [to];
    ld.global.u32 %r1, [calls];
    st.shared.u32 [room], %r1;
    st.global.u32 [%to], %r1;
    ret;
}
"""
)
CALLS = (
    HEAD
    + """
.extern .func (.param .b32 out) twice(.param .b32 x);
.visible .entry call(.param .u32 x, .param .u64 to)
{
    .reg .b32 %r<3>;
    .reg .b64 %to;
    .param .b32 given;
    .param .b32 got;
    ld.param.u32 %r1, [x];
    ld.param.u64 %to, [to];
    st.param.b32 [given], %r1;
    call.uni (got), twice, (given);
    ld.param.b32 %r2, [got];
    st.global.u32 [%to], %r2;
    ret;
}
"""
)
TWICE = (
    HEAD
    + """
.visible .func (.param .b32 out) twice(.param .b32 x)
{
    .reg .b32 %r<3>;
    ld.param.b32 %r1, [x];
    add.u32 %r2, %r1, %r1;
    st.param.b32 [out], %r2;
    ret;
}
"""
)


def module(driver, text=ADD):
    return driver.number("cuModuleLoadData", text.encode(), kind=ctypes.c_void_p)


def kernel(driver, of, name):
    return driver.number("cuModuleGetFunction", of, name.encode(), kind=ctypes.c_void_p)


def launch(driver, function, *values, grid=(1, 1, 1), block=(1, 1, 1), shared_bytes=0):
    """Launch with ctypes values as arguments."""
    pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
    driver.cuLaunchKernel(function, *grid, *block, shared_bytes, None, pointers, None)


def linked(driver, *texts):
    """A module of several texts."""
    state = driver.number("cuLinkCreate", 0, None, None, kind=ctypes.c_void_p, last=True)
    for number, text in enumerate(texts):
        content = text.encode()
        driver.cuLinkAddData(state, 1, content, len(content), f"text {number}".encode(), 0, None, None)
    image, size = ctypes.c_void_p(), ctypes.c_size_t()
    driver.cuLinkComplete(state, ctypes.byref(image), ctypes.byref(size))
    copy = ctypes.string_at(image.value, size.value)  # the image is gone with the linker
    driver.cuLinkDestroy(state)
    return driver.number("cuModuleLoadData", copy, kind=ctypes.c_void_p)


def read(driver, address, dtype):
    host = np.zeros(1, dtype)
    driver.cuMemcpyDtoH(host.ctypes.data, address, host.nbytes)
    return host[0]


def test_arguments_of_all_sizes_arrive(driver):
    to = driver.allocated(8)
    values = ctypes.c_uint8(200), ctypes.c_double(0.25), ctypes.c_uint16(50000), ctypes.c_uint64(to)
    launch(driver, kernel(driver, module(driver), "add"), *values)
    assert read(driver, to, np.float64) == 50200.25


def test_parameters_are_told_with_their_places(driver):
    function, found = kernel(driver, module(driver), "add"), []
    for number in range(4):
        offset, size = ctypes.c_size_t(), ctypes.c_size_t()
        driver.cuFuncGetParamInfo(function, number, ctypes.byref(offset), ctypes.byref(size))
        found.append((offset.value, size.value))
    assert found == [(0, 1), (8, 8), (16, 2), (24, 8)]


def test_there_is_no_parameter_behind_the_last(driver, refused):
    function = kernel(driver, module(driver), "add")
    with refused(Code.INVALID_VALUE):
        driver.cuFuncGetParamInfo(function, 4, ctypes.byref(ctypes.c_size_t()), None)


def test_a_kernel_has_the_same_number_each_time_and_none_when_its_module_is_gone(driver, refused):
    loaded = module(driver)
    function = kernel(driver, loaded, "add")
    assert kernel(driver, loaded, "add") == function
    with refused(Code.NOT_FOUND):
        kernel(driver, loaded, "subtract")
    driver.cuModuleUnload(loaded)
    with refused(Code.INVALID_HANDLE):
        launch(driver, function)
    with refused(Code.INVALID_HANDLE):
        kernel(driver, loaded, "add")


def test_kernels_are_listed(driver):
    loaded = module(driver)
    assert driver.number("cuModuleGetFunctionCount", loaded, kind=ctypes.c_uint) == 2
    functions = (ctypes.c_void_p * 2)()
    driver.cuModuleEnumerateFunctions(functions, 2, loaded)
    assert [driver.text("cuFuncGetName", each) for each in functions] == ["add", "count"]


def test_kernels_of_a_module_share_its_variables_and_modules_do_not(driver):
    to = driver.allocated(8)
    values = ctypes.c_uint8(), ctypes.c_double(), ctypes.c_uint16(), ctypes.c_uint64(to)
    one, other = module(driver), module(driver)
    for _ in range(3):
        launch(driver, kernel(driver, one, "add"), *values)
    for loaded, calls in ((one, 43), (other, 40)):
        launch(driver, kernel(driver, loaded, "count"), ctypes.c_uint64(to))
        assert read(driver, to, np.uint32) == calls


def test_the_host_reads_and_writes_variables(driver, refused):
    loaded, to = module(driver), driver.allocated(8)
    address, size = ctypes.c_uint64(), ctypes.c_size_t()
    driver.cuModuleGetGlobal(ctypes.byref(address), ctypes.byref(size), loaded, b"calls")
    assert (size.value, read(driver, address.value, np.uint32)) == (4, 40)
    driver.cuMemcpyHtoD(address.value, np.array([7], np.uint32).ctypes.data, 4)
    launch(driver, kernel(driver, loaded, "count"), ctypes.c_uint64(to))
    assert read(driver, to, np.uint32) == 7
    with refused(Code.NOT_FOUND):
        driver.cuModuleGetGlobal(ctypes.byref(address), None, loaded, b"other")


MAX_THREADS, SHARED, CONST, LOCAL, REGISTERS, PTX_VERSION, BINARY_VERSION, CACHED, DYNAMIC_SHARED = range(9)


def attributes(driver, function):
    return [driver.number("cuFuncGetAttribute", n, function, kind=ctypes.c_int) for n in range(9)]


def test_a_kernel_tells_what_it_takes(driver, monkeypatch):
    monkeypatch.setattr(modules, "assembled", lambda *_: "entry function 'count' for 'sm_90'\n Used 12 registers")
    loaded = module(driver)
    assert attributes(driver, kernel(driver, loaded, "add")) == [1024, 0, 16, 0, 0, 90, 90, 0, SHARED_BYTES]
    assert attributes(driver, kernel(driver, loaded, "count")) == [128, 400, 0, 0, 12, 90, 90, 0, SHARED_BYTES - 400]


def test_registers_are_those_of_ptxas_or_0_without_it(driver, monkeypatch):
    def missing(*_):
        raise ReportError("ptxas: not found")

    monkeypatch.setattr(modules, "assemble", missing)
    text = HEAD + ".visible .entry nothing_of_this_test_alone()\n{\n ret;\n}\n"
    function = kernel(driver, module(driver, text), "nothing_of_this_test_alone")
    assert attributes(driver, function)[REGISTERS] == 0


def test_more_dynamic_shared_memory_has_to_be_asked_for(driver, refused, capfd):
    function, to = kernel(driver, module(driver), "count"), ctypes.c_uint64(driver.allocated(8))
    launch(driver, function, to, shared_bytes=SHARED_BYTES - 400)
    with refused(Code.INVALID_VALUE):
        launch(driver, function, to, shared_bytes=SHARED_BYTES)
    driver.cuFuncSetAttribute(function, DYNAMIC_SHARED, 2 * SHARED_BYTES)
    launch(driver, function, to, shared_bytes=2 * SHARED_BYTES)
    with refused(Code.INVALID_VALUE):
        driver.cuFuncSetAttribute(function, DYNAMIC_SHARED, 5 * SHARED_BYTES)
    assert capfd.readouterr().err.splitlines() == [
        "cuLaunchKernel: 49152 bytes of dynamic shared memory: at most 48752 are allowed",
        "cuFuncSetAttribute: 245760 bytes of dynamic shared memory: a block has at most 232048",
    ]


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        ({"block": (65, 2, 1)}, "block (65, 2, 1) has 130 threads: at most 128 are allowed"),
        ({"block": (1, 1, 65)}, "block (1, 1, 65): from 1 to (1024, 1024, 64) is allowed"),
        ({"block": (0, 1, 1)}, "block (0, 1, 1): from 1 to (1024, 1024, 64) is allowed"),
        ({"grid": (1, 65536, 1)}, "grid (1, 65536, 1): from 1 to (2147483647, 65535, 65535) is allowed"),
        ({"grid": (0, 1, 1)}, "grid (0, 1, 1): from 1 to (2147483647, 65535, 65535) is allowed"),
    ],
)
def test_a_launch_that_no_gpu_carries_out_is_refused(driver, refused, capfd, size, problem):
    function, to = kernel(driver, module(driver), "count"), ctypes.c_uint64(driver.allocated(8))
    with refused(Code.INVALID_VALUE):
        launch(driver, function, to, **size)
    assert capfd.readouterr().err == f"cuLaunchKernel: {problem}\n"


def test_a_cooperative_launch_has_no_more_blocks_than_are_held_at_once(driver, refused, capfd, monkeypatch):
    monkeypatch.setattr(modules, "assembled", lambda *_: "")
    driver.gpu.execute = lambda launched: None
    function, to = kernel(driver, module(driver), "count"), ctypes.c_uint64(driver.allocated(8))
    pointers = (ctypes.c_void_p * 1)(ctypes.addressof(to))
    held = 132 * 16  # multiprocessors, each with 2048 threads
    driver.cuLaunchCooperativeKernel(function, held, 1, 1, 128, 1, 1, 0, None, pointers)
    with refused(Code.COOPERATIVE_LAUNCH_TOO_LARGE):
        driver.cuLaunchCooperativeKernel(function, held + 1, 1, 1, 128, 1, 1, 0, None, pointers)
    assert "at most 2112 blocks" in capfd.readouterr().err


def test_the_best_block_fills_a_multiprocessor(driver, monkeypatch):
    monkeypatch.setattr(modules, "assembled", lambda *_: "")
    loaded = module(driver)
    grid, block = ctypes.c_int(), ctypes.c_int()
    where = ctypes.byref(grid), ctypes.byref(block)
    for name, limit, expected in (("add", 0, (264, 1024)), ("count", 0, (2112, 128)), ("add", 100, (4224, 64))):
        function = kernel(driver, loaded, name)
        driver.cuOccupancyMaxPotentialBlockSize(*where, function, SHARED_OF(), 0, limit)
        assert (grid.value, block.value) == expected


SHARED_OF = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_int)


def test_texts_are_linked(driver):
    to = driver.allocated(4)
    for texts in ((CALLS, TWICE), (TWICE, CALLS)):
        function = kernel(driver, linked(driver, *texts), "call")
        launch(driver, function, ctypes.c_uint32(21), ctypes.c_uint64(to))
        assert read(driver, to, np.uint32) == 42


def test_a_function_may_be_declared_with_a_result_that_it_has_not(driver):
    """As Numba declares functions of C that return nothing."""
    writes = HEAD + ".visible .func twice(.param .b32 x)\n{\n ret;\n}\n"
    to = driver.allocated(4)
    launch(driver, kernel(driver, linked(driver, CALLS, writes), "call"), ctypes.c_uint32(21), ctypes.c_uint64(to))


def test_what_is_missing_is_named_when_it_is_launched(driver):
    from kernels.gpu.emulator import PtxError

    found = driver.gpu.handles.get(kernel(driver, module(driver, CALLS), "call"), modules.Kernel)
    with pytest.raises(PtxError, match="twice"):
        _ = found.loaded
    assert (found.shared_bytes, found.local_bytes) == (0, 0)


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x01", b"\x50\xed\x55\xba\x01", b"!<arch>\n", b"BC\xc0\xde"])
def test_machine_code_is_refused(driver, refused, capfd, content):
    with refused(Code.INVALID_IMAGE):
        driver.number("cuModuleLoadData", content, kind=ctypes.c_void_p)
    state = driver.number("cuLinkCreate", 0, None, None, kind=ctypes.c_void_p, last=True)
    with refused(Code.INVALID_IMAGE):
        driver.cuLinkAddData(state, 0, content, len(content), b"mine", 0, None, None)
    assert capfd.readouterr().err.splitlines() == [
        "cuModuleLoadData: machine code is not executed here, only PTX",
        "cuLinkAddData: mine is a cubin: only PTX can be linked here, and sources of CUDA C++",
    ]


def test_files_are_loaded_and_linked(driver, refused, tmp_path, capfd):
    (tmp_path / "add.ptx").write_text(ADD)
    loaded = driver.number("cuModuleLoad", str(tmp_path / "add.ptx").encode(), kind=ctypes.c_void_p)
    assert kernel(driver, loaded, "add")
    state = driver.number("cuLinkCreate", 0, None, None, kind=ctypes.c_void_p, last=True)
    driver.cuLinkAddFile(state, 1, str(tmp_path / "add.ptx").encode(), 0, None, None)
    with refused(Code.FILE_NOT_FOUND):
        driver.cuLinkAddFile(state, 1, str(tmp_path / "sub.ptx").encode(), 0, None, None)
    assert capfd.readouterr().err == f"cuLinkAddFile: {tmp_path / 'sub.ptx'}: No such file or directory\n"


def test_a_text_that_is_no_ptx_says_where(driver, refused, capfd):
    loaded = module(driver, HEAD + ".visible .entry f() { add.f32 % }")
    with refused(Code.INVALID_PTX):
        kernel(driver, loaded, "f")
    assert capfd.readouterr().err.startswith("cuModuleGetFunction: PTX line 4: ")
