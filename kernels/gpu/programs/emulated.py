"""The engine that executes what Numba, or another compiler, has made of a kernel: its PTX."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from kernels.gpu.driver.arena import DeviceArena
from kernels.gpu.driver.gpu import Gpu
from kernels.gpu.driver.launched import Launched
from kernels.gpu.emulator import load, load_checked
from kernels.gpu.executed import Executed
from kernels.gpu.executed.run import Compiled, Index, count
from kernels.gpu.programs.arguments import refuse_freed
from kernels.gpu.programs.calling import Calling, described
from kernels.gpu.xray.counts import Subject
from kernels.gpu.xray.execution import spread


def emulate(gpu: Gpu, launched: Launched, calling: Calling | None, checked: bool, seed: int | None) -> None:
    """Execute a launch. Raises PtxError, EmulatorError, and if it is checked KernelError."""
    kernel = launched.kernel
    values, names, title = known(gpu, launched, calling)
    how = launched.grid, launched.block, values, launched.shared_bytes, seed
    if checked:
        refuse_freed(gpu.memory, title, names or (), values)
        watched = load_checked(kernel.module.ptx, kernel.name)
        with kernel.module.shared_with(watched):
            watched.run(*how, title=title, names=names, arena=partial(DeviceArena, gpu.memory))
    else:
        loaded = load(kernel.module.ptx, kernel.name)
        with kernel.module.shared_with(loaded):
            loaded.run(*how, title=title, names=names)
        gpu.memory.trust()


def known(gpu: Gpu, launched: Launched, calling: Calling | None) -> tuple[list[Any], list[str] | None, str]:
    """(values of the parameters, their names if they are known, what the kernel is called)."""
    if calling is None:
        return list(launched.values), None, launched.kernel.name
    values, names = described(calling, launched.values, gpu.memory)
    return values, names, calling.name or launched.kernel.name


@dataclass
class Emulated:
    """A launch of which blocks are run as they are compiled, and counted."""

    gpu: Gpu
    launched: Launched
    calling: Calling | None
    architecture: str

    def __post_init__(self):
        self.values, self.names, self.title = known(self.gpu, self.launched, self.calling)

    @property
    def grid(self) -> Index:
        return self.launched.grid

    @property
    def key(self) -> Any:
        """The same for launches that are alike."""
        launched, module = self.launched, self.launched.kernel.module
        shapes = tuple((v.dtype, v.shape, v.strides) for v in self.values if isinstance(v, np.ndarray))
        return module.ptx, launched.kernel.name, launched.grid, launched.block, launched.shared_bytes, shapes

    @property
    def variables(self) -> list[np.ndarray]:
        """Of its module."""
        return list(self.launched.kernel.module.variables.values())

    def count(self, blocks: int) -> Executed:
        """Raises PtxError and EmulatorError."""
        kernel, (wide, high, _) = self.launched.kernel, self.grid
        chosen = spread(blocks, int(np.prod(self.grid, dtype=np.int64)))
        indices = [(n % wide, n // wide % high, n // (wide * high)) for n in chosen]
        loaded = load(kernel.module.ptx, kernel.name, watched=True, counted=True)
        function = self.calling and self.calling.function
        file = function.__code__.co_filename if function else ""
        subject = Subject(self.title, file, self.grid, self.launched.block, [])
        shared = self.launched.shared_bytes
        compiled = Compiled(subject, self.architecture, loaded, self.values, shared, self.arrays())
        with kernel.module.shared_with(loaded):
            return count(compiled, indices, True)

    def arrays(self) -> list[tuple[str, np.ndarray]]:
        """The arguments by name, and behind them all that the device has."""
        pairs = zip(self.names or [], self.values, strict=False)
        found = [(name, value) for name, value in pairs if isinstance(value, np.ndarray)]
        memory = self.gpu.memory
        for each in memory.allocations:
            name = f"the array allocated at {each.place}" if each.place else "an array of the device"
            found.append((name, memory.view(each.address, (each.size,), np.uint8)))
        return found
