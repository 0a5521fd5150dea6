"""What the interpreter refuses, each as one line that says where: kernel, block, thread, array, index, source line."""

import linecache
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """A place in kernel source where something is read, written or waited for."""

    file: str
    line: int
    what: str
    """The array accessed, by the name it has here, or the barrier or warp intrinsic called."""
    kind: str
    """"load", "store", "atomic" or "sync"; if arithmetic is counted "flops", if lines are traced "line" and "turn"."""
    nbytes: int = 0
    """Size of the element accessed."""
    column: int = 0
    path: tuple = ()
    """Of a barrier or a line: the calls of device functions, (line, column), by which it is reached."""

    def __str__(self):
        text = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}: {text}"


class KernelError(Exception):
    """A kernel did something that a GPU would not have noticed, or that is not defined, or not supported here.

    Attributes (None where there is no such thing): kernel, block (x, y, z), thread (x, y, z), array, index, line.
    """

    def __init__(self, problem, *, kernel=None, block=None, thread=None, array=None, index=None, site=None):
        self.problem, self.kernel, self.block, self.thread = problem, kernel, block, thread
        self.array, self.index, self.site = array, index, site
        super().__init__(problem)

    @property
    def line(self):
        """Number of the source line, in the file of `site`."""
        return self.site.line if self.site else None

    def __str__(self):
        where = [f"block {self.block}"] if self.block is not None else []
        where += [f"thread {self.thread}"] if self.thread is not None else []
        parts = [self.kernel, ", ".join(where), self.problem]
        return ": ".join(part for part in parts if part) + (f", at {self.site}" if self.site else "")


class InvalidIndex(KernelError):
    """An index that is no integer, or not as many of them as the array has dimensions."""


class OutOfBounds(InvalidIndex):
    """An index outside its array. Negative ones too: NumPy and Numba would count them from the end."""


class Uninitialised(KernelError):
    """A read of shared or local memory that nobody has written."""

    is_written: Callable | None = None
    """Of shared memory: a function that tells whether it is written by now, once other threads have gone on."""


class Misaligned(KernelError):
    """An access at an address that is no multiple of its size, as of four floats that begin at the second one."""


class ReadOnly(KernelError):
    """A store to an array that is read-only."""


class BarrierDivergence(KernelError):
    """A barrier or warp intrinsic that some of the threads it waits for never reach."""


class DataRace(KernelError):
    """Two threads touch one address in an order that nothing fixes, and one of them writes."""


class EndlessLoop(KernelError):
    """A loop that does not end, or a wait for what never comes."""


class Raised(KernelError):
    """An exception that a thread raises, or an assertion that fails: a GPU ends the thread there and says nothing."""


class Undefined(KernelError):
    """Arithmetic whose result is undefined on a GPU, such as the int64 nearest to NaN."""


class Unsupported(KernelError):
    """Something that Numba may compile but the interpreter does not execute."""


class LaunchError(KernelError):
    """A launch that no GPU would take: too many threads in a block, too much shared memory."""


def indexed(array, index):
    """`array[index]` as a person would write it."""
    return f"{array}[{', '.join(map(_written, index if isinstance(index, tuple) else (index,)))}]"


def _written(item):
    """One item of an index, as a person would write it."""
    if isinstance(item, slice):
        bounds = ["" if bound is None else str(bound) for bound in (item.start, item.stop, item.step)]
        return ":".join(bounds[: 2 + (item.step is not None)])
    return "..." if item is Ellipsis else str(item)


def writes_read_only(array, index):
    """What is said of a store to a read-only array."""
    return f"writes {indexed(array, index)}, but {array} is read-only"
