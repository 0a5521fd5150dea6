"""Streams, events and graphs. What is asked of a stream is done at once, unless a graph is made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.table import Code, DriverError

DEFAULT = (None, 0, 1, 2)  # handles of streams that nobody creates: the context's, the legacy and the thread's one

Work = Callable[[], None]


@dataclass(eq=False)
class UserObject:
    """Something of the program's that graphs refer to: it is told when the last one is gone."""

    destroy: Work
    count: int

    def release(self, count: int) -> None:
        self.count -= count
        if self.count == 0:
            self.destroy()


@dataclass(eq=False)
class Graph:
    """Work in an order in which it can be done: that in which it was asked for. It keeps what that refers to."""

    work: list[Work] = field(default_factory=list)
    kept: list[UserObject] = field(default_factory=list)

    def run(self) -> None:
        for each in self.work:
            each()

    def copy(self) -> "Graph":
        for each in self.kept:
            each.count += 1
        return Graph(list(self.work), list(self.kept))

    def end(self) -> None:
        """Nobody launches or copies it any more."""
        while self.kept:
            self.kept.pop().release(1)


@dataclass
class Stream:
    """graph: what it is captured in at present, in place of being done."""

    flags: int = 0
    priority: int = 0
    graph: Graph | None = None


@dataclass
class Event:
    """A point in time, once it is recorded; recorded in a graph, other streams that wait for it go into the graph."""

    is_timed: bool = True
    time: float | None = None
    graph: Graph | None = None


@dataclass
class Runnable:
    """A graph that has been made ready to be launched."""

    graph: Graph


def stream_of(handle: int | None) -> Stream:
    """The stream of a handle. Raises DriverError."""
    return Stream() if handle in DEFAULT else gpu().handles.get(handle, Stream)


def do(handle: int | None, work: Work) -> None:
    """Work on a stream: now, or whenever the graph is launched that it goes into."""
    stream = stream_of(handle)
    if stream.graph is not None:
        stream.graph.work.append(work)
    else:
        work()


def wait(handle: int | None) -> None:
    """Wait until all work of a stream is done, as it is. Raises DriverError if the stream is captured."""
    gpu().check()
    if stream_of(handle).graph is not None:
        raise DriverError(Code.STREAM_CAPTURE_UNSUPPORTED, "the stream is captured: its work is not done yet")
