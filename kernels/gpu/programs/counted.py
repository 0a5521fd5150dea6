"""What the kernels of a program execute: counted once for all launches that are alike.

A few blocks are run again, after the launch, on what the device's memory held before it; then the memory is given back
what the launch left. So nothing changes for the program, and what is counted has run to its end before.
"""

import io
import math
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from kernels.gpu.compiler import CompileError
from kernels.gpu.driver.memory import DeviceMemory
from kernels.gpu.emulator import EmulatorError, PtxError
from kernels.gpu.executed import Executed
from kernels.gpu.executed.run import kept, restore
from kernels.gpu.interpreter import KernelError
from kernels.gpu.source import SourceError
from kernels.gpu.xray import Xray

Three = tuple[int, int, int]

ENOUGH = 5e5  # steps: instructions that threads execute, or turns of lanes at what the x-ray of a source counts
MOST = 64  # blocks


class Countable(Protocol):
    """A launch of which blocks can be counted."""

    @property
    def key(self) -> Any:
        """The same for launches that are alike: kernel, grid and block, types and shapes of the arguments."""

    @property
    def grid(self) -> Three: ...

    @property
    def variables(self) -> Sequence[np.ndarray]:
        """What it may write beside the memory of the device."""

    def count(self, blocks: int) -> Executed | Xray:
        """Run so many blocks, spread over the grid, and count."""


@dataclass
class Counted:
    """What was counted of launches that are alike, by their numbers from 1 on; or why nothing could be."""

    launches: list[int]
    found: Executed | Xray | None = None
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "found": self.found and self.found.as_dict()}


@dataclass
class Counting:
    """Counts what is launched on a device."""

    memory: DeviceMemory
    counts: list[Counted] = field(default_factory=list)
    places: dict[Any, int] = field(default_factory=dict)  # by key: where in the list
    waiting: Countable | None = None  # what is being executed, and the memory as it was before
    arrays: list[np.ndarray] = field(default_factory=list)
    before: list[np.ndarray] = field(default_factory=list)

    def begin(self, launch: Countable) -> None:
        """A launch is about to be executed."""
        self.waiting = launch
        if launch.key not in self.places:
            arrays = [self.memory.view(a.address, (a.size,), np.uint8) for a in self.memory.allocations]
            self.arrays = [*arrays, *launch.variables]
            self.before = kept(self.arrays)

    def end(self, number: int) -> int | None:
        """It has been executed, as the launch of this number, without a fault; returns where its counts are."""
        launch, self.waiting = self.waiting, None
        if launch is None:
            return None
        place = self.places.setdefault(launch.key, len(self.counts))
        if place == len(self.counts):
            self.counts.append(self._counted(launch))
        self.counts[place].launches.append(number)
        return place

    def drop(self) -> None:
        """It has ended with a fault."""
        self.waiting, self.arrays, self.before = None, [], []

    def _counted(self, launch: Countable) -> Counted:
        after = kept(self.arrays)
        try:
            with redirect_stdout(io.StringIO()):  # what the kernel prints it has printed
                return Counted([], self._sample(launch))
        except (KernelError, EmulatorError, PtxError, SourceError, CompileError) as error:
            return Counted([], None, " ".join(str(error).split()))
        finally:
            restore(self.arrays, after)
            self.drop()

    def _sample(self, launch: Countable) -> Executed | Xray:
        """Of so many blocks that there is enough to count, or of all."""
        restore(self.arrays, self.before)
        first = launch.count(1)
        wanted = min(math.prod(launch.grid), MOST, int(ENOUGH // max(steps(first), 1)))
        if wanted < 2:
            return first
        restore(self.arrays, self.before)
        return launch.count(wanted)


def steps(found: Executed | Xray) -> int:
    return found.total("threads") if isinstance(found, Executed) else found.slots
