"""Threads and blocks that wait for memory that others write: locks, flags, barriers of a grid; and those in vain."""

import numpy as np
import pytest
from numba import cuda

from kernels.gpu.emulator import EmulatorError, Endless, load, load_checked, together
from kernels.gpu.emulator.flow import blocks
from kernels.gpu.emulator.parser import parse
from kernels.gpu.emulator.spins import spins
from tests.gpu.emulator.numba_ptx import run as run_of_numba
from tests.gpu.emulator.nvrtc import ptx
from tests.gpu.emulator.test_nvrtc import ARCHITECTURES, run

SEEDS = pytest.mark.parametrize("seed", [None, 1, 2])

LOCK = """extern "C" __global__ void k(int* lock, int* total, int rounds) {
    for (int i = 0; i < rounds; i++) {
        while (atomicCAS(lock, 0, 1) != 0) {}
        __threadfence();
        int before = *(volatile int*)total;
        REST
        *(volatile int*)total = before + 1;
        __threadfence();
        atomicExch(lock, 0);
    }
}"""
# What lets others in between, if the lock does.
REST = "for (int n = 0; n < 3; n++) __nanosleep(10);"


@ARCHITECTURES
@SEEDS
@pytest.mark.parametrize("blocks", [1, 5])
def test_a_lock_lets_one_thread_in_at_a_time(architecture, seed, blocks):
    lock, total = np.zeros(1, np.int32), np.zeros(1, np.int32)
    run(LOCK.replace("REST", REST), architecture, blocks, 40, lock, total, 3, seed=seed)
    assert (lock[0], total[0]) == (0, blocks * 40 * 3)


def test_without_the_lock_additions_are_lost():
    lock, total = np.zeros(1, np.int32), np.zeros(1, np.int32)
    unlocked = LOCK.replace("REST", REST).replace("while (atomicCAS(lock, 0, 1) != 0) {}", "")
    run(unlocked, "sm_80", 5, 40, lock, total, 3)
    assert total[0] < 5 * 40 * 3


CHAIN = """extern "C" __global__ void k(volatile int* flags, volatile int* values, int step, int* order) {
    int at = blockIdx.x, from = at - step;
    if (from >= 0 && from < gridDim.x) while (!flags[from]) {}
    __threadfence();
    int before = from >= 0 && from < gridDim.x ? values[from] : 0;
    values[at] = before + at;
    __threadfence();
    flags[at] = 1;
}"""


@ARCHITECTURES
@SEEDS
@pytest.mark.parametrize("step", [1, -1])
def test_blocks_hand_a_value_on_in_either_direction(architecture, seed, step):
    flags, values = np.zeros(70, np.int32), np.zeros(70, np.int32)
    run(CHAIN, architecture, 70, 1, flags, values, step, np.zeros(1, np.int32), seed=seed)
    assert np.array_equal(values, np.cumsum(np.arange(70)[::step])[::step])


GRID = """__device__ unsigned arrived = 0;
__device__ volatile unsigned turn = 0;
__device__ void meet() {
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned now = turn;
        __threadfence();
        if (atomicAdd(&arrived, 1) == gridDim.x - 1) { arrived = 0; __threadfence(); turn = now + 1; }
        else while (turn == now) {}
    }
    __syncthreads();
}
extern "C" __global__ void k(const float* x, float* y, float* z, int rounds) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
    y[i] = x[i];
    for (int r = 0; r < rounds; r++) {
        meet();
        z[i] = (y[(i + 1) % n] + y[(i + n - 1) % n]) / 2;  // of other blocks as well
        meet();
        y[i] = z[i];
    }
}"""


@ARCHITECTURES
@SEEDS
def test_all_blocks_meet_at_a_barrier_of_the_grid(architecture, seed):
    x = np.random.default_rng(1).standard_normal(6 * 64).astype(np.float32)
    y, z = np.zeros_like(x), np.zeros_like(x)
    run(GRID, architecture, 6, 64, x, y, z, 5, seed=seed)
    for _ in range(5):
        x = (np.roll(x, -1) + np.roll(x, 1)) / 2
    assert np.array_equal(y, x)


@ARCHITECTURES
@SEEDS
def test_one_thread_polls_for_its_block(architecture, seed):
    """The loop goes round with all threads of the block, which meet at barriers and so never merely wait."""
    source = """extern "C" __global__ void k(volatile int* flag, int* y) {
        __shared__ int done;
        if (blockIdx.x == gridDim.x - 1) { if (!threadIdx.x) *flag = 7; return; }
        while (true) {
            if (!threadIdx.x) done = *flag;
            __syncthreads();
            if (done) break;
            __syncthreads();
        }
        y[blockIdx.x * blockDim.x + threadIdx.x] = done;
    }"""
    flag, y = np.zeros(1, np.int32), np.zeros(3 * 32, np.int32)
    run(source, architecture, 4, 32, flag, y, seed=seed)
    assert np.all(y == 7)


@ARCHITECTURES
def test_lanes_of_a_warp_wait_for_each_other(architecture):
    """In either direction, by memory of the block."""
    source = """extern "C" __global__ void k(int* y) {
        __shared__ volatile int next, back;
        if (!threadIdx.x) next = 0, back = blockDim.x - 1;
        __syncthreads();
        while (next != threadIdx.x) {}
        next = threadIdx.x + 1;
        while (back != threadIdx.x) {}
        back = threadIdx.x - 1;
        y[threadIdx.x] = next;
    }"""
    y = np.zeros(70, np.int32)
    run(source, architecture, 1, 70, y)
    assert np.all(y == 70)


def test_a_flag_that_nobody_sets_is_said_with_those_who_wait():
    source = """extern "C" __global__ void k(volatile int* flag, int* y) {
        if (blockIdx.x == 0 && threadIdx.x < 3) while (!*flag) {}
        __syncthreads();
        y[threadIdx.x] = 1;
    }"""
    problem = (
        r"k: block 0, thread 0: waits at ld.volatile.\w+.u32 \(PTX line \d+\) for memory that nobody writes; "
        r"of the other threads 37 wait at bar(rier)?.sync \(PTX line \d+\), 2 wait at ld.volatile.\w+.u32 \(PTX"
    )
    with pytest.raises(EmulatorError, match=problem):
        run(source, "sm_80", 2, 40, np.zeros(1, np.int32), np.zeros(40, np.int32))


def test_a_lock_that_is_never_given_back_is_said():
    source = 'extern "C" __global__ void k(int* lock) { while (atomicCAS(lock, 0, 1)) {} }'
    with pytest.raises(EmulatorError, match=r"k: block 0, thread 1: waits at atom.*cas.*for memory that nobody writes"):
        run(source, "sm_80", 3, 32, np.zeros(1, np.int32))


def test_memory_of_the_block_that_nobody_writes_is_said_too():
    source = """extern "C" __global__ void k() {
        __shared__ volatile int flag;
        if (!threadIdx.x) flag = 0;
        __syncthreads();
        while (flag != threadIdx.x) {}
    }"""
    with pytest.raises(EmulatorError, match=r"k: block 0, thread 1: waits at ld.*for memory that nobody writes"):
        run(source, "sm_80", 1, 64)


FOREVER = """extern "C" __global__ void k(volatile int* flag, int rounds) {
    for (int n = 0; n != rounds; n++) { MEET if (blockIdx.x && threadIdx.x == 3) flag[1] = n; }
}"""


@pytest.mark.parametrize("meet", ["__syncthreads();", "__syncwarp();", "flag[2] = __shfl_sync(~0u, n, 1);"])
@pytest.mark.parametrize("kind", [load, load_checked])
def test_a_loop_in_which_threads_meet_for_ever_is_said(monkeypatch, kind, meet):
    """Beside the flag of another block, which is a reason to take turns, and none to go on for ever."""
    monkeypatch.setattr(together, "MEETINGS", 30_000)
    kernel = kind(ptx(FOREVER.replace("MEET", meet)))
    flag = np.zeros(3, np.int32)
    kernel.run((2, 1, 1), (64, 1, 1), [flag, 30_000])
    with pytest.raises((EmulatorError, Endless), match=r"^k: block \D*0.*, thread \D*0.*30,000 times.*PTX line \d+"):
        kernel.run((2, 1, 1), (64, 1, 1), [flag, 30_001])


def places(source):
    function = parse(ptx(source)).functions["k"]
    return [str(access).split(".")[0] for access in spins(blocks(function)).values()]


def test_only_loops_that_others_can_end_let_others_go_first():
    """The sum's loop reads memory, adds atomically, and ends by a count; that of the lock ends when others say."""
    source = """extern "C" __global__ void k(const int* x, int* y, int* lock, int n) {
        for (int i = threadIdx.x; i < n; i += blockDim.x) atomicAdd(y + x[i] % 16, 1);
        LOCK
    }"""
    assert places(source.replace("LOCK", "")) == []
    assert places(source.replace("LOCK", "while (atomicCAS(lock, 0, 1)) {}")) == ["atom"]


def wait_for_the_last(flag, y):
    if cuda.blockIdx.x == cuda.gridDim.x - 1:
        cuda.atomic.add(flag, 0, 1)
    else:
        while True:
            if cuda.atomic.add(flag, 0, 0) > 0:
                break
    y[cuda.grid(1)] = 1


def test_code_without_optimisation_waits_as_well():
    """It keeps what it has read on its stack."""
    flag, y = np.zeros(1, np.int32), np.zeros(9, np.int32)
    run_of_numba(wait_for_the_last, 3, 3, flag, y, debug=True, opt=False)
    assert np.all(y == 1)


def test_blocks_that_find_no_room_are_said(monkeypatch):
    """As on a GPU, where a block may wait for one that begins only when it has ended."""
    monkeypatch.setattr(together, "MEMORY", 1)  # two blocks have room whatever they take
    flags, values = np.zeros(70, np.int32), np.zeros(70, np.int32)
    run(CHAIN, "sm_80", 70, 1, flags, values, 1, np.zeros(1, np.int32))
    flags[:] = 0
    with pytest.raises(EmulatorError, match=r"block 0, .*nobody writes; .*68 blocks have not begun"):
        run(CHAIN, "sm_80", 70, 1, flags, values, -1, np.zeros(1, np.int32))
