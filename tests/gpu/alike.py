"""One kernel executed in all ways there are without a GPU, and what it writes compared bit by bit."""

import linecache
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import numpy as np

from kernels.gpu import compiler, kernel

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


def results(kernel, block, args, grid=1):
    """What the arrays hold after the kernel ran: interpreted, interpreted with checks, and emulated.

    Products and sums are kept apart where the kernel is compiled, as they are where it is interpreted.
    """
    runs = []
    for run in (
        lambda launch: launch.interpret(checked=False),
        lambda launch: launch.interpret(),
        lambda launch: launch.emulate(contracted=False),
    ):
        launch = kernel[grid, block](*(a.copy() if isinstance(a, np.ndarray) else a for a in args))
        with pretended_gpu():
            run(launch)
        runs.append([a for a in launch.args if isinstance(a, np.ndarray)])
    return runs


def assert_alike(kernel, block, *args, rtol=0.0, grid=1):
    """All ways write the same bits, or numbers up to `rtol` apart; of NaN being NaN is enough. Returns the arrays."""
    fast, checked, emulated = results(kernel, block, args, grid)
    for a, b, c in zip(fast, checked, emulated, strict=True):
        assert_same(a, b)
        assert_same(a, c, rtol)
    return fast


def assert_same(found, expected, rtol=0.0):
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
