"""Functions in CUDA C, compiled by NVRTC and linked to the kernel that calls them."""

import numpy as np
from numba import cuda

SOURCE = """
extern "C" __device__ int fused(float *result, float a, float x, float b)
{
    *result = fmaf(a, x, b);
    return 0;
}

extern "C" __device__ int gcd(int *result, int a, int b)
{
    while (b) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    *result = a;
    return 0;
}
"""
source = cuda.CUSource(SOURCE)
fused = cuda.declare_device("fused", "float32(float32, float32, float32)", link=source)
gcd = cuda.declare_device("gcd", "int32(int32, int32)", link=source)


@cuda.jit
def call(x, y, divisors):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = fused(x[i], x[i], np.float32(1))
        divisors[i] = gcd(i, 60)


x = np.linspace(-1, 1, 50, dtype=np.float32)
y, divisors = np.zeros_like(x), np.zeros(50, np.int32)
call[2, 32](x, y, divisors)
assert np.allclose(y, x * x + 1, rtol=1e-6)
assert np.array_equal(divisors, np.gcd(np.arange(50), 60))
print("calling C: 2 functions, 50 times")
