"""Functions that CUDA provides: what kernels print and assert."""

import ctypes

import numpy as np
import pytest

from kernels.gpu import cuda, kernel
from kernels.gpu.emulator import EmulatorError
from kernels.gpu.emulator.printing import formatted
from tests.gpu.emulator.test_nvrtc import ARCHITECTURES, run


@ARCHITECTURES
def test_printf_prints_as_c_does(architecture, capsys):
    source = r"""extern "C" __global__ void k(const float* x) {
        if (x[threadIdx.x] > 1)
            printf("%s %d: %5.2f|%-8.3e|%+d|%lld|%c|%x|%u|%%|%*d\n", "lane", threadIdx.x, x[threadIdx.x], x[0], 3,
                   1LL << 40, 'a', 255, ~0u, 4, 7);
    }"""
    run(source, architecture, 2, 4, np.array([0.5, 1.25, 0.25, 2], np.float32))
    line = "lane {}: {}|5.000e-01|+3|1099511627776|a|ff|4294967295|%|   7\n"
    assert capsys.readouterr().out == (line.format(1, " 1.25") + line.format(3, " 2.00")) * 2


@kernel
def say(x):
    i = cuda.grid(1)
    print("thread", i, "has", x[i])


def test_what_a_kernel_of_numba_prints_is_seen(capsys):
    say[2, 2](np.array([0.5, 1, 2, 4], np.float32)).emulate()
    assert capsys.readouterr().out.splitlines() == [f"thread {n} has {x:f}" for n, x in enumerate((0.5, 1, 2, 4))]


@ARCHITECTURES
def test_a_failed_assertion_is_said_and_ends_the_kernel(architecture, capsys):
    source = """extern "C" __global__ void k(int* x) {
        assert(x[threadIdx.x] > 0);
        x[threadIdx.x] = 7;
    }"""
    x = np.array([1, 2, -1, 3], np.int32)
    with pytest.raises(EmulatorError, match="k: block 0, thread 2: trap"):
        run(source, architecture, 1, 4, x)
    assert "kernel.cu:2: void k(int *): assertion 'x[threadIdx.x] > 0' failed" in capsys.readouterr().err
    assert x[2] == -1


@pytest.mark.parametrize(
    "pattern", ["%d", "%5i", "%-5d|", "%05d", "%+d", "%u", "%x", "%#X", "%o", "%hhd", "%hu", "%.3d"]
)
@pytest.mark.parametrize("value", [0, 7, -7, 70_000, -(2**31)])
def test_integers_are_formatted_as_the_c_library_does(pattern, value):
    memory = (ctypes.c_int32 * 2)(value, 0)
    expected = ctypes.create_string_buffer(100)
    ctypes.CDLL(None).snprintf(expected, 100, pattern.encode(), ctypes.c_int(value))
    assert formatted(pattern, ctypes.addressof(memory)) == (expected.value.decode(), 1)


@pytest.mark.parametrize("pattern", ["%f", "%e", "%g", "%10.3f|", "%-10.2e|", "%+g", "%.0f", "%G", "%8.3g"])
@pytest.mark.parametrize("value", [0.0, -1.5, 1e10, 1e-7, float("inf"), float("nan")])
def test_floats_are_formatted_as_the_c_library_does(pattern, value):
    memory = ctypes.c_double(value)
    expected = ctypes.create_string_buffer(100)
    ctypes.CDLL(None).snprintf(expected, 100, pattern.encode(), ctypes.c_double(value))
    assert formatted(pattern, ctypes.addressof(memory)) == (expected.value.decode(), 1)
