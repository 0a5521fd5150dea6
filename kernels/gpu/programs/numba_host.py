"""Numba's host side, told of a session: it says what it launches, and compiles with the lines of the source.

Five of its methods are wrapped, what it keeps on disk has names of its own (kept.py), kernels that it writes itself get
files (generated.py), and one of them is another (assigning.py); nothing else is changed. A program that reaches the
driver without Numba is run as well; its messages then know parameters by number, and lines only if it asked its
compiler for them.
"""

import functools

from kernels.gpu.driver.place import place
from kernels.gpu.programs import assigning, generated
from kernels.gpu.programs.calling import Abi, Calling
from kernels.gpu.programs.kept import keep_apart
from kernels.gpu.programs.wrapping import wrap


def join(session) -> None:
    """Wrap what Numba launches and compiles with, for a Session."""
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import devicearray, driver

    keep_apart(session.needs_lines)
    generated.join()
    assigning.join()
    wrap(dispatcher.CUDADispatcher, "__init__", functools.partial(with_lines, session))
    wrap(dispatcher.CUDADispatcher, "call", functools.partial(call, session))
    wrap(dispatcher._Kernel, "launch", functools.partial(launch, session))
    wrap(driver._PendingDeallocs, "add_item", functools.partial(leave, session))
    wrap(devicearray.DeviceNDArray, "copy_to_device", functools.partial(fill, session))


def with_lines(session, original, self, py_func, targetoptions, *arguments, **keywords):
    """Kernels are compiled with the lines of the source where something is to be said of them."""
    if session.needs_lines and not targetoptions.get("debug"):
        targetoptions = {**targetoptions, "lineinfo": True}
    original(self, py_func, targetoptions, *arguments, **keywords)


def call(session, original, self, args, launch_config):
    """A dispatcher is called with a launch configuration."""
    __tracebackhide__ = True
    before = len(session.faults)
    session.asked.function = self.py_func
    try:
        if not session.refused(self, args, launch_config) and not session.interpreted(self, args, launch_config):
            original(self, args, launch_config)
    except Exception as error:
        session.raise_fault(before, error)


def launch(session, original, self, args, *arguments, **keywords):
    """A compiled kernel is launched."""
    from numba.cuda.np.numpy_support import as_dtype

    # Two pointers for its own use, the number of elements and their bytes, the address.
    abi = Abi(before=4, between=0, in_bytes=True, as_dtype=as_dtype)
    session.asked.calling = Calling(
        getattr(self, "py_func", None) or session.asked.function, self.argument_types, args, abi
    )
    try:
        original(self, args, *arguments, **keywords)
    finally:
        session.asked.calling = None


def leave(session, original, self, free, handle, *size):
    """Nobody holds something any more: Numba frees it now or later, and who still uses it does wrong from here on."""
    if free.__name__ in ("cuMemFree", "cuMemFreeHost") and not self.is_disabled:
        session.gpu.memory.leave(int(handle), place())
    original(self, free, handle, *size)


def fill(session, original, self, *arguments, **keywords):
    """An array is written, of which Numba may first read a cell, to no end."""
    session.asked.is_filling = True
    try:
        original(self, *arguments, **keywords)
    finally:
        session.asked.is_filling = False
