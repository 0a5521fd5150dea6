"""Products on tensor cores as CUDA programmers write them: cp.async into one buffer while the other is multiplied."""

import numpy as np
import pytest

from tests.gpu.emulator.test_nvrtc import ARCHITECTURES, run

COPY = """
typedef unsigned int u32;
template <typename T> __device__ u32 place(const T* p) { return (u32)__cvta_generic_to_shared(p); }
__device__ void copy(const void* to, const void* from, bool inside) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place((const char*)to)), "l"(from),
                 "r"(inside ? 16 : 0));
}
__device__ void commit() { asm volatile("cp.async.commit_group;"); }
template <int PENDING> __device__ void wait() { asm volatile("cp.async.wait_group %0;" ::"n"(PENDING)); }
__device__ void rows(u32 (&r)[4], const void* from) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(place((const char*)from)));
}
__device__ void columns(u32 (&r)[4], const void* from) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(place((const char*)from)));
}
__device__ void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.SHAPE.row.col.f32.KIND.KIND.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
"""

# C (M, N) = A (M, K) B (K, N), a tile of 64 x 64 a block of four warps; K and N are multiples of 8.
HALVES = """
typedef unsigned short T;
__shared__ __align__(16) T a[2][64][40], b[2][32][72];  // 8 more a row: no two rows of a matrix in the same banks
__device__ void load(int n, const T* A, const T* B, int M, int N, int K, int k) {
    for (int i = threadIdx.x; i < 256; i += 128) {
        int row = blockIdx.y * 64 + i / 4, column = k + i % 4 * 8;
        copy(&a[n][i / 4][i % 4 * 8], A + row * K + column, row < M && column < K);
        row = k + i / 8, column = blockIdx.x * 64 + i % 8 * 8;
        copy(&b[n][i / 8][i % 8 * 8], B + row * N + column, row < K && column < N);
    }
    commit();
}
extern "C" __global__ void k(const T* A, const T* B, float* C, int M, int N, int K) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, top = warp / 2 * 32, left = warp % 2 * 32;
    float c[2][4][4] = {};
    load(0, A, B, M, N, K, 0);
    for (int k = 0, n = 0; k < K; k += 32, n ^= 1) {
        if (k + 32 < K) { load(n ^ 1, A, B, M, N, K, k + 32); wait<1>(); } else { WAIT }
        __syncthreads();
        for (int s = 0; s < 32; s += 16) {
            u32 of_a[2][4], of_b[2][4];
            for (int i = 0; i < 2; i++) {
                rows(of_a[i], &a[n][top + i * 16 + lane % 16][s + lane / 16 * 8]);
                columns(of_b[i], &b[n][s + lane % 16][left + i * 16 + lane / 16 * 8]);
            }
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < 4; j++)
                    multiply(c[i][j], of_a[i], of_b[j / 2][j % 2 * 2], of_b[j / 2][j % 2 * 2 + 1]);
        }
        __syncthreads();
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
            for (int e = 0; e < 4; e++) {
                int row = blockIdx.y * 64 + top + i * 16 + lane / 4 + e / 2 * 8;
                int column = blockIdx.x * 64 + left + j * 8 + lane % 4 * 2 + e % 2;
                if (row < M && column < N) C[row * N + column] = c[i][j][e];
            }
}
"""

# B as its transpose (N, K), so that ldmatrix, which moves 16 bits twice, gives whole 32-bit elements of both.
SINGLES = """
__shared__ __align__(16) float a[2][32][20], b[2][32][20];
__device__ void load(int n, const float* A, const float* B, int M, int N, int K, int k) {
    int row = threadIdx.x / 4, column = threadIdx.x % 4 * 4, y = blockIdx.y * 32 + row, x = blockIdx.x * 32 + row;
    copy(&a[n][row][column], A + y * K + k + column, y < M && k + column < K);
    copy(&b[n][row][column], B + x * K + k + column, x < N && k + column < K);
    commit();
}
extern "C" __global__ void k(const float* A, const float* B, float* C, int M, int N, int K) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, top = warp / 2 * 16, left = warp % 2 * 16;
    float c[2][4] = {};
    load(0, A, B, M, N, K, 0);
    for (int k = 0, n = 0; k < K; k += 16, n ^= 1) {
        if (k + 16 < K) { load(n ^ 1, A, B, M, N, K, k + 16); wait<1>(); } else { WAIT }
        __syncthreads();
        for (int s = 0; s < 16; s += 8) {
            u32 of_a[4], of_b[4];
            rows(of_a, &a[n][top + lane % 16][s + lane / 16 * 4]);
            rows(of_b, &b[n][left + lane % 8 + lane / 16 * 8][s + lane / 8 % 2 * 4]);
            for (int j = 0; j < 2; j++) multiply(c[j], of_a, of_b[2 * j], of_b[2 * j + 1]);
        }
        __syncthreads();
    }
    for (int j = 0; j < 2; j++)
        for (int e = 0; e < 4; e++) {
            int row = blockIdx.y * 32 + top + lane / 4 + e / 2 * 8;
            int column = blockIdx.x * 32 + left + j * 8 + lane % 4 * 2 + e % 2;
            if (row < M && column < N) C[row * N + column] = c[j][e];
        }
}
"""


def program(body, shape, kind, waits=True):
    text = (COPY + body).replace("SHAPE", shape).replace("KIND", kind)
    return text.replace("WAIT", "wait<0>();" if waits else "")


def cut(x, bits):
    """float32 without its lowest bits."""
    return (x.view(np.uint32) >> bits << bits).view(np.float32)


def random(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_product(C, A, B):
    exact = A.astype(float) @ B.astype(float)
    assert np.all(np.abs(C - exact) <= 1e-6 * (np.abs(A).astype(float) @ np.abs(B).astype(float)))


@ARCHITECTURES
@pytest.mark.parametrize("kind", ["f16", "bf16"])
@pytest.mark.parametrize(("M", "N", "K"), [(64, 64, 32), (100, 72, 88), (65, 136, 200)])
def test_a_product_of_halves(architecture, kind, M, N, K):
    A, B, C = random((M, K), 1), random((K, N), 2), np.zeros((M, N), np.float32)
    if kind == "f16":
        a, b = A.astype(np.float16), B.astype(np.float16)
        A, B = a.astype(np.float32), b.astype(np.float32)
    else:
        A, B = cut(A, 16), cut(B, 16)
        a, b = ((x.view(np.uint32) >> 16).astype(np.uint16) for x in (A, B))
    run(program(HALVES, "m16n8k16", kind), architecture, (-(-N // 64), -(-M // 64)), 128, a, b, C, M, N, K)
    assert_product(C, A, B)


@ARCHITECTURES
@pytest.mark.parametrize(("M", "N", "K"), [(32, 32, 16), (45, 70, 36)])
def test_a_product_in_tf32(architecture, M, N, K):
    """The lowest 13 bits are not read."""
    A, B, C = random((M, K), 1), random((N, K), 2), np.zeros((M, N), np.float32)
    run(program(SINGLES, "m16n8k8", "tf32"), architecture, (-(-N // 32), -(-M // 32)), 128, A, B, C, M, N, K)
    assert_product(C, cut(A, 13), cut(B, 13).T)
    assert not np.allclose(C, A @ B.T, rtol=1e-6, atol=1e-6)


def test_who_does_not_wait_for_the_last_copies_multiplies_what_was_there_before():
    A, B, C = random((64, 32), 1), random((32, 64), 2), np.zeros((64, 64), np.float32)
    a, b = A.astype(np.float16), B.astype(np.float16)
    run(program(HALVES, "m16n8k16", "f16", waits=False), "sm_80", 1, 128, a, b, C, 64, 64, 32)
    assert np.all(np.isnan(C))  # memory that nobody wrote
