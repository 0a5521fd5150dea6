"""Compiled kernels executed on the CPU: a PTX emulator.

    launch.emulate()                            what Numba compiled of a kernel, run on NumPy arrays
    load(ptx).run(grid, block, values)          any PTX, whoever wrote it
    launch.emulate(checked=True)                refusing what a GPU would not notice
    load_checked(ptx).run(grid, block, values)

The text, or several (linked.py), is parsed (parser.py), calls are put in place (inline.py), every instruction becomes
LLVM (translate.py, instructions/) of which machine code of this processor is made (native.py), and a scheduler runs it
thread by thread, block by block (schedule.py, warp.py, together.py). Source: NVIDIA, Parallel Thread Execution ISA 9.0.

Checked mode (checked.py) runs on copies of the arrays (arena.py); compiled code asks before each access (checks.py),
the scheduler says who has met (order.py, clocks.py), and findings.py puts into words what was found.
"""

from kernels.gpu.emulator.arguments import of_numba, owners
from kernels.gpu.emulator.checked import Checked, load_checked
from kernels.gpu.emulator.errors import EmulatorError, Endless, Freed, PtxError
from kernels.gpu.emulator.loaded import Loaded, load
from kernels.gpu.interpreter.errors import KernelError, Misaligned

__all__ = [
    "Checked",
    "EmulatorError",
    "Endless",
    "Freed",
    "Loaded",
    "Misaligned",
    "PtxError",
    "bound",
    "load",
    "load_checked",
]


# What kernels are compiled for to be emulated, unless somebody says otherwise.
ARCHITECTURE = "sm_90"


def bound(launch, architecture=ARCHITECTURE, checked=False, **options):
    """A call that runs what Numba compiles of a launch for an architecture; it takes a seed, or None.

    checked    whether it refuses what a GPU would not notice, naming the source line; asked to name lines Numba puts
               some instructions into another order
    options    as compiler.ptx takes them

    Raises CompileError and PtxError; the call raises EmulatorError, and KernelError if it is checked.
    """
    values = of_numba(launch.args, launch.types)
    names = owners(launch.args, launch.kernel.source.arguments)
    if not checked:
        kernel = load(launch.ptx(architecture, **options))
        how = launch.grid, launch.block, values, launch.shared_bytes
        return lambda seed=None: kernel.run(*how, seed, title=repr(launch.kernel), names=names)
    watched = load_checked(launch.ptx(architecture, **{"lines": True, **options}))

    def run(seed=None):
        try:
            watched.run(launch.grid, launch.block, values, launch.shared_bytes, seed, names=names)
        except KernelError as error:
            error.kernel = launch.kernel.name
            raise

    return run
