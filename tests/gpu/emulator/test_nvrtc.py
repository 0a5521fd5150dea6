"""CUDA C++ that NVIDIA's compiler translates, executed by the CPU: PTX that neither Numba nor this project wrote."""

import numpy as np
import pytest

from kernels.gpu.emulator import EmulatorError, load
from tests.gpu.emulator.nvrtc import ptx

ARCHITECTURES = pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])


def run(source, architecture, grid, block, *values, name="k", shared_bytes=0, seed=None):
    """Launch a kernel of a program; a number is one along x."""
    kernel = load(ptx(source, architecture), name)
    grid, block = (((size,) if isinstance(size, int) else size) for size in (grid, block))
    kernel.run((*grid, 1, 1)[:3], (*block, 1, 1)[:3], list(values), shared_bytes, seed)


@ARCHITECTURES
def test_a_tree_in_shared_memory(architecture):
    source = """extern "C" __global__ void k(const float* x, float* y, int n) {
        __shared__ float part[256];
        float s = 0;
        for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) s += x[i];
        part[threadIdx.x] = s;
        __syncthreads();
        for (int d = blockDim.x / 2; d; d /= 2) {
            if (threadIdx.x < d) part[threadIdx.x] += part[threadIdx.x + d];
            __syncthreads();
        }
        if (!threadIdx.x) y[blockIdx.x] = part[0];
    }"""
    x, y = np.arange(1000, dtype=np.float32), np.zeros(3, np.float32)
    run(source, architecture, 3, 256, x, y, x.size)
    assert y.sum() == x.sum()


@ARCHITECTURES
def test_memory_that_the_launch_sizes(architecture):
    source = """extern "C" __global__ void k(const int* x, int* y) {
        extern __shared__ int turned[];
        turned[blockDim.x - 1 - threadIdx.x] = x[threadIdx.x];
        __syncthreads();
        y[threadIdx.x] = turned[threadIdx.x];
    }"""
    x, y = np.arange(100, dtype=np.int32), np.zeros(100, np.int32)
    run(source, architecture, 1, 100, x, y, shared_bytes=400)
    assert np.array_equal(y, x[::-1])


WARPS = """extern "C" __global__ void k(const unsigned* x, unsigned* y) {
    unsigned v = x[threadIdx.x], lane = threadIdx.x % 32, *out = y + threadIdx.x * 16;
    out[0] = __shfl_sync(~0u, v, (lane + 5) % 32);
    out[1] = __shfl_up_sync(~0u, v, 3, 8);
    out[2] = __shfl_down_sync(~0u, v, 3, 16);
    out[3] = __shfl_xor_sync(~0u, v, 9);
    out[4] = __ballot_sync(~0u, v & 1);
    out[5] = __all_sync(~0u, v < 2000);
    out[6] = __any_sync(~0u, v == 7);
    out[7] = __reduce_add_sync(~0u, v);
    out[8] = __reduce_max_sync(~0u, v);
    out[9] = __reduce_xor_sync(~0u, v);
    out[10] = __match_any_sync(~0u, v & 3);
    int alike;
    out[11] = __match_all_sync(~0u, v >> 31, &alike) + alike;
    out[12] = __match_all_sync(~0u, v, &alike) + alike;
    out[13] = __reduce_min_sync(~0u, (int)v - 1000);
    out[14] = lane < 12 ? __ballot_sync(0x00000fff, v & 2) : __ballot_sync(0xfffff000, v & 4);
    out[15] = __activemask();
}"""


@ARCHITECTURES
def test_intrinsics_of_warps(architecture):
    x = np.random.default_rng(3).integers(8, 2000, 64).astype(np.uint32)
    y = np.zeros((64, 16), np.uint32)
    run(WARPS, architecture, 1, 64, x, y)
    lane = np.arange(32)

    def bits(condition):
        return np.uint32(int((np.asarray(condition).astype(object) << lane).sum()))

    for v, out in zip(x.reshape(2, 32), y.reshape(2, 32, 16), strict=True):
        expected = np.zeros((32, 16), np.uint32)
        expected[:, 0] = v[(lane + 5) % 32]
        expected[:, 1] = np.where(lane % 8 < 3, v, v[lane - 3])
        expected[:, 2] = np.where(lane % 16 >= 13, v, v[(lane + 3) % 32])
        expected[:, 3] = v[lane ^ 9]
        expected[:, 4] = bits(v & 1)
        expected[:, 5] = np.all(v < 2000)
        expected[:, 6] = np.any(v == 7)
        expected[:, 7], expected[:, 8], expected[:, 9] = v.sum(), v.max(), np.bitwise_xor.reduce(v)
        expected[:, 10] = [bits((v & 3) == w & 3) for w in v]
        expected[:, 11] = 0  # all lanes, and one more: 2**32
        expected[:, 12] = 0
        expected[:, 13] = (v.astype(np.int64) - 1000).min() & 0xFFFFFFFF
        low = bits((v & 2 != 0) & (lane < 12))
        expected[:, 14] = np.where(lane < 12, low, bits((v & 4 != 0) & (lane >= 12)))
        expected[:, 15] = 0xFFFFFFFF
        assert np.array_equal(out, expected)


ATOMICS = """extern "C" __global__ void k(int* i, float* f, double* d, unsigned long long* u, const int* keys) {
    __shared__ int bins[32];
    __shared__ float halves;
    if (threadIdx.x < 32) bins[threadIdx.x] = 0;
    if (!threadIdx.x) halves = 0;
    __syncthreads();
    int key = keys[threadIdx.x + blockIdx.x * blockDim.x];
    atomicAdd(&bins[key % 32], 1);
    atomicAdd(&halves, 0.5f);
    __syncthreads();
    if (threadIdx.x < 32) atomicAdd(i + threadIdx.x, bins[threadIdx.x]);
    if (!threadIdx.x) atomicAdd(f, halves);
    atomicAdd(d, 0.25 * key);
    atomicMax(u, (unsigned long long)key << 32);
    atomicMin(i + 32, key);
    atomicOr(i + 33, 1 << key % 32);
    atomicXor(i + 34, key);
    atomicAnd(i + 35, ~(1 << key % 8));
    atomicSub(i + 36, key);
    atomicInc((unsigned*)i + 37, 6);
    atomicDec((unsigned*)i + 38, 5);
    // The largest float, by comparing and swapping.
    int* bits = (int*)(f + 1);
    int old = *bits, assumed;
    do {
        assumed = old;
        old = atomicCAS(bits, assumed, __float_as_int(fmaxf(__int_as_float(assumed), key * 0.125f)));
    } while (old != assumed);
}"""


@ARCHITECTURES
@pytest.mark.parametrize("seed", [None, 1])
def test_atomics(architecture, seed):
    keys = np.random.default_rng(4).integers(0, 1000, 3 * 96).astype(np.int32)
    i, f, d, u = np.zeros(39, np.int32), np.zeros(2, np.float32), np.zeros(1), np.zeros(1, np.uint64)
    i[32], i[35] = 9999, -1
    run(ATOMICS, architecture, 3, 96, i, f, d, u, keys, seed=seed)
    assert np.array_equal(i[:32], np.bincount(keys % 32, minlength=32))
    assert f.tolist() == [0.5 * keys.size, keys.max() * 0.125]
    assert d[0] == 0.25 * keys.sum()
    assert u[0] == int(keys.max()) << 32
    assert i[32] == keys.min()
    assert i[33] == np.bitwise_or.reduce(np.int32(1) << keys % 32)
    assert i[34] == np.bitwise_xor.reduce(keys)
    assert i[35] == np.bitwise_and.reduce(~(np.int32(1) << keys % 8))
    assert i[36] == -keys.sum()
    assert i[37] == keys.size % 7
    assert i[38] == -keys.size % 6


LAST = """__device__ unsigned tickets = 0;
__device__ float parts[64];
extern "C" __global__ void k(const float* x, float* y) {
    __shared__ bool last;
    float s = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (int d = 16; d; d /= 2) s += __shfl_down_sync(~0u, s, d);
    if (!threadIdx.x) {
        parts[blockIdx.x] = s;
        __threadfence();
        last = atomicInc(&tickets, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && !threadIdx.x) {
        float t = 0;
        for (int i = 0; i < gridDim.x; i++) t += ((volatile float*)parts)[i];
        *y = t;
    }
}"""


@ARCHITECTURES
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_last_block_adds_up_what_all_have_left(architecture, seed):
    x, y = np.arange(7 * 32, dtype=np.float32), np.zeros(1, np.float32)
    for _ in range(2):  # the ticket is back at 0
        y[:] = 0
        run(LAST, architecture, 7, 32, x, y, seed=seed)
        assert y[0] == x.sum()


@ARCHITECTURES
def test_variables_have_their_initial_values(architecture):
    source = """__constant__ int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
    __device__ double scale = 2.5;
    __device__ const char* words[2] = {"ab", "cd"};
    __device__ int calls;
    extern "C" __global__ void k(double* y, int* n) {
        y[threadIdx.x] = table[threadIdx.x & 7] * scale + words[threadIdx.x & 1][1];
        if (!threadIdx.x) *n = ++calls;
    }"""
    y, n = np.zeros(16), np.zeros(1, np.int32)
    run(source, architecture, 1, 16, y, n)
    table = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    assert np.array_equal(y, np.tile(table, 2) * 2.5 + np.tile([ord("b"), ord("d")], 8))
    assert n[0] >= 1
    before = n[0]
    run(source, architecture, 1, 16, y, n)
    assert n[0] == before + 1  # they live as long as the kernel


@ARCHITECTURES
def test_a_local_array_with_an_index_of_run_time(architecture):
    source = """extern "C" __global__ void k(const int* x, int* y, int n) {
        int count[16] = {};
        for (int i = 0; i < n; i++) count[x[threadIdx.x * n + i] & 15]++;
        for (int i = 0; i < 16; i++) y[threadIdx.x * 16 + i] = count[i];
    }"""
    x, y = np.random.default_rng(5).integers(0, 16, (40, 50)).astype(np.int32), np.zeros((40, 16), np.int32)
    run(source, architecture, 1, 40, x, y, 50)
    assert np.array_equal(y, [np.bincount(row, minlength=16) for row in x])


@ARCHITECTURES
def test_a_switch_and_functions_of_the_mathematical_library(architecture):
    source = """extern "C" __global__ void k(const int* x, float* y) {
        float v = x[threadIdx.x];
        switch (x[threadIdx.x]) {
            case 0: v = 1; break;
            case 1: v = sinf(v); break;
            case 2: v = expf(v); break;
            case 3: v = v * v; break;
            case 4: v = sqrtf(v); break;
            case 5: v = 1 / v; break;
            case 6: v = logf(v); break;
            case 7: v = powf(v, 1.5f); break;
            case 8: v = atan2f(v, 2); break;
            case 9: v = cosf(1e10f * v); break;  // its argument is reduced with a table in memory
            default: v = -v;
        }
        y[threadIdx.x] = v;
    }"""
    x, y = np.arange(-2, 12, dtype=np.int32), np.zeros(14, np.float32)
    run(source, architecture, 1, 14, x, y)
    far = np.cos(float(np.float32(1e10) * np.float32(9)))
    expected = [2, 1, 1, np.sin(1), np.exp(2), 9, 2, 0.2, np.log(6), 7**1.5, np.arctan2(8, 2), far, -10, -11]
    assert np.allclose(y, expected, rtol=1e-6)


@ARCHITECTURES
def test_a_table_of_branches(architecture):
    """NVRTC makes none of a switch, so it is written as PTX."""
    source = """extern "C" __global__ void k(const int* x, int* y) {
        int v;
        asm("{ table: .branchtargets first, second, third;\\n"
            "  brx.idx %1, table;\\n"
            "  first:  mov.u32 %0, 10; bra.uni behind;\\n"
            "  second: mov.u32 %0, 20; bra.uni behind;\\n"
            "  third:  mov.u32 %0, 30;\\n"
            "  behind: }" : "=r"(v) : "r"(x[threadIdx.x]));
        y[threadIdx.x] = v;
    }"""
    x, y = np.array([2, 0, 1, 1, 2], np.int32), np.zeros(5, np.int32)
    run(source, architecture, 1, 5, x, y)
    assert np.array_equal(y, 10 * (x + 1))


@ARCHITECTURES
def test_declarations_without_a_space(architecture):
    """As cuda_fp16.h writes them; names in braces are of those braces."""
    source = """extern "C" __global__ void k(const int* x, int* y) {
        int v;
        asm("{.reg.b32 t;\\n .reg.pred p;\\n setp.gt.s32 p, %1, 2;\\n mul.lo.s32 t, %1, 3;\\n @p neg.s32 t, t;\\n"
            "{.reg.b32 t; mov.b32 t, 7;} mov.b32 %0, t;}" : "=r"(v) : "r"(x[threadIdx.x]));
        y[threadIdx.x] = v;
    }"""
    x, y = np.arange(5, dtype=np.int32), np.zeros(5, np.int32)
    run(source, architecture, 1, 5, x, y)
    assert np.array_equal(y, np.where(x > 2, -3 * x, 3 * x))


@ARCHITECTURES
def test_templates_and_float64(architecture):
    source = """template <typename T> __device__ T twice(T x) { return x + x; }
    template <typename T, int N> struct Stack {
        T items[N]; int n = 0;
        __device__ void push(T x) { items[n++] = x; }
        __device__ T pop() { return items[--n]; }
    };
    extern "C" __global__ void k(const double* x, double* y, float* z) {
        Stack<double, 8> s;
        for (int i = 0; i < 8; i++) s.push(x[threadIdx.x * 8 + i]);
        double v = 0;
        while (s.n) v = sqrt(fabs(v)) / 3 + twice(s.pop());
        y[threadIdx.x] = exp(-v * v) + log1p(fabs(v));
        z[threadIdx.x] = twice((float)v);
    }"""
    x, y, z = np.random.default_rng(6).standard_normal((33, 8)), np.zeros(33), np.zeros(33, np.float32)
    run(source, architecture, 1, 33, x, y, z)
    v = np.zeros(33)
    for column in x.T[::-1]:
        v = np.sqrt(abs(v)) / 3 + 2 * column
    assert np.allclose(y, np.exp(-v * v) + np.log1p(abs(v)), rtol=1e-14)
    assert np.allclose(z, 2 * v, rtol=1e-6)


@ARCHITECTURES
def test_functions_that_are_called_with_structs(architecture):
    source = """__device__ __noinline__ float3 cross(float3 a, float3 b) {
        return float3{a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
    }
    extern "C" __global__ void k(const float3* a, const float3* b, float3* c) {
        c[threadIdx.x] = cross(cross(a[threadIdx.x], b[threadIdx.x]), a[threadIdx.x]);
    }"""
    assert "call" in ptx(source, architecture)
    a, b = np.random.default_rng(7).standard_normal((2, 20, 3)).astype(np.float32)
    c = np.zeros_like(a)
    run(source, architecture, 1, 20, a, b, c)
    assert np.allclose(c, np.cross(np.cross(a, b), a), rtol=1e-5, atol=1e-6)


@ARCHITECTURES
def test_functions_that_wait_inside(architecture):
    source = """__device__ __noinline__ float block_sum(float v) {
        __shared__ float parts[4];
        for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
        if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
        __syncthreads();
        v = parts[0] + parts[1] + parts[2] + parts[3];
        __syncthreads();
        return v;
    }
    extern "C" __global__ void k(const float* x, float* y) {
        float v = x[threadIdx.x], mean = block_sum(v) / 128;
        y[threadIdx.x] = v - mean + block_sum(mean);
    }"""
    x, y = np.arange(128, dtype=np.float32), np.zeros(128, np.float32)
    run(source, architecture, 1, 128, x, y)
    assert np.array_equal(y, x - 63.5 + 63.5 * 128)


@ARCHITECTURES
def test_a_trap_is_said(architecture):
    source = 'extern "C" __global__ void k(int* x) { if (x[threadIdx.x] < 0) __trap(); x[threadIdx.x] = 1; }'
    with pytest.raises(EmulatorError, match="k: block 0, thread 2: trap"):
        run(source, architecture, 1, 4, np.array([1, 2, -1, 3], np.int32))


@ARCHITECTURES
def test_lines_of_the_source_are_known_where_the_compiler_tells_them(architecture):
    """Those of functions that were inlined as well."""
    source = """__device__ void wait(volatile int* flag) {
        while (!*flag) {}
    }
    extern "C" __global__ void k(volatile int* flag) {
        wait(flag);
    }"""
    text = ptx(source, architecture, "-lineinfo")
    assert "inlined_at" in text
    with pytest.raises(EmulatorError, match=r"k: block 0, thread 0: waits at ld\S* \(PTX line \d+, kernel.cu:2\)"):
        load(text).run((1, 1, 1), (1, 1, 1), [np.zeros(1, np.int32)])
