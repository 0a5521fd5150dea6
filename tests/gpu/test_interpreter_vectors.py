"""CUDA's vector types in a kernel, as float32x4: made, read, chosen and handed on, as compiled and bit by bit."""

import numpy as np
import pytest
from numba import cuda as numba_cuda

from kernels.gpu import cuda, float32, float64
from kernels.gpu.interpreter import Unsupported
from tests.gpu.alike import assert_alike, kernel_from

swapped = numba_cuda.jit(device=True)(lambda v: cuda.float32x2(v.y, v.x))
NAMES = {"cuda": cuda, "f3": cuda.float32x3, "swapped": swapped, "float64": float64, "float32": float32}
X = np.random.default_rng(7).normal(size=4)

LINES = [
    "v = cuda.float32x4(1, 2.5, x[0], i[0]); y[0] = v.x + v.w * v.z",
    "v = cuda.float4(1, 2, 3, 4); y[0] = v.y",
    "v = f3(x[0], cuda.float32x2(x[1], x[2])); y[0] = v.z",
    "v = f3(cuda.int32x1(3).x, f3(x[0], 1, 2).y, x[2]); y[0] = v.z",
    "v = cuda.int32x2(i[0], i[1]); y[0] = v.x",
    "v = cuda.uint8x4(300, 2, 3, i[0]); y[0] = v.x + v.w",
    "v = swapped(cuda.float32x2(x[0], x[1])); y[0] = v.x",
    "t = (cuda.float32x2(1, 2), 3); y[0] = t[0].x + t[1]",
    "v = cuda.float64x2(1, 2)\n    w = cuda.float64x2(3, 4)\n    z = v if x[0] > 0 else w\n    y[0] = z.x",
    "v = cuda.float32x2(1, 2)\n    for k in range(3): v = cuda.float32x2(v.y, v.x + x[k])\n    y[0] = v.x",
    "y[0] = cuda.float32(x[0])",
]


@pytest.mark.parametrize("line", LINES)
def test_a_vector_is_what_it_is_compiled(line):
    assert_alike(kernel_from(f"def f(x, i, y):\n    {line}\n", **NAMES), X, np.arange(250, 254), np.zeros(1), rtol=0.0)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("v = f3(x[0])", r"float32x3\(float64\) is not supported by Numba"),
        ("v = cuda.float32x2(1, 2)[0]", r"float32x2\(float32, float32\) has no elements: its parts are x, y"),
        ("v = cuda.float32x2(1, 2) + cuda.float32x2(1, 2)", r"add\(float32x2, float32x2\) is not supported by Numba"),
        ("y[0] = cuda.float32x2(1, 2).z", "has no attribute z: its fields are x, y"),
        ("a, b = cuda.float32x2(1, 2)", "does not unpack into 2 variables"),
        ("y[0] = len(cuda.float32x2(1, 2))", "kernels take the length of arrays and tuples"),
        ("y[0] = max(cuda.float32x2(1, 2))", "where a number is needed"),
        ("for v in cuda.float32x2(1, 2): y[0] = v", "a loop goes over range"),
        ("v = f3(x=1, y=2, z=3)", "takes no keyword arguments"),
    ],
)
def test_what_numba_has_not_of_vectors_is_refused(line, says):
    with pytest.raises(Unsupported, match=says):
        kernel_from(f"def f(x, i, y):\n    {line}\n", **NAMES)[1, 1](X, np.arange(4), np.zeros(1)).interpret()
