"""The engine that executes what Numba, or another compiler, has made of a kernel: its PTX."""

from functools import partial

from kernels.gpu.driver.arena import DeviceArena
from kernels.gpu.driver.gpu import Gpu
from kernels.gpu.driver.launched import Launched
from kernels.gpu.emulator import load, load_checked
from kernels.gpu.programs.calling import Calling, described


def emulate(gpu: Gpu, launched: Launched, calling: Calling | None, checked: bool, seed: int | None) -> None:
    """Execute a launch. Raises PtxError, EmulatorError, and if it is checked KernelError."""
    kernel = launched.kernel
    values, names, title = list(launched.values), None, kernel.name
    if calling is not None:
        values, names = described(calling, launched.values, gpu.memory)
        title = calling.name or title
    how = launched.grid, launched.block, values, launched.shared_bytes, seed
    if checked:
        arena = partial(DeviceArena, gpu.memory)
        load_checked(kernel.module.ptx, kernel.name).run(*how, title=title, names=names, arena=arena)
    else:
        load(kernel.module.ptx, kernel.name).run(*how, title=title, names=names)
        gpu.memory.trust()
