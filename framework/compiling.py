"""Where kernels are compiled, so that whoever waits for it can be told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

from kernels.device import CudaDevice, Device


class _Listener(event.Listener):
    """Calls `say` as often as Numba starts to compile."""

    def __init__(self, say: Callable[[], None]):
        self.say = say

    def on_start(self, event):
        self.say()

    def on_end(self, event):
        """Nothing is said."""


@contextmanager
def when_compiling(device: Device, say: Callable[[], None]) -> Iterator[None]:
    """Calls `say` where a kernel is compiled inside, perhaps many times.

    On a CPU that is where Numba's cache on disk has not what is needed; for a GPU nothing is kept, so it is said at
    the start.
    """
    if isinstance(device, CudaDevice):
        say()
    with event.install_listener("numba:compile", _Listener(say)):
        yield
