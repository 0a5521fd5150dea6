"""Blocks that wait for each other in checked mode: they get their turns, and what is in no order is found."""

import numpy as np
import pytest
from numba import cuda

from kernels.gpu.emulator import Endless, load_checked
from kernels.gpu.interpreter import BarrierDivergence, DataRace, KernelError, Uninitialised
from tests.gpu.emulator import test_grid, test_waiting
from tests.gpu.emulator.numba_ptx import run as run_of_numba
from tests.gpu.emulator.nvrtc import ptx

SEEDS = pytest.mark.parametrize("seed", [None, 1, 2])


def run(source, blocks, threads, *values, seed=None):
    text = (
        ptx(source, "sm_80", "-lineinfo") + f"// {seed}\n"
    )  # its own: a run that is refused leaves variables as they are
    load_checked(text).run((blocks, 1, 1), (threads, 1, 1), list(values), seed=seed)


def refused(kind, *how, seed=None, runs=run):
    with pytest.raises(KernelError) as caught:
        runs(*how, seed=seed)
    assert type(caught.value) is kind, str(caught.value)
    return str(caught.value)


def rolled(x, rounds):
    for _ in range(rounds):
        x = (np.roll(x, -1) + np.roll(x, 1)) / 2
    return x


@SEEDS
def test_a_barrier_of_the_grid_made_of_atomics_and_fences(seed):
    x = np.random.default_rng(1).standard_normal(6 * 64).astype(np.float32)
    y, z = np.zeros_like(x), np.zeros_like(x)
    run(test_waiting.GRID, 6, 64, x, y, z, 5, seed=seed)
    assert np.array_equal(y, rolled(x, 5))


@SEEDS
def test_without_the_fence_before_it_others_read_what_may_not_be_written(seed):
    source = test_waiting.GRID.replace("now = turn;\n        __threadfence();", "now = turn;")
    assert source != test_waiting.GRID
    x = np.zeros(6 * 64, np.float32)
    assert "blocks run in any order" in refused(DataRace, source, 6, 64, x, x.copy(), x.copy(), 2, seed=seed)


@SEEDS
@pytest.mark.parametrize(("blocks", "threads"), [(1, 32), (6, 64), (33, 7)])
def test_the_barrier_of_cooperative_groups(seed, blocks, threads):
    x = np.random.default_rng(1).standard_normal(blocks * threads)
    expected = rolled(x, 5)
    run_of_numba(test_grid.neighbours, blocks, threads, x, np.zeros_like(x), 5, checked=True, how={"seed": seed})
    assert np.array_equal(x, expected)


def one_barrier_short(x, y, rounds):
    grid, i = cuda.cg.this_grid(), cuda.grid(1)
    for _ in range(rounds):
        y[i] = (x[(i + 1) % x.size] + x[i - 1]) / 2
        grid.sync()
        x[i] = y[i]


@SEEDS
@pytest.mark.parametrize(("blocks", "threads"), [(2, 32), (6, 64), (1, 32)])
def test_one_that_is_left_out_is_missed(seed, blocks, threads):
    def runs(*how, seed):
        run_of_numba(one_barrier_short, blocks, threads, *how, checked=True, how={"seed": seed})

    x = np.zeros(blocks * threads)
    refused(DataRace, x, np.zeros_like(x), 2, seed=seed, runs=runs)


def test_one_that_a_thread_misses_is_said():
    def runs(*how, seed):
        run_of_numba(test_grid.not_all, 3, 4, *how, checked=True)

    said = refused(BarrierDivergence, np.zeros(12), 0, runs=runs)
    assert "cudaCGSynchronize waits for" in said


HANDED_ON = """extern "C" __global__ void k(volatile int* flags, int* values, int step) {
    int at = blockIdx.x, from = at - step, i = threadIdx.x, before = 0;
    if (from >= 0 && from < gridDim.x) {
        if (i == 0) while (!flags[from]) {}
        __syncthreads();
        before = values[from * blockDim.x + i];
    }
    values[at * blockDim.x + i] = before + at;
    __syncthreads();
    if (i == 0) { __threadfence(); flags[at] = 1; }
}"""


@SEEDS
@pytest.mark.parametrize("step", [1, -1])
def test_blocks_hand_values_on_in_either_direction(seed, step):
    flags, values = np.zeros(20, np.int32), np.zeros((20, 40), np.int32)
    run(HANDED_ON, 20, 40, flags, values, step, seed=seed)
    assert np.array_equal(values, np.repeat(np.cumsum(np.arange(20)[::step])[::step], 40).reshape(20, 40))


@SEEDS
@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("left_out", ["__threadfence();", "if (i == 0) while (!flags[from]) {}"])
def test_without_the_fence_or_the_wait_that_is_a_race(seed, step, left_out):
    source = HANDED_ON.replace(left_out, "")
    said = refused(DataRace, source, 20, 40, np.zeros(20, np.int32), np.zeros((20, 40), np.int32), step, seed=seed)
    assert "values" in said or "k_param_1" in said


LOOK_BACK = """extern "C" __global__ void k(const int* x, int* y, volatile int* states, int* sums, int* ticket) {
    __shared__ int own[64], at, before;
    int i = threadIdx.x;
    if (i == 0) at = atomicAdd(ticket, 1);
    __syncthreads();
    own[i] = x[at * 64 + i];
    for (int step = 1; step < 64; step *= 2) {
        __syncthreads();
        int other = i >= step ? own[i - step] : 0;
        __syncthreads();
        own[i] += other;
    }
    __syncthreads();
    if (i == 0) {
        sums[2 * at] = own[63];
        __threadfence();
        states[at] = 1;
        before = 0;
        for (int from = at - 1; from >= 0; from--) {
            int state;
            while ((state = states[from]) == 0) {}
            __threadfence();
            before += sums[2 * from + state - 1];
            if (state == 2) break;
        }
        sums[2 * at + 1] = before + own[63];
        FENCE
        states[at] = 2;
    }
    __syncthreads();
    y[at * 64 + i] = before + own[i];
}"""


@SEEDS
def test_a_scan_that_looks_back_at_the_blocks_before(seed):
    x = np.random.default_rng(2).integers(-9, 9, 30 * 64).astype(np.int32)
    y = np.zeros_like(x)
    memory = np.zeros(30, np.int32), np.zeros(60, np.int32), np.zeros(1, np.int32)
    run(LOOK_BACK.replace("FENCE", "__threadfence();"), 30, 64, x, y, *memory, seed=seed)
    assert np.array_equal(y, np.cumsum(x))


@SEEDS
def test_a_scan_that_lacks_a_fence_is_a_race(seed):
    x = np.zeros(30 * 64, np.int32)
    memory = np.zeros(30, np.int32), np.zeros(60, np.int32), np.zeros(1, np.int32)
    refused(DataRace, LOOK_BACK.replace("FENCE", ""), 30, 64, x, x.copy(), *memory, seed=seed)


KEPT = """extern "C" __global__ void k(volatile int* flag, int* y) {
    __shared__ int box[64];
    int own[4], i = threadIdx.x;
    for (int n = 0; n < 4; n++) own[(i + n) % 4] = n;
    box[i] = blockIdx.x * 64 + i;
    MEET
    if (blockIdx.x < gridDim.x - 1) { if (i == 0) while (*flag != blockIdx.x + 1) {} }
    __syncthreads();
    y[blockIdx.x * 64 + i] = box[READ] * 10 + own[y[blockIdx.x * 64 + i]];
    __syncthreads();
    if (i == 0) { __threadfence(); *flag = blockIdx.x; }
}"""


@SEEDS
def test_shared_and_local_memory_are_those_of_the_block_when_it_goes_on(seed):
    flag, y = np.full(1, -1, np.int32), np.random.default_rng(3).integers(0, 4, 5 * 64).astype(np.int32)
    i = np.arange(5 * 64)
    expected = (i // 64 * 64 + 63 - i % 64) * 10 + (y - i) % 4
    run(KEPT.replace("READ", "63 - i").replace("MEET", ""), 5, 64, flag, y, seed=seed)
    assert np.array_equal(y, expected)


def test_what_a_parked_block_has_not_written_is_unwritten_still():
    source = KEPT.replace("box[i] =", "if (i != 5) box[i] =").replace("READ", "63 - i").replace("MEET", "")
    said = refused(Uninitialised, source, 5, 64, np.full(1, -1, np.int32), np.zeros(5 * 64, np.int32))
    assert "block (4, 0, 0)" in said


def test_a_race_within_a_block_is_found_beyond_its_slices_of_time():
    """Lane 32 reads what lane 0 wrote before it waited for another block, and nothing is between them."""
    source = """extern "C" __global__ void k(volatile int* flag, int* y) {
        int b = blockIdx.x, i = threadIdx.x;
        if (i == 0) y[b] = 1;
        if (b == 0) while (!flag[0]) {}
        if (i == 32) y[b + 2] = y[b];
        if (b == 1 && i == 0) { __threadfence(); flag[0] = 1; }
    }"""
    assert "thread (0, 0, 0)" in refused(DataRace, source, 2, 64, np.zeros(1, np.int32), np.zeros(4, np.int32))


def test_what_nobody_writes_is_said_with_those_who_wait():
    source = """extern "C" __global__ void k(volatile int* flag, int* y) {
        if (blockIdx.x == 0 && threadIdx.x < 3) while (!*flag) {}
        __syncthreads();
        y[threadIdx.x] = 1;
    }"""
    said = refused(Endless, source, 1, 40, np.zeros(1, np.int32), np.zeros(40, np.int32))
    assert "waits for memory that nobody writes; of the other threads 37 wait at bar" in said
