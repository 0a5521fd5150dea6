"""What goes wrong with PTX: before it runs, and while it does.

What checked mode refuses are the interpreter's errors, and some that only compiled code can make.
"""

from dataclasses import dataclass

from kernels.gpu.interpreter.errors import KernelError, Site


class PtxError(Exception):
    """PTX that cannot be executed, found before anything runs: one line, with the line of the text it is about."""

    def __init__(self, problem: str, line: int | None = None):
        self.problem, self.line = problem, line
        super().__init__(f"PTX line {line}: {problem}" if line else problem)


class EmulatorError(RuntimeError):
    """What compiled code did wrong while it ran: one line that names kernel, block, thread and instruction."""


class Misaligned(KernelError):
    """An access at an address that is no multiple of its size, as of four floats that begin at the second one."""


class Endless(KernelError):
    """A loop that a thread does not leave."""


@dataclass(frozen=True)
class PtxSite(Site):
    """A place in PTX, and in the source that it was compiled from, if the text says; else `line` is that of the PTX."""

    ptx_line: int = 0
    ptx: str = ""

    def __str__(self):
        there = f"PTX line {self.ptx_line}: {self.ptx}"
        return f"{super().__str__().removesuffix(': ')} ({there})" if self.file else there

    @property
    def brief(self):
        return f"line {self.line}" if self.file else f"PTX line {self.ptx_line}"


def site_of(instruction, ptx: str, what: str = "", kind: str = "", size: int = 0) -> PtxSite:
    """Where an instruction of a text stands."""
    file, line = instruction.source or ("", instruction.line)
    text = " ".join(ptx.splitlines()[instruction.line - 1].split())
    return PtxSite(file, line, what, kind, size, ptx_line=instruction.line, ptx=text)
