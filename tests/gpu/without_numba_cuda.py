"""What a process does in which numba-cuda cannot be imported, see test_without_numba_cuda.py.

numba.cuda, which the kernels of this project name, is there an older one that comes with Numba.
"""

import math
import sys

import numpy as np
import pytest

from kernels.commands.targets import Target
from kernels.gpu import cuda, float32, int32, kernel
from kernels.gpu.interpreter import Unsupported
from tests.helpers.cases import small
from tests.helpers.checks import assert_close
from tests.helpers.operations import WITH_LADDERS


def loaded():
    """What is loaded of numba.cuda, whichever it is. The package itself is there, without contents."""
    return [name for name in sys.modules if name.startswith(("numba.cuda.", "numba_cuda"))]


def rungs():
    """Every rung of every operation, on a small case."""
    for name, operation in WITH_LADDERS.items():
        for direction in operation.directions:
            for rung in Target(operation, direction).rungs:
                yield operation, direction, rung, small(name, direction, rung, tiny=True, most=1)[0]


def check_operations():
    for operation, direction, rung, case in rungs():
        saved = () if direction == "forward" else (case.saved,)
        got = getattr(case.trial, direction)("interpret", *saved, rung=rung, tiny=True)
        assert_close(got, getattr(case, direction), operation.tolerance)


@kernel
def histogram(x, counts, y, *, BINS=8):
    """Shared memory, a warp intrinsic, atomics, functions of math and of numba.cuda."""
    bins = cuda.shared.array(BINS, int32)
    i = cuda.grid(1)
    if cuda.threadIdx.x < BINS:
        bins[cuda.threadIdx.x] = 0
    cuda.syncthreads()
    cuda.atomic.add(bins, int(x[i] * BINS), 1)
    cuda.syncthreads()
    if cuda.threadIdx.x < BINS:
        cuda.atomic.add(counts, cuda.threadIdx.x, bins[cuda.threadIdx.x])
    neighbour = cuda.shfl_xor_sync(0xFFFFFFFF, x[i], 1)
    y[i] = cuda.fma(float32(2), math.sqrt(max(x[i], neighbour)), cuda.popc(i)) if i % 3 else np.hypot(x[i], 1)


def check_a_kernel():
    x = np.random.default_rng(0).random(64, np.float32)
    for checked in (True, False):
        counts, y = np.zeros(8, np.int32), np.zeros(64, np.float32)
        histogram[2, 32](x, counts, y).interpret(checked=checked)
        i, larger = np.arange(64), np.maximum(x, x.reshape(-1, 2)[:, ::-1].reshape(-1))
        expected = np.where(i % 3, 2 * np.sqrt(larger) + np.bitwise_count(i), np.hypot(x, 1))
        np.testing.assert_array_equal(counts, np.histogram(x, 8, (0, 1))[0])
        np.testing.assert_allclose(y, expected, rtol=1e-6)


@kernel
def transposed(x, y):
    for row in x.T:
        y[0] += row[0]


def check_a_refusal():
    with pytest.raises(Unsupported) as caught:
        transposed[1, 1](np.ones((2, 2), np.float32), np.zeros(1, np.float32)).interpret()
    problem = "array(float32, 2d, C).T needs numba-cuda to be typed: pip install numba-cuda"
    assert str(caught.value).startswith(f"transposed: {problem}, at ")


def main():
    assert not loaded()
    check_a_kernel()
    check_operations()
    assert not loaded()
    check_a_refusal()
