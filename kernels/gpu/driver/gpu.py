"""The GPU that is not there: its memory, its modules and contexts, and who executes what is launched on it."""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kernels.gpu.driver.attributes import CARDS, attributes
from kernels.gpu.driver.memory import Allocation, DeviceMemory, copy
from kernels.gpu.driver.table import Code, DriverError

GIB = 2**30
CAPACITY = 16 * GIB  # bytes that programs may allocate, if they write no more than the machine has


class Handles:
    """Numbers by which C names objects of this process. None is a plausible address."""

    def __init__(self):
        self.objects: dict[int, Any] = {}
        self.next = 0x1000

    def new(self, thing) -> int:
        """A number for an object, which lives until it is dropped."""
        self.next += 16
        self.objects[self.next] = thing
        return self.next

    def get(self, handle, kind: type) -> Any:
        """The object of a number. Raises DriverError where there is none of this kind."""
        found = self.objects.get(handle or 0)
        if not isinstance(found, kind):
            raise DriverError(Code.INVALID_HANDLE)
        return found

    def drop(self, handle) -> None:
        self.objects.pop(handle, None)


class Context(threading.local):
    """Contexts that a thread has made current, the last one on top. All are of the same device."""

    def __init__(self):
        self.stack: list[int] = []


@dataclass
class Gpu:
    """capability: which GPU it stands for, (9, 0) for sm_90.

    execute    called with a Launched for each launch of a kernel; it raises what ends the launch
    unwritten  called with an allocation, and how many of how many bytes of it that nobody has written were copied to
               the host
    failed     the code that each further call gets, once a kernel has failed: as a GPU's context is lost by that
    why        what the first of these calls says beside
    """

    capability: tuple[int, int]
    execute: Callable[[Any], None]
    capacity: int = CAPACITY
    unwritten: Callable[[Allocation, int, int], None] | None = None
    failed: Code | None = None
    why: str = ""
    handles: Handles = field(default_factory=Handles)
    contexts: Context = field(default_factory=Context)
    registered: dict[int, Any] = field(default_factory=dict)
    library: Any = None  # by which C finds the functions of the driver
    kept: dict[str, Any] = field(default_factory=dict)  # bytes that C has been given pointers to

    def __post_init__(self):
        self.memory = DeviceMemory(self.capacity)
        self.attributes = attributes(self.capability)
        self.name = f"Emulated {CARDS[self.capability][0]}"
        self.primary = self.handles.new("primary context")
        self.began = time.perf_counter()

    def text(self, value: str) -> int:
        """The address of a text as C has it, which lives as long as this."""
        kept = self.kept.setdefault(value, ctypes.create_string_buffer(value.encode()))
        return ctypes.addressof(kept)

    def launch(self, launched) -> None:
        """Have a kernel executed."""
        with self.mirrored():
            self.execute(launched)

    @contextmanager
    def mirrored(self) -> Iterator[None]:
        """While inside, the mirrors of registered memory of the host are what kernels read and write."""
        for mirror in self.registered.values():
            copy(mirror.address, mirror.mirrors, mirror.size)
        try:
            yield
        finally:
            for mirror in self.registered.values():
                copy(mirror.mirrors, mirror.address, mirror.size)

    def brought(self, address: int, size: int) -> None:
        """Bytes have been copied to the host: tell of those that nobody has written."""
        found = self.memory.at(address)
        if found and not found.is_whole and self.unwritten:
            missing = self.memory.unwritten(address, size)
            if missing:
                self.unwritten(found, missing, size)

    def check(self) -> None:
        """Raise DriverError once a kernel has failed."""
        if self.failed is not None:
            why, self.why = self.why, ""
            raise DriverError(self.failed, why)


_here: list[Gpu] = []


def gpu() -> Gpu:
    """The one that is installed."""
    return _here[0]


def install(each: Gpu) -> None:
    """Make it the GPU of this process."""
    _here[:] = [each]
