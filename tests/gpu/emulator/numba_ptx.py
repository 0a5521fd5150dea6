"""Functions made PTX by Numba as `cuda.jit` makes them, with no GPU to ask."""

import re
from types import SimpleNamespace

from numba import types
from numba.cuda.compiler import compile_all

from kernels.gpu import compiler
from kernels.gpu.emulator import load, load_checked
from kernels.gpu.emulator.arguments import of_numba

CAPABILITY = (9, 0)


def texts(function, *args, **options) -> list[str]:
    """PTX of a kernel for arguments such as these: one text, or more where functions are not compiled into one."""
    launcher = compiler.cuda.dispatcher
    asked, gpu = launcher.get_current_device, SimpleNamespace(compute_capability=CAPABILITY)
    launcher.get_current_device = lambda: gpu
    try:
        kinds = types.void(*map(compiler.type_of, args))
        codes, _ = compile_all(
            function, kinds, device=False, abi="numba", cc=CAPABILITY, output="ptx", **{"debug": False} | options
        )
    finally:
        launcher.get_current_device = asked
    return codes


def run(function, grid, block, *args, checked=False, how=None, linked=(), **options):
    """Compile a kernel and run it in the emulator, on the arrays in place.

    how       what `run` there takes beside them
    linked    other texts that belong to it
    """
    parts = [*texts(function, *args, **options), *linked]
    kernel = (load_checked if checked else load)(parts, kernel_of(parts[0]))
    values = of_numba(args, [compiler.type_of(value) for value in args])
    kernel.run((grid, 1, 1), (block, 1, 1), values, title=function.__name__, **(how or {}))


def kernel_of(text: str) -> str:
    """The name of the kernel of a text."""
    return re.search(r"\.entry\s+([\w$]+)", text)[1]
