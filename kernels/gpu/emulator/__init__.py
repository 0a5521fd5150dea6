"""Compiled kernels executed on the CPU: a PTX emulator.

    launch.emulate()                            what Numba compiled of a kernel, run on NumPy arrays
    load(ptx).run(grid, block, values)          any PTX, whoever wrote it

The text is parsed (parser.py), calls are put in place (inline.py), every instruction becomes LLVM (translate.py,
instructions/) of which machine code of this processor is made (native.py), and a scheduler runs it thread by thread,
block by block (schedule.py, warp.py). Source: NVIDIA, Parallel Thread Execution ISA 9.0.
"""

from kernels.gpu.emulator.arguments import of_numba
from kernels.gpu.emulator.errors import EmulatorError, PtxError
from kernels.gpu.emulator.loaded import Loaded, load

__all__ = ["EmulatorError", "Loaded", "PtxError", "bound", "load"]


# What kernels are compiled for to be emulated, unless somebody says otherwise.
ARCHITECTURE = "sm_90"


def bound(launch, architecture=ARCHITECTURE, **options):
    """A call that runs what Numba compiles of a launch for an architecture; it takes a seed, or None.

    options    as compiler.ptx takes them

    Raises CompileError and PtxError; the call raises EmulatorError.
    """
    kernel = load(launch.ptx(architecture, **options))
    values = of_numba(launch.args, launch.types)
    return lambda seed=None: kernel.run(launch.grid, launch.block, values, launch.shared_bytes, seed)
