"""Local and shared arrays lie at multiples of the alignment that a kernel asks for, in every thread and block."""

import numpy as np
import pytest
from numba import cuda

from tests.gpu.emulator.numba_ptx import run


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("align", [8, 16, 32, 64, 128, 256])
def test_arrays_lie_at_multiples_of_their_alignment(align, checked):
    def addresses(out):
        local = cuda.local.array(shape=3, dtype=np.float64, alignment=align)
        one, shared = cuda.shared.array(3, np.int8), cuda.shared.array(shape=3, dtype=np.float64, alignment=align)
        i = cuda.grid(1)
        t = cuda.threadIdx.x
        one[t] = local[0] = shared[t] = 0
        out[i, 0], out[i, 1] = local.ctypes.data, shared.ctypes.data

    out = np.zeros((6, 2), np.uint64)
    run(addresses, 3, 2, out, checked=checked)
    assert out.all()
    assert not (out % align).any()
    assert len(set(out[:2, 0])) == 2
