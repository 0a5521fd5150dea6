"""What has been recorded of a block."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from kernels.files import write_whole
from kernels.gpu.source import reachable
from kernels.gpu.tracing.faults import Fault
from kernels.gpu.tracing.steps import Access, Step


@dataclass
class Traced:
    """An array that the block touches."""

    name: str
    """That the kernel gives it; two names if one array is two arguments."""
    space: str
    """"global" or "shared"."""
    shape: tuple[int, ...]
    dtype: np.dtype
    initial: np.ndarray | None
    """What it held before; shared memory holds nothing."""
    place: tuple = ()


@dataclass(frozen=True)
class Listing:
    """The source of a function, and where it stands."""

    file: str
    first: int
    lines: tuple[str, ...]


@dataclass
class Recording:
    """One block of a launch, step by step."""

    launch: Any
    index: tuple[int, int, int]
    """Of the block."""
    listings: list[Listing]
    """The kernel and the device functions that it calls."""
    steps: list[Step] = field(default_factory=list)
    arrays: list[Traced] = field(default_factory=list)
    """Of the block, those of the arguments that are arrays first."""
    is_whole: bool = True
    """False where there were more steps than are kept."""
    fault: Fault | None = None

    def __repr__(self):
        more = "" if self.is_whole else " at least"
        said = f", {self.fault.kind}" if self.fault else ""
        name = self.launch.kernel.name
        return f"<{name}, block {self.index}: {len(self.steps)} steps{more}{said}; .write(path) makes a page of it>"

    def _repr_html_(self):
        """The page, within a notebook."""
        from kernels.gpu.tracing.page import page

        style = "width:100%; height:46rem; border:0"
        return f'<iframe srcdoc="{escape(page(self))}" style="{style}"></iframe>'

    @property
    def block(self) -> tuple[int, int, int]:
        """Threads along x, y and z."""
        return self.launch.block

    def accesses(self) -> list[Access]:
        """Of all steps, in the order in which the interpreter made them."""
        return sorted((access for step in self.steps for access in step.accesses), key=lambda access: access.order)

    def write(self, path: Path | str) -> None:
        """Make a page of it: one HTML file that needs no other."""
        from kernels.gpu.tracing.page import page

        write_whole(Path(path), page(self).encode())


def listings(launch, execution) -> list[Listing]:
    """The sources of a launch's kernel and of what it calls, each once."""
    program = getattr(execution, "program", None)
    sources = [function.source for function in program.functions] if program else reachable(launch.kernel.source)
    found = {(source.file, source.first_line): source for source in sources}
    return [Listing(file, first, tuple(source.text.splitlines())) for (file, first), source in found.items()]
