"""A CUDA driver whose GPU is this machine's processor: libcuda.so.1, for programs that look for NVIDIA's.

    install(Gpu((9, 0), execute))

All that stands above the driver in such a program is what it always is: Numba's host side, NVIDIA's cuda.core and
cuda.bindings. They look for libcuda.so.1, and find this. Its memory is a range of this process's, its modules are PTX,
and its kernels are executed by whoever it is told, at once, when they are launched.
"""

import os
import warnings

from kernels.gpu.driver.gpu import Gpu

__all__ = ["Gpu", "install"]


def install(gpu: Gpu) -> None:
    """Make it the GPU of this process. Raises LibraryError where no library can be loaded for it."""
    from kernels.gpu.driver import calls, library, table
    from kernels.gpu.driver import gpu as here

    assert calls
    here.install(gpu)
    if gpu.library is None:
        gpu.library = library.loaded("libcuda.so.1", table.exported())
        os.register_at_fork(after_in_child=forked)
        link_here()
        wake_numba()


def forked() -> None:
    """A process that is forked has no GPU, as its contexts are of the other one: it is told by its first call."""
    from kernels.gpu.driver import gpu as here
    from kernels.gpu.driver.table import Code

    here.gpu().failed = Code.NOT_INITIALIZED
    here.gpu().why = "a process that is forked has no GPU: kernels run in the program's own process"


def link_here() -> None:
    """Have cuda.core link by the driver, so that what comes of it is PTX: nvJitLink would make machine code."""
    from cuda.bindings._internal import nvjitlink
    from cuda.core import _linker

    nvjitlink._inspect_function_pointer = lambda name: 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _linker._decide_nvjitlink_or_driver()


def wake_numba() -> None:
    """Numba may have looked for a driver before: let it look again."""
    import sys

    module = sys.modules.get("numba.cuda.cudadrv.driver")
    if module is not None:
        module.driver.__init__()
