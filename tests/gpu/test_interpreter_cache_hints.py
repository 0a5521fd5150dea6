"""Loads and stores with cache hints: they are loads and stores, and looked at as such."""

import numpy as np
import pytest
from numba.cuda.cache_hints import ldcs as load_once

from kernels.gpu import cuda, kernel
from kernels.gpu.interpreter import OutOfBounds
from tests.gpu.alike import assert_alike


@kernel
def hinted(x, m, y, z):
    i = cuda.threadIdx.x
    total = cuda.ldca(x, i) + cuda.ldcg(x, i + 1) + load_once(x, i) + cuda.ldlu(m, (i, i)) + cuda.ldcv(x, 0)
    cuda.stcg(y, (i, i), x[0] + total)
    cuda.stcs(z, i, total)
    cuda.stwb(z, i + 4, x[i])
    cuda.stwt(z, i + 8, x[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int64])
def test_they_load_and_store(dtype):
    x, m = np.arange(5).astype(dtype), np.arange(16).reshape(4, 4).astype(dtype)
    (_, _, y, z) = assert_alike(hinted, x, m, np.zeros((4, 4), dtype), np.zeros(12, dtype), block=4)
    assert y.diagonal().tolist() == z[:4].tolist() == [n + n + 1 + n + 5 * n for n in range(4)]
    assert z[4:].tolist() == [0, 1, 2, 3, 1, 1, 1, 1]


def test_an_access_outside_is_found():
    with pytest.raises(OutOfBounds, match=r"x\[4\] is out of bounds"):
        hinted[1, 4](np.ones(4), np.ones((4, 4)), np.zeros((4, 4)), np.zeros(12)).interpret(checked=True)
