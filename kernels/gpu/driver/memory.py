"""The memory of a GPU that is not there: a range of addresses of this process, given out by cuMemAlloc.

Kernels and copies reach it by the same addresses. Allocations lie so far apart that an access beyond one meets no
other; what is freed is given out again late, so that who still uses it is found out. Pages of the range take room only
once they are written, and no more when they are freed, so a device may have more memory than the machine.

    written     for each byte of the range, whether anybody has written it since it was allocated
"""

import bisect
import ctypes
from dataclasses import dataclass, field

import numpy as np

from kernels.gpu.emulator.spans import give_back, untouched_zeros

PAGE = 4096
LEAST_GAP, LARGEST_GAP = 2**14, 2**18  # bytes between allocations
POISON = 0xFF  # what fresh memory is filled with: NaN in floats, -1 in integers


@dataclass
class Allocation:
    """Bytes that belong together. Addresses are those of the process."""

    address: int
    size: int
    kind: str  # "device", "host" or "managed"
    number: int  # counted from 1, in the order of allocation
    place: str = ""  # where the program allocated it, as file:line
    is_whole: bool = False  # whether all of it is known to be written
    mirrors: int = 0  # address of the registered memory of the host that it stands for
    freed: str | None = None  # where the program freed it, or let go of the last that held it

    @property
    def end(self) -> int:
        return self.address + self.size


class OutOfMemory(Exception):
    """An allocation that the device has no room for."""


@dataclass
class DeviceMemory:
    """capacity: bytes that may be allocated; quarantine: of freed addresses, up to which none is given out again.

    Room for the shared memory of a block comes before all allocations.
    """

    capacity: int
    reserved: int = 2**22
    quarantine: int = 2**28
    allocations: list[Allocation] = field(default_factory=list)  # by address
    gone: list[Allocation] = field(default_factory=list)  # by address: freed, and given to nobody else by now
    used: int = 0

    def __post_init__(self):
        self.range = 2 * self.capacity + self.reserved
        self.bytes = untouched_zeros(self.range)
        self.written = untouched_zeros(self.range)
        self.address = self.bytes.ctypes.data
        self.top = self.reserved  # offset behind the last allocation
        self.count = 0
        self.pages: object | None = None  # what checked mode keeps of it (arena.py)
        self.version = 0  # how often something has been allocated or given back
        self.free_spans: list[tuple[int, int]] = []  # (offset, bytes), the oldest first
        self.idle = 0  # bytes of these

    def allocate(self, size: int, kind: str = "device", place: str = "") -> Allocation:
        """Fresh memory. Raises OutOfMemory."""
        if self.used + size > self.capacity:
            raise OutOfMemory
        offset = self._span(room_of(size))
        self.count += 1
        found = Allocation(self.address + offset, size, kind, self.count, place)
        put(self.allocations, found)
        self.used += size
        self.version += 1
        self.bytes[offset : offset + size] = POISON
        self.written[offset : offset + size] = 0
        return found

    def _span(self, room):
        """The offset of free addresses: fresh ones, unless many have been freed or there are none."""
        reused = self._freed(room) if self.idle > self.quarantine else None
        if reused is None and self.top + room <= self.range:
            offset, self.top = self.top, self.top + room
            return offset
        reused = self._freed(room) if reused is None else reused
        if reused is None:
            raise OutOfMemory
        return reused

    def _freed(self, room):
        """The offset of addresses that have been freed, the oldest that suffice; None where there are none."""
        for spans in (self.free_spans, joined(self.free_spans)):
            self.free_spans = spans
            for n, (offset, size) in enumerate(spans):
                if size >= room:
                    spans[n : n + 1] = [(offset + room, size - room)] if size > room else []
                    self.idle -= room
                    self._forget(self.address + offset, room)
                    return offset
        return None

    def _forget(self, address, room):
        """Of freed memory that is given out again nobody is told any more."""
        first, last = (bisect.bisect_left(self.gone, at, key=start) for at in (address, address + room))
        del self.gone[first:last]

    def leave(self, address: int, place: str = "") -> None:
        """Nobody holds an allocation any more: it is freed now, or later."""
        found = self.at(address)
        if found and found.freed is None:
            found.freed = place

    def free(self, address: int, place: str = "") -> Allocation | None:
        """Give an allocation back; returns it, or None where none begins at the address."""
        found = self.at(address)
        if found is None or found.address != address:
            return None
        self.leave(address, place)
        self.allocations.remove(found)
        put(self.gone, found)
        self.used -= found.size
        self.version += 1
        offset, room = found.address - self.address, room_of(found.size)
        self.free_spans.append((offset, room))
        self.idle += room
        for memory in (self.bytes, self.written):
            give_back(memory, offset, -(-found.size // PAGE) * PAGE)
        return found

    def at(self, address: int) -> Allocation | None:
        """The allocation that an address lies in, or begins."""
        return around(self.allocations, address)

    def freed(self, address: int) -> Allocation | None:
        """The allocation that an address lies in, where the program has freed it."""
        found = self.at(address) or around(self.gone, address)
        return found if found and found.freed is not None else None

    def freed_text(self, address: int) -> str:
        """Of freed memory where it was freed, and allocated, as far as that is known; else nothing."""
        found = self.freed(address)
        if not found:
            return ""
        allocated = f", allocated at {found.place}" if found.place else ""
        return f"lies in memory that was freed{found.freed and f' at {found.freed}'}{allocated}"

    def holds(self, address: int) -> bool:
        """Whether an address is one of the range, allocated or not."""
        return self.address <= address < self.address + self.range

    def mark(self, address: int, size: int) -> None:
        """Somebody has written these bytes."""
        found = self.at(address)
        if found and not found.is_whole:
            offset = address - self.address
            self.written[offset : offset + size] = 1
            found.is_whole = (offset, size) == (found.address - self.address, found.size)

    def marks(self, array: np.ndarray) -> np.ndarray | None:
        """Of an array in this memory: for each byte of each element whether it is written; None where all of it is."""
        address = array.__array_interface__["data"][0]
        found = self.at(address)
        if found is None or found.is_whole:
            return None
        shape, strides = (*array.shape, array.itemsize), (*array.strides, 1)
        return np.ndarray(shape, np.uint8, self.written, address - self.address, strides)

    def unwritten(self, address: int, size: int) -> int:
        """How many of these bytes nobody has written."""
        offset = address - self.address
        return size - int(np.count_nonzero(self.written[offset : offset + size]))

    def trust(self) -> None:
        """Somebody may have written all of it, and nobody has looked."""
        for each in self.allocations:
            each.is_whole = True

    def settle(self) -> None:
        """After a kernel: note which allocations are written as a whole by now."""
        for each in self.allocations:
            if not each.is_whole and each.size:
                offset = each.address - self.address
                each.is_whole = bool(self.written[offset : offset + each.size].all())

    def view(self, address: int, shape, dtype, strides=None) -> np.ndarray:
        """An array over memory of the range."""
        return np.ndarray(shape, dtype, self.bytes, address - self.address, strides)


def start(allocation: Allocation) -> int:
    return allocation.address


def put(allocations: list[Allocation], new: Allocation) -> None:
    """Among others, by address."""
    bisect.insort(allocations, new, key=start)


def around(allocations: list[Allocation], address: int) -> Allocation | None:
    """The one of these that an address lies in, or begins."""
    place = bisect.bisect_right(allocations, address, key=start) - 1
    if place < 0:
        return None
    found = allocations[place]
    return found if address < found.end or address == found.address else None


def room_of(size: int) -> int:
    """Bytes of whole pages that an allocation takes, and the gap behind it."""
    pages = -(-max(size, 1) // PAGE) * PAGE
    return pages + min(max(pages, LEAST_GAP), LARGEST_GAP)


def joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that lie side by side as one, by their offsets."""
    found: list[tuple[int, int]] = []
    for offset, size in sorted(spans):
        if found and sum(found[-1]) == offset:
            found[-1] = (found[-1][0], found[-1][1] + size)
        elif size:
            found.append((offset, size))
    return found


def copy(to: int, source: int, size: int) -> None:
    """Bytes from one address of the process to another."""
    ctypes.memmove(to, source, size)
