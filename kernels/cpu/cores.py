"""How many CPU cores a kernel uses. No result depends on it, in a kernel or in a training run.

A core computes a value whole, in one order; where a sum is shared out, its parts depend on shapes alone and are added
in one order. NumPy's BLAS keeps to no such rule, so it has no part in a kernel.
"""

import contextlib

import numba


@contextlib.contextmanager
def one_core():
    """Kernels called inside run on the calling core alone."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)
