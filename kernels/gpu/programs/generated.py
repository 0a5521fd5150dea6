"""Kernels that Numba writes for @vectorize and @guvectorize: each gets a file, from which its source is read.

Numba formats a text and executes it. The text is kept, and the function that comes of it is said to stand in it.
"""

import linecache
from itertools import count

from kernels.gpu.programs.wrapping import wrap

NUMBERS = count(1)


def join() -> None:
    """Wrap what writes such kernels, and what compiles them."""
    from numba.cuda import deviceufunc, vectorizers

    written: list[str] = []  # the last text

    def keep(original, *arguments, **keywords):
        written[:] = [original(*arguments, **keywords)]
        return written[0]

    def place(original, self, function, *arguments, **keywords):
        give_file(function, written[0])
        return original(self, function, *arguments, **keywords)

    wrap(deviceufunc.DeviceVectorize, "_get_kernel_source", keep)
    wrap(deviceufunc, "expand_gufunc_template", keep)
    for kind in (vectorizers.CUDAVectorize, vectorizers.CUDAGUFuncVectorize):
        wrap(kind, "_compile_kernel", place)


def give_file(function, text: str) -> None:
    """Have a function stand in a file of this text, which Python's `linecache` alone knows."""
    file = f"<{function.__name__} {next(NUMBERS)}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    function.__code__ = function.__code__.replace(co_filename=file)
