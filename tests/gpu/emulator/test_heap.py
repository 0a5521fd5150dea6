"""Memory that kernels take from malloc and give back with free."""

from pathlib import Path

import numpy as np
import pytest
from numba import cuda
from numba.cuda import config, memory_management

from kernels.gpu.emulator import EmulatorError, PtxError, load, load_checked
from kernels.gpu.emulator.heap import Heap
from kernels.gpu.interpreter import DataRace, KernelError, OutOfBounds
from tests.gpu.emulator.numba_ptx import run as run_of_numba
from tests.gpu.emulator.nvrtc import ptx

KINDS = pytest.mark.parametrize("kind", [load, load_checked])


def run(source, kind, blocks, threads, *values, name="k"):
    kernel = kind(ptx(source, "sm_80", "-lineinfo"), name)
    kernel.run((blocks, 1, 1), (threads, 1, 1), list(values))
    return kernel


SQUARES = """extern "C" __global__ void k(int* y) {
    int n = threadIdx.x + 1, *x = (int*)malloc(n * sizeof(int)), total = 0;
    for (int i = 0; i < n; i++) x[i] = i * i;
    __syncthreads();
    for (int i = 0; i < n; i++) total += x[i];
    y[blockIdx.x * blockDim.x + threadIdx.x] = total;
    free(x);
}"""


@KINDS
def test_each_thread_has_memory_of_its_own(kind):
    y = np.zeros(80, np.int32)
    kernel = run(SQUARES, kind, 2, 40, y)
    assert np.array_equal(y, np.tile(np.cumsum(np.arange(40) ** 2), 2))
    assert not kernel.heap.live


@KINDS
def test_a_list_is_linked_and_walked(kind):
    source = """struct Node { Node* next; int value; };
    extern "C" __global__ void k(int* y, int n) {
        Node* first = nullptr;
        for (int i = 0; i < n; i++) { Node* node = new Node; node->value = i; node->next = first; first = node; }
        int at = 0;
        while (first) { Node* next = first->next; y[at++] = first->value; delete first; first = next; }
    }"""
    y = np.zeros(9, np.int32)
    run(source, kind, 1, 1, y, 9)
    assert y.tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]


@KINDS
def test_it_stays_from_launch_to_launch(kind):
    source = """__device__ int* kept;
    extern "C" __global__ void k(int* y) {
        if (!kept) { kept = (int*)malloc(4); *kept = 40; }
        y[0] = ++*kept;
    }"""
    y = np.zeros(1, np.int32)
    for expected in (41, 42, 43):
        run(f"/* {kind.__name__} */ {source}", kind, 1, 1, y)
        assert y[0] == expected


@KINDS
def test_where_there_is_no_room_it_gives_a_null_pointer(kind):
    source = """extern "C" __global__ void k(long long* y, long long bytes) {
        y[0] = (long long)malloc(bytes);
        y[1] = malloc(100) != nullptr;
    }"""
    y = np.full(2, 7)
    run(source, kind, 1, 1, y, np.int64(2**40))
    assert y.tolist() == [0, 1]


@KINDS
@pytest.mark.parametrize("how", ["free(x); free(x);", "free(x + 1);", "free(y);"])
def test_what_was_not_given_cannot_be_given_back(kind, how, capsys):
    source = f'extern "C" __global__ void k(int* y) {{ int* x = (int*)malloc(40); y[0] = x != nullptr; {how} }}'
    with pytest.raises((EmulatorError, KernelError), match="trap"):
        run(source, kind, 1, 1, np.zeros(1, np.int32))
    assert "nothing that malloc gave begins there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("y[0] = x[10];", r"malloc\(40\)\[10\] is out of bounds for 10 elements"),
        ("x[-1] = 3;", r"malloc\(40\)\[-1\] is out of bounds for 10 elements"),
        ("free(x); y[0] = x[3];", r"freed malloc\(40\)\[3\] is out of bounds for 10 elements"),
    ],
)
def test_what_leaves_it_is_found(statement, problem):
    source = f'extern "C" __global__ void k(volatile int* y) {{ volatile int* x = (int*)malloc(40); {statement} }}'
    source = source.replace("free(x)", "free((void*)x)")
    with pytest.raises(OutOfBounds, match=problem):
        run(source, load_checked, 1, 1, np.zeros(1, np.int32))


def test_a_race_in_it_is_found_and_none_with_who_had_it_before():
    source = """extern "C" __global__ void k(int* y) {
        __shared__ int* box;
        if (threadIdx.x == 0) { box = (int*)malloc(40); box[3] = 1; }
        __syncthreads();
        if (threadIdx.x == THREAD) box[3] = 2;
        y[blockIdx.x * 32 + threadIdx.x] = box[3];
        __syncthreads();
        if (threadIdx.x == 0) free(box);
    }"""
    run(source.replace("THREAD", "99"), load_checked, 2, 32, np.zeros(64, np.int32))
    with pytest.raises(DataRace, match=r"malloc\(40\)\[3\]"):
        run(source.replace("THREAD", "5"), load_checked, 1, 32, np.zeros(32, np.int32))


def test_parts_are_used_again_when_all_is_taken():
    heap = Heap(np.zeros(256 * 6, np.uint8))
    parts = [heap.malloc(size) for size in (1, 256, 200)]
    assert [part - heap.address for part in parts] == [0, 512, 1024]
    assert heap.malloc(1) == 0
    assert heap.free(parts[1]) == heap.free(parts[0]) == heap.free(0) == 0
    assert [heap.malloc(7) - heap.address, heap.malloc(255) - heap.address] == [512, 0]
    assert heap.malloc(300) == 0
    assert heap.memory[512 : 512 + 7].tolist() == [255] * 7


def test_realloc_is_refused_by_name():
    source = """extern "C" __device__ void* realloc(void*, size_t);
    extern "C" __global__ void k(int** y) { y[0] = (int*)realloc(y[0], 40); }"""
    with pytest.raises(PtxError, match="call of realloc: a function that the text does not contain"):
        load(ptx(source, "sm_80", "--relocatable-device-code=true"))


def reversed_copies(x, y):
    i = cuda.grid(1)
    z = x.copy()
    for n in range(z.size):
        z[n] += i
    kept = z[::-1].copy() if i % 2 else z
    y[i] = kept[i]


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("optimised", [True, False])
def test_arrays_that_numba_makes_in_kernels(monkeypatch, checked, optimised):
    """By what it calls its runtime, C++ that counts references, with which it links such a kernel."""
    monkeypatch.setattr(config, "CUDA_ENABLE_NRT", True)
    folder = Path(memory_management.__file__).parent
    options = "--relocatable-device-code=true", f"--include-path={folder}"
    runtime = ptx((folder / "nrt.cu").read_text(), "sm_90", *options)
    x, y = np.arange(8.0), np.zeros(8)
    run_of_numba(reversed_copies, 2, 4, x, y, checked=checked, linked=[runtime], opt=optimised, debug=not optimised)
    i = np.arange(8)
    assert np.array_equal(y, np.where(i % 2, 7 - i, i) + i)
