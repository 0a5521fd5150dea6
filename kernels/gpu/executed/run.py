"""A launch, or a few of its blocks, run as it is compiled and counted."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu.emulator import ARCHITECTURE
from kernels.gpu.emulator.arguments import of_numba
from kernels.gpu.emulator.loaded import Loaded, load
from kernels.gpu.executed.counters import Counters
from kernels.gpu.executed.counts import Executed, counted
from kernels.gpu.executed.requests import Arrays, requests
from kernels.gpu.executed.touches import Touches
from kernels.gpu.xray import GPUS, Xray, xray
from kernels.gpu.xray.counts import Subject
from kernels.gpu.xray.execution import BLOCKS
from kernels.gpu.xray.roofline import Gpu

Index = tuple[int, int, int]


@dataclass
class Compiled:
    """A launch of a kernel that was loaded as counted, and the memory that it works on.

    values    of its parameters, as `Loaded.run` takes them
    arrays    that it can access, with their names: where several have an address, it is the first one's
    """

    subject: Subject
    architecture: str
    loaded: Loaded
    values: list[Any]
    shared_bytes: int
    arrays: Arrays


def executed(
    launch, blocks: list[Index] | None = None, architecture: str = ARCHITECTURE, watched: bool = False
) -> Executed:
    """Run blocks of a launch on NumPy arrays, as it is compiled for an architecture, and count what is executed.

    blocks     by their indices; None for all
    watched    whether what accesses cost is counted too, and the source line of each instruction: it takes longer

    The arrays hold afterwards what these blocks wrote. Raises CompileError, PtxError and EmulatorError.
    """
    loaded = load(launch.ptx(architecture, lines=watched), watched=watched, counted=True)
    values = of_numba(launch.args, launch.types)
    named = zip(launch.kernel.source.arguments, launch.args, strict=True)
    arrays = [(name, value) for name, value in named if isinstance(value, np.ndarray)]
    return count(
        Compiled(Subject.of(launch), architecture, loaded, values, launch.shared_bytes, arrays), blocks, watched
    )


def count(compiled: Compiled, blocks: list[Index] | None, watched: bool) -> Executed:
    """Run blocks and count what is executed, as `executed`."""
    subject, loaded = compiled.subject, compiled.loaded
    grid = subject.grid
    indices = every(grid) if blocks is None else blocks
    counters, touches = run(compiled, [x + grid[0] * (y + grid[1] * z) for x, y, z in indices], watched)
    counts = counted(loaded.translation, counters)
    found = Executed(subject.kernel, compiled.architecture, grid, subject.block, indices, counts)
    if touches:
        barriers = barriers_of(loaded, counters) / (len(indices) * np.prod(subject.block))
        found.xray = requests(subject, compiled.arrays, loaded, touches, indices, barriers, compiled.architecture)
    return found


def every(grid: Index) -> list[Index]:
    """All blocks of a grid, in the order of their numbers."""
    return [(x, y, z) for z in range(grid[2]) for y in range(grid[1]) for x in range(grid[0])]


def run(compiled: Compiled, numbers: list[int], watched: bool) -> tuple[Counters, Touches | None]:
    """Run blocks with counters; and if they are watched, with room for all accesses, which the first run tells."""
    loaded, subject = compiled.loaded, compiled.subject
    arrays = [*(array for _, array in compiled.arrays), loaded.statics] if watched else []
    before = kept(arrays)
    room = 0
    while True:
        counters = Counters(loaded)
        touches = (Touches(loaded, room) if room else Touches(loaded)) if watched else None
        both = Both([counters, touches]) if touches else counters
        how = subject.grid, subject.block, compiled.values, compiled.shared_bytes
        loaded.run(*how, cores=1 if watched else None, title=subject.kernel, blocks=numbers, observer=both)
        if not touches or not touches.missing:
            return counters, touches
        room = len(touches.rows) + touches.missing
        restore(arrays, before)


class Both:
    """Observers of one run, told one after the other."""

    def __init__(self, observers):
        self.observers = observers

    def begin(self, place):
        for each in self.observers:
            each.begin(place)

    def ran(self, place, number):
        for each in self.observers:
            each.ran(place, number)


def barriers_of(loaded: Loaded, counters: Counters) -> int:
    """How often threads came to a barrier of their block."""
    blocks = loaded.translation.counted
    times = [sum(i.opcode in ("bar", "barrier") and not i.has("warp") for i in block) for block in blocks]
    return int(np.dot(times, counters.threads))


def both(launch, blocks: int = BLOCKS, gpu: Gpu = GPUS["h200"]) -> tuple[Xray, Executed]:
    """An x-ray of the source, and the same blocks run as they are compiled for the same GPU, from the same values.

    Raises what `xray` and `executed` raise.
    """
    arrays = [value for value in launch.args if isinstance(value, np.ndarray)]
    before = kept(arrays)
    seen = xray(launch, blocks, gpu)
    restore(arrays, before)
    return seen, executed(launch, list(seen.blocks), gpu.architecture, watched=True)


def kept(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """What arrays hold."""
    return [array.copy() for array in arrays]


def restore(arrays: list[np.ndarray], before: list[np.ndarray]) -> None:
    for array, values in zip(arrays, before, strict=True):
        array[...] = values
