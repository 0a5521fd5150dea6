"""Where kernels are compiled, so that whoever waits for it can be told, and for what."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kernels.device import CudaDevice, Device

# What is run for the first time just now.
_first: ContextVar[str] = ContextVar("first", default="")


@contextmanager
def first_run_of(what: str) -> Iterator[None]:
    """What is compiled inside is compiled for this."""
    token = _first.set(what)
    try:
        yield
    finally:
        _first.reset(token)


@contextmanager
def when_compiling(device: Device, say: Callable[[str], None]) -> Iterator[None]:
    """Calls `say` where a kernel is compiled inside, perhaps many times, with what it is for, or "" if nobody said.

    On a CPU that is where Numba's cache on disk has not what is needed; for a GPU nothing is kept, so it is said at
    the start.
    """
    from numba.core import event  # here, because it loads slowly, and who only describes networks needs none

    class Listener(event.Listener):
        def on_start(self, event):
            say(_first.get())

        def on_end(self, event):
            """Nothing is said."""

    if isinstance(device, CudaDevice):
        say("")
    with event.install_listener("numba:compile", Listener()):
        yield
