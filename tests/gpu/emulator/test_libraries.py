"""The C++ libraries that come with CUDA: cooperative groups, pipelines, libcu++'s atomics and barriers."""

import numpy as np
import pytest

from kernels.gpu.emulator import PtxError, load
from tests.gpu.emulator.test_nvrtc import ARCHITECTURES, run
from tests.gpu.emulator.written import kernel

SEEDS = pytest.mark.parametrize("seed", [None, 1])


@ARCHITECTURES
@SEEDS
def test_cooperative_groups(architecture, seed):
    source = """#include <cooperative_groups.h>
    #include <cooperative_groups/reduce.h>
    namespace cg = cooperative_groups;
    extern "C" __global__ void k(const int* x, int* y) {
        auto block = cg::this_thread_block();
        auto warp = cg::tiled_partition<32>(block);
        auto quad = cg::tiled_partition<4>(warp);
        int v = x[block.thread_rank()], *out = y + block.thread_rank() * 4;
        out[0] = cg::reduce(warp, v, cg::plus<int>());
        out[1] = cg::reduce(quad, v, cg::greater<int>());
        block.sync();
        out[2] = out[3] = -1;
        if (v % 2) {
            auto odd = cg::coalesced_threads();
            out[2] = odd.num_threads() * 100 + odd.thread_rank();
            out[3] = odd.shfl(v, 0);
        }
    }"""
    x, y = np.random.default_rng(8).integers(0, 100, 64).astype(np.int32), np.zeros((64, 4), np.int32)
    run(source, architecture, 1, 64, x, y, seed=seed)
    for warp, out in zip(x.reshape(2, 32), y.reshape(2, 32, 4), strict=True):
        odd = warp % 2 == 1
        rank = np.cumsum(odd) - 1
        assert np.all(out[:, 0] == warp.sum())
        assert np.array_equal(out[:, 1], np.repeat(warp.reshape(8, 4).max(1), 4))
        assert np.array_equal(out[:, 2], np.where(odd, odd.sum() * 100 + rank, -1))
        assert np.array_equal(out[:, 3], np.where(odd, warp[odd][0], -1))


@ARCHITECTURES
def test_a_pipeline_of_copies(architecture):
    source = """#include <cuda_pipeline.h>
    extern "C" __global__ void k(const int4* x, int4* y, int n) {
        __shared__ int4 s[3][64];
        for (int stage = 0; stage < 2; stage++) {
            __pipeline_memcpy_async(&s[stage][threadIdx.x], &x[stage * 64 + threadIdx.x], 16);
            __pipeline_commit();
        }
        for (int i = 0; i < n; i++) {
            if (i + 2 < n) __pipeline_memcpy_async(&s[(i + 2) % 3][threadIdx.x], &x[(i + 2) * 64 + threadIdx.x], 16);
            __pipeline_commit();
            __pipeline_wait_prior(2);
            __syncthreads();
            y[i * 64 + threadIdx.x] = s[i % 3][63 - threadIdx.x];
            __syncthreads();
        }
    }"""
    x = np.arange(7 * 64 * 4, dtype=np.int32).reshape(7, 64, 4)
    y = np.zeros_like(x)
    run(source, architecture, 1, 64, x, y, 7)
    assert np.array_equal(y, x[:, ::-1])


@ARCHITECTURES
@SEEDS
def test_atomics_of_the_standard_library(architecture, seed):
    """Released by a block that may run last, acquired by the others."""
    source = """#include <cuda/atomic>
    extern "C" __global__ void k(int* x, int* flag) {
        cuda::atomic_ref<int, cuda::thread_scope_device> f(*flag);
        if (blockIdx.x == 2) {
            x[4] = 5;
            f.store(1, cuda::memory_order_release);
        } else {
            while (f.load(cuda::memory_order_acquire) == 0) {}
            x[blockIdx.x] = x[4];
            f.fetch_add(3);
        }
    }"""
    x, flag = np.zeros(5, np.int32), np.zeros(1, np.int32)
    run(source, architecture, 4, 1, x, flag, seed=seed)
    assert x.tolist() == [5, 5, 0, 5, 5]
    assert flag[0] == 10


@ARCHITECTURES
@SEEDS
def test_barriers_of_the_standard_library(architecture, seed):
    """Half of the threads drop out after the first round."""
    source = """#include <cuda/barrier>
    extern "C" __global__ void k(const float* x, float* y) {
        __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
        __shared__ float s[64];
        if (threadIdx.x == 0) init(&barrier, blockDim.x);
        __syncthreads();
        s[threadIdx.x] = x[threadIdx.x];
        auto token = barrier.arrive();
        float own = x[threadIdx.x] * 2;
        barrier.wait(std::move(token));
        if (threadIdx.x >= 32) { y[threadIdx.x] = own; barrier.arrive_and_drop(); return; }
        for (int round = 0; round < 3; round++) {
            float v = s[63 - threadIdx.x] + s[(threadIdx.x + 1) % 32];
            barrier.arrive_and_wait();
            s[threadIdx.x] = v;
            barrier.arrive_and_wait();
        }
        y[threadIdx.x] = s[threadIdx.x];
    }"""
    x, y = np.random.default_rng(9).standard_normal(64).astype(np.float32), np.zeros(64, np.float32)
    run(source, architecture, 1, 64, x, y, seed=seed)
    s = x.copy()
    for _ in range(3):
        s[:32] = s[32:][::-1] + np.roll(s[:32], -1)
    assert np.array_equal(y, np.concatenate([s[:32], x[32:] * 2]))


def test_copies_that_arrive_at_a_barrier():
    """Each thread copies a word of its neighbour, and the phase is over when all have come."""
    body = """
mov.u32 %r1, barrier; mov.u32 %r2, words;
setp.eq.u32 %p1, %r0, 0;
@%p1 mbarrier.init.shared.b64 [%r1], 40;
bar.sync 0;
shl.b32 %r3, %r0, 2; add.u32 %r4, %r2, %r3; cvt.u64.u32 %rd10, %r3; add.u64 %rd11, %rd0, %rd10;
cp.async.ca.shared.global [%r4], [%rd11], 4;
cp.async.mbarrier.arrive.noinc.shared.b64 [%r1];
again:
mbarrier.try_wait.parity.shared.b64 %p2, [%r1], 0;
@!%p2 bra again;
sub.u32 %r5, 39, %r0; shl.b32 %r5, %r5, 2; add.u32 %r5, %r5, %r2;
ld.shared.u32 %r6, [%r5]; add.u64 %rd11, %rd1, %rd10; st.global.u32 [%rd11], %r6;
"""
    memory = ".shared .align 8 .b8 barrier[8]; .shared .align 16 .b8 words[160];"
    x, y = np.arange(40, dtype=np.uint32), np.zeros(40, np.uint32)
    load(kernel(body, 2, memory=memory)).run((1, 1, 1), (40, 1, 1), [x, y])
    assert np.array_equal(y, x[::-1])


@pytest.mark.parametrize("line", ["mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r1], 16;",
                                  "mbarrier.arrive.expect_tx.shared.b64 %rd1, [%r1], 16;"])  # fmt: skip
def test_bytes_that_a_barrier_waits_for_are_refused_by_name(line):
    with pytest.raises(PtxError, match=r"PTX line \d+: mbarrier.*: .expect_tx is not executed"):
        load(kernel(line, 0))
