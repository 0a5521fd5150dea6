"""How many CPU cores a kernel uses. No result depends on it: one core computes a value whole, in one order."""

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
