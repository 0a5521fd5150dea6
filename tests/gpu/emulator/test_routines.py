"""Functions that call themselves: directly, through others, out of functions that do not."""

import math

import numpy as np
import pytest
from numba import cuda

from kernels.gpu.emulator import EmulatorError, Endless, load, load_checked
from tests.gpu.agreement import declared
from tests.gpu.emulator.numba_ptx import run
from tests.gpu.emulator.nvrtc import ptx
from tests.gpu.emulator.test_nvrtc import ARCHITECTURES

KINDS = pytest.mark.parametrize("kind", [load, load_checked])


def of_c(source, kind, threads, *values, architecture="sm_80"):
    kind(ptx(source, architecture)).run((1, 1, 1), (threads, 1, 1), list(values))


@ARCHITECTURES
@KINDS
def test_two_calls_in_one_expression(architecture, kind):
    source = """__device__ __noinline__ int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2); }
    extern "C" __global__ void k(int* x) { x[threadIdx.x] = f(x[threadIdx.x]); }"""
    x = np.arange(16, dtype=np.int32)
    of_c(source, kind, 16, x, architecture=architecture)
    assert x.tolist() == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610]


@KINDS
def test_functions_that_call_each_other_with_several_arguments_of_many_types(kind):
    source = """struct Pair { double a; short b; char c[5]; };
    __device__ int odd(int n, float x, Pair p, long long* out);
    __device__ __noinline__ int even(int n, float x, Pair p, long long* out) {
        if (n == 0) { *out += (long long)(x * 4) + p.c[2]; return p.b; }
        p.a += n; p.c[2]++;
        int found = odd(n - 1, x + 0.25f, p, out);
        *out += (long long)p.a * n;
        return found + p.c[2];
    }
    __device__ __noinline__ int odd(int n, float x, Pair p, long long* out) {
        p.b *= 2;
        return n == 0 ? -1 : even(n - 1, x, p, out) - 1;
    }
    extern "C" __global__ void k(const int* n, int* y, long long* out) {
        Pair p = {0.5, 3, {1, 2, 3, 4, 5}};
        int i = threadIdx.x;
        y[i] = even(n[i], 1.5f, p, out + i) * 10;
        y[i] += odd(n[i], 2.5f, p, out + i);
    }"""

    def even(n, x, a, b, c, out):
        if n == 0:
            out[0] += int(x * 4) + c
            return b
        a, c = a + n, c + 1
        found = odd(n - 1, x + 0.25, a, b, c, out)
        out[0] += int(a) * n
        return found + c

    def odd(n, x, a, b, c, out):
        return -1 if n == 0 else even(n - 1, x, a, b * 2, c, out) - 1

    n, y, out = np.arange(9, dtype=np.int32), np.zeros(9, np.int32), np.zeros(9, np.int64)
    of_c(source, kind, 9, n, y, out)
    for i in range(9):
        total = [0]
        expected = even(i, 1.5, 0.5, 3, 3, total) * 10 + odd(i, 2.5, 0.5, 3, 3, total)
        assert (y[i], out[i]) == (expected, total[0])


@KINDS
def test_each_activation_has_its_own_array_whose_address_others_get(kind):
    source = """__device__ __noinline__ void sort(int* x, int n) {
        if (n < 2) return;
        int half[16], m = n / 2;
        for (int i = 0; i < n; i++) half[i] = x[i];
        sort(half, m);
        sort(half + m, n - m);
        for (int i = 0, a = 0, b = m; i < n; i++)
            x[i] = b >= n || (a < m && half[a] <= half[b]) ? half[a++] : half[b++];
    }
    extern "C" __global__ void k(int* x) { sort(x + 16 * threadIdx.x, 16); }"""
    x = np.random.default_rng(1).integers(-99, 99, (8, 16)).astype(np.int32)
    expected = np.sort(x, axis=1)
    of_c(source, kind, 8, x)
    assert np.array_equal(x, expected)


@KINDS
def test_threads_meet_in_the_middle_of_a_call(kind):
    source = """__device__ __noinline__ int f(int n, int* box) {
        if (n == 0) return 0;
        int i = threadIdx.x, mine = n * 100 + i;
        __syncthreads();
        box[i] = mine + f(n - 1, box);
        __syncthreads();
        int found = box[(i + 1) % blockDim.x];
        __syncthreads();
        return found + __shfl_xor_sync(~0u, mine, 1);
    }
    extern "C" __global__ void k(int* y) { __shared__ int box[32]; y[threadIdx.x] = f(4, box); }"""

    def f(n):
        i = np.arange(32)
        if n == 0:
            return 0 * i
        mine = n * 100 + i
        return np.roll(mine + f(n - 1), -1) + mine[i ^ 1]

    y = np.zeros(32, np.int32)
    of_c(source, kind, 32, y)
    assert np.array_equal(y, f(4))


@KINDS
def test_one_that_never_returns_is_said(kind):
    source = """__device__ __noinline__ int f(int n) { return n == 77 ? n : f(n + 2) * 3 + 1; }
    extern "C" __global__ void k(int* x) { x[threadIdx.x] = threadIdx.x == 3 ? f(x[3]) : 1; }"""
    problem = r"block \D*0.*, thread \D*3.*: calls of functions by themselves take more than 65,536 bytes of stack"
    with pytest.raises((EmulatorError, Endless), match=problem):
        of_c(source, kind, 8, np.zeros(8, np.int32))


@declared("int64(int64)")
def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


@cuda.jit
def factorial(n):
    if n < 2:
        return 1
    return n * factorial(n - 1)


def both(x, y):
    i = cuda.grid(1)
    y[i] = fibonacci(x[i]) * 1000 + factorial(x[i])


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("debug", [False, True])
def test_those_that_numba_compiles(checked, debug):
    x, y = np.arange(10), np.zeros(10, np.int64)
    run(both, 1, 10, x, y, checked=checked, debug=debug, opt=not debug)
    fibonaccis = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
    assert y.tolist() == [f * 1000 + math.factorial(n) for n, f in enumerate(fibonaccis)]
