"""What the lanes of a warp did between two meetings, put side by side: steps, each of one line and some lanes.

A lane's visits have keys, which say how far it has come: the line, and of each loop around it the turn. The lanes that
are furthest behind take the next step, all of them that are at the same place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Access(NamedTuple):
    """One access of one thread, of an element of an array."""

    order: int
    """In which the interpreter made it."""
    thread: int
    array: int
    cell: int
    """Number of the element, rows one after the other."""
    kind: str
    """"load", "store" or "atomic"."""
    value: Any
    """What was read, or stands there since."""
    file: str
    line: int


@dataclass
class Visit:
    """A thread was at a line."""

    key: tuple
    file: str
    line: int
    chunk: int
    accesses: list[Access] = field(default_factory=list)
    step: int | None = None
    """Number of the step in which it came to be shown."""


class End(NamedTuple):
    """Where a thread waits: "syncthreads" or a warp intrinsic, "loop" for what others do, "" if it has returned."""

    thread: int
    what: str
    line: int


@dataclass
class Step:
    """A line of the source, executed by some lanes of a warp. Of kind "meet" all threads met; of "end" all returned."""

    kind: str
    file: str
    line: int
    warp: int
    interval: int
    """Two steps are in the same one if no barrier of the block lies between them."""
    threads: list[int] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    """Threads that wait from here on, or have returned."""


def side_by_side(lanes: Mapping[int, Sequence[Visit]]) -> Iterator[list[tuple[int, Visit]]]:
    """(thread, visit) of those that take each step."""
    places = {thread: 0 for thread, visits in lanes.items() if visits}
    while places:
        heads = {thread: lanes[thread][place] for thread, place in places.items()}
        behind = min(visit.key for visit in heads.values())
        group = [(thread, visit) for thread, visit in sorted(heads.items()) if visit.key == behind]
        yield group
        for thread, _ in group:
            places[thread] += 1
            if places[thread] == len(lanes[thread]):
                del places[thread]
