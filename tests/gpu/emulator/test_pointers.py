"""Calls of addresses of functions: from tables, from memory, through each other."""

import numpy as np
import pytest

from kernels.gpu.emulator import EmulatorError, load, load_checked
from kernels.gpu.interpreter import KernelError
from tests.gpu.emulator.nvrtc import ptx

KINDS = pytest.mark.parametrize("kind", [load, load_checked])


def run(source, kind, threads, *values):
    kind(ptx(source, "sm_80")).run((1, 1, 1), (threads, 1, 1), list(values))


FUNCTIONS = """__device__ __noinline__ int twice(int n) { return 2 * n; }
__device__ __noinline__ int square(int n) { return n * n; }
__device__ __noinline__ int minus(int n, int m) { return n - m; }
__device__ __noinline__ long long wide(long long n) { return n << 40; }
typedef int (*F)(int);
"""


@KINDS
def test_one_is_chosen_from_a_table(kind):
    source = (
        FUNCTIONS
        + """__device__ F table[3] = {twice, square, twice};
    extern "C" __global__ void k(int* x, const int* which) { int i = threadIdx.x; x[i] = table[which[i]](x[i]); }"""
    )
    x, which = np.arange(9, dtype=np.int32), np.arange(9, dtype=np.int32) % 3
    run(source, kind, 9, x, which)
    assert x.tolist() == [0, 1, 4, 6, 16, 10, 12, 49, 16]


@KINDS
def test_addresses_are_made_where_they_are_needed_and_passed_on(kind):
    source = (
        FUNCTIONS
        + """
    __device__ __noinline__ int apply(F f, int n, int times) { return times ? apply(f, f(n), times - 1) : n; }
    extern "C" __global__ void k(int* x, long long* y) {
        int i = threadIdx.x;
        F f = i % 2 ? square : twice;
        int (*g)(int, int) = i < 99 ? minus : nullptr;
        long long (*h)(long long) = i < 99 ? wide : nullptr;
        x[i] = g(apply(f, x[i], 3), i);
        y[i] = h(i);
    }"""
    )
    x, y = np.full(4, 2, np.int32), np.zeros(4, np.int64)
    run(source, kind, 4, x, y)
    assert x.tolist() == [16, 255, 14, 253]
    assert y.tolist() == [n << 40 for n in range(4)]


@KINDS
def test_those_that_call_themselves_through_an_address(kind):
    source = """typedef int (*F)(int, void*);
    __device__ __noinline__ int f(int n, void* g) { return n < 2 ? 1 : n * ((F)g)(n - 1, g); }
    extern "C" __global__ void k(int* x) {
        F g = x[0] < 100 ? f : nullptr;
        x[threadIdx.x] = g(threadIdx.x, (void*)g);
    }"""
    x = np.zeros(8, np.int32)
    run(source, kind, 1, x)
    run(source.replace("x[0] < 100", "threadIdx.x < 100"), kind, 8, x)
    assert x.tolist() == [1, 1, 2, 6, 24, 120, 720, 5040]


@KINDS
def test_virtual_functions(kind):
    source = """struct Shape { __device__ virtual int area(int n) = 0; };
    struct Box : Shape { int a; __device__ int area(int n) override { return a * a + n; } };
    struct Bar : Shape { int a, b; __device__ int area(int n) override { return a * b - n; } };
    extern "C" __global__ void k(int* x) {
        int i = threadIdx.x;
        Box box; Bar bar; box.a = x[i]; bar.a = x[i]; bar.b = 2;
        Shape* shape = i % 2 ? (Shape*)&box : (Shape*)&bar;
        x[i] = shape->area(i);
    }"""
    x = np.arange(6, dtype=np.int32)
    run(source, kind, 6, x)
    assert x.tolist() == [0, 2, 2, 12, 4, 30]


@KINDS
def test_an_address_where_no_function_is_ends_the_run(kind):
    kernel = 'extern "C" __global__ void k(int* x, F f) { F g = x[0] ? twice : f; x[threadIdx.x] = g(1); }'
    with pytest.raises((EmulatorError, KernelError), match="trap"):
        run(FUNCTIONS + kernel, kind, 1, np.zeros(1, np.int32), np.int64(77))
