"""What goes wrong with PTX: before it runs, and while it does.

What checked mode refuses are the interpreter's errors, and some that only compiled code can make.
"""

import re
from dataclasses import dataclass

from kernels.gpu.interpreter.errors import KernelError, OutOfBounds, Site


class PtxError(Exception):
    """PTX that cannot be executed, found before anything runs: one line, with the line of the text it is about."""

    def __init__(self, problem: str, line: int | None = None):
        self.problem, self.line = problem, line
        super().__init__(f"PTX line {line}: {problem}" if line else problem)


class EmulatorError(RuntimeError):
    """What compiled code did wrong while it ran: one line that names kernel, block, thread and instruction."""


class Freed(OutOfBounds):
    """An array, or an address, in memory that the program has freed."""


class Endless(KernelError):
    """A loop that a thread does not leave."""


@dataclass(frozen=True)
class PtxSite(Site):
    """A place in PTX, and in the source that it was compiled from, if the text says; else `line` is that of the PTX.

    is_near    whether the text says it only of what stands before: of what is moved out of a loop it says nothing
    """

    ptx_line: int = 0
    ptx: str = ""
    is_near: bool = False

    def __str__(self):
        there = f"PTX line {self.ptx_line}: {self.ptx}"
        near = "near " if self.is_near else ""
        return f"{near}{super().__str__().removesuffix(': ')} ({there})" if self.file else there

    @property
    def brief(self):
        near = "near " if self.is_near else ""
        return f"{near}line {self.line}" if self.file else f"PTX line {self.ptx_line}"


def site_of(instruction, ptx: str, what: str = "", kind: str = "", size: int = 0) -> PtxSite:
    """Where an instruction of a text stands."""
    lines = ptx.splitlines()
    source = instruction.source or before(lines, instruction.line)
    file, line = source or ("", instruction.line)
    is_near = bool(source) and not instruction.source
    text = " ".join(lines[instruction.line - 1].split())
    return PtxSite(file, line, what, kind, size, ptx_line=instruction.line, ptx=text, is_near=is_near)


def before(lines: list[str], number: int) -> tuple[str, int] | None:
    """The last place in the source that a text names before one of its lines, in the same function."""
    for text in reversed(lines[: number - 1]):
        if ".entry" in text or ".func" in text:
            return None
        found = re.match(r"\s*\.loc\s+(\d+)\s+([1-9]\d*)\s", text)
        if found:
            names = (re.match(rf'\s*\.file\s+{found[1]}\s+"([^"]+)"', each) for each in lines)
            return next(((name[1], int(found[2])) for name in names if name), None)
    return None
