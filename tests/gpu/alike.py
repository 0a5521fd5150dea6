"""One kernel run in every way that needs no GPU, and what it writes compared bit by bit."""

import linecache
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import numpy as np
from numpy.lib.recfunctions import repack_fields

from kernels.gpu import compiler, kernel

WAYS = ("interpret", "checked", "emulate")  # interpreted without checks, and with them; compiled, and emulated
NUMBERS = count()


def kernel_from(text, **names):
    """A kernel of source text, in which these names are known."""
    file = f"<alike {next(NUMBERS)}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    namespace = {"__name__": __name__, **names}
    exec(compile(text, file, "exec"), namespace)
    defined = set(namespace) - set(names) - {"__name__", "__builtins__"}
    return kernel(namespace[defined.pop()])


@contextmanager
def pretended_gpu():
    """Some functions Numba compiles only where there is a GPU, of which it asks the capability and no more."""
    asked, gpu = compiler.cuda.dispatcher.get_current_device, SimpleNamespace(compute_capability=(9, 0))
    compiler.cuda.dispatcher.get_current_device = lambda: gpu
    try:
        yield
    finally:
        compiler.cuda.dispatcher.get_current_device = asked


def assert_alike(kernel, *args, grid=1, block=1, shared=0, ways=WAYS, rtol=None):
    """A kernel writes the same bits into its arguments, of which each way to run it has copies. Returns the arrays.

    rtol    if it is given, products and sums are kept apart where the kernel is compiled, as they are where it is
            interpreted; of NaN being NaN is enough; and numbers may be so far apart from those that are interpreted
    """
    runs = {}
    for way in ways:
        launch = kernel[grid, block, shared](*(a.copy() if isinstance(a, np.ndarray) else a for a in args))
        with pretended_gpu():
            launch.emulate(contracted=rtol is None) if way == "emulate" else launch.interpret(way == "checked")
        runs[way] = [a for a in launch.args if isinstance(a, np.ndarray)]
    first, *others = ways
    for other in others:
        for one, another in zip(runs[first], runs[other], strict=True):
            if rtol is None:
                assert content(one) == content(another), (kernel.name, other, one, another)
            else:
                assert_same(one, another, rtol if other == "emulate" else 0.0)
    return runs[first]


def content(array):
    """The bytes of an array; of records those that lie between their fields left out."""
    return (array if array.dtype.names is None else repack_fields(array, recurse=True)).tobytes()


def assert_same(found, expected, rtol):
    """Two arrays of numbers, up to `rtol` apart; with 0.0 the same bits, but for those of NaN."""
    assert found.dtype == expected.dtype
    if found.dtype.kind == "c":
        parts = np.dtype(f"f{found.itemsize // 2}")
        found, expected = found.view(parts), expected.view(parts)
    is_number = expected == expected
    assert np.array_equal(found == found, is_number), (found, expected)
    found, expected = found[is_number], expected[is_number]
    if rtol:
        np.testing.assert_allclose(found, expected, rtol)
        assert np.array_equal(np.signbit(found), np.signbit(expected)), (found, expected)
    else:
        assert found.tobytes() == expected.tobytes(), (found, expected)
