"""The host side of numba-cuda-mlir, which follows numba-cuda, told of a session: as numba_host.py, for its methods.

Its kernels are compiled and emulated like all others; it has no simulator of its own. Interpreted they are not: its
types are not those of Numba, which the interpreter asks.
"""

import functools
import importlib.util

from kernels.gpu.programs.calling import Abi, Calling
from kernels.gpu.programs.wrapping import wrap


def join(session) -> None:
    """Wrap what it launches and compiles with, for a Session, where it is installed."""
    if importlib.util.find_spec("numba_cuda_mlir") is None:
        return
    from numba_cuda_mlir import descriptor

    wrap(descriptor.MLIRDispatcher, "__init__", functools.partial(with_lines, session))
    wrap(descriptor._ArgMarshaller, "_launch", functools.partial(launch, session))


def with_lines(session, original, self, py_func, targetoptions=None):
    """Kernels are compiled with the lines of the source where something is to be said of them."""
    if session.needs_lines and not (targetoptions or {}).get("debug"):
        targetoptions = {**(targetoptions or {}), "lineinfo": True}
    original(self, py_func, targetoptions)


def launch(session, original, self, argtypes, *arguments):
    """A kernel is launched, once it is compiled."""
    __tracebackhide__ = True
    from numba_cuda_mlir.numba_cuda.np.numpy_support import as_dtype

    # An array as MLIR passes a memref: a pointer for its own use, the address, an offset that is 0.
    abi = Abi(before=1, between=1, in_bytes=False, as_dtype=as_dtype)
    before = len(session.faults)
    session.asked.calling = Calling(getattr(self._dispatcher, "py_func", None), argtypes, (), abi)
    try:
        return original(self, argtypes, *arguments)
    except Exception as error:
        session.raise_fault(before, error)
    finally:
        session.asked.calling = None
