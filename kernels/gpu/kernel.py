"""A kernel: one Python function that can be compiled for a GPU, compiled only, or interpreted.

    @kernel
    def scale(x, y, factor, *, BLOCK=256):
        i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
        if i < x.size:
            y[i] = factor * x[i]

    launch = scale(BLOCK=4)[grid, 4](x, y, float32(2))

Arguments after the `*` are compile-time parameters, as template parameters are in CUDA C++: calling
the kernel with other values gives another kernel, so that one source runs with tiny tiles in the
interpreter and with large ones on a GPU. `kernel[grid, block](...)` runs nothing. It is a `Launch`:
what to run, on which arrays, for an interpreter, a compiler or a GPU to take.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu import compiler
from kernels.gpu.interpreter import interpret
from kernels.gpu.source import Source, constants_key, function_at


class Kernel:
    """A CUDA kernel; made by `@kernel`. See the module's docstring."""

    def __init__(self, function, constants=None, family=None):
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.source = Source(function, constants or {})
        # All that differ in compile-time parameters alone, by these: so each is compiled once.
        self._family = {} if family is None else family
        self._family[constants_key(self.source.constants)] = self

    def __call__(self, **constants):
        """The same kernel with other compile-time parameters."""
        merged = {**self.source.constants, **constants}
        return self._family.get(constants_key(merged)) or Kernel(self.source.function, merged, self._family)

    def __reduce__(self):
        return _kernel_at, (*self.source.place, self.source.constants)

    def __getitem__(self, configuration):
        """`kernel[grid, block]` or `kernel[grid, block, shared_bytes]`, to be called with the arguments."""
        grid, block, shared_bytes = (*configuration, 0)[:3]

        def bind(*args):
            if len(args) != len(self.source.arguments):
                raise TypeError(f"{self.name}: takes {len(self.source.arguments)} arguments, given {len(args)}")
            return Launch(self, _three(grid), _three(block), args, shared_bytes)

        return bind

    def __repr__(self):
        return repr(self.source)

    @property
    def name(self):
        return self.source.name

    @functools.cached_property
    def compiled(self):
        """The kernel for a GPU, compiled at its first launch."""
        return compiler.jit(self.source.specialised())

    def ptx(self, argument_types, architecture):
        """PTX for an architecture such as "sm_90"; needs no GPU."""
        return compiler.ptx(self.source.specialised(), argument_types, architecture)


@dataclass(frozen=True)
class Launch:
    """A kernel, its grid and block (x, y, z), its arguments and its dynamic shared memory in bytes: not yet run."""

    kernel: Kernel
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    args: tuple[Any, ...]
    shared_bytes: int = 0

    def interpret(self, checked=True):
        """Execute the kernel's source on NumPy arrays, on the CPU. `checked` refuses what a GPU would not notice."""
        interpret(self, checked=checked)

    def bound(self, stream_pointer):
        """A call that enqueues this launch on a CUDA stream, given as its address. Arguments are CuPy arrays.

        Arrays are converted here, once: left to the launch, Numba would synchronise for each of them.
        """
        cuda = compiler.cuda
        stream = cuda.external_stream(stream_pointer)
        args = [a if np.isscalar(a) else cuda.as_cuda_array(a, sync=False) for a in self.args]
        configured = self.kernel.compiled[self.grid, self.block, stream, self.shared_bytes]
        return functools.partial(configured, *args)

    @functools.cached_property
    def types(self):
        """Numba's types of the arguments: with the kernel, what a compilation depends on."""
        return tuple(compiler.type_of(a) for a in self.args)

    def ptx(self, architecture):
        """PTX of this launch's kernel for the types of its arguments."""
        return self.kernel.ptx(self.types, architecture)


def _kernel_at(module, name, constants):
    return Kernel(function_at(module, name), constants)


def _three(size):
    """A grid or block given as an int or a short tuple, as (x, y, z)."""
    size = (size,) if isinstance(size, int) else tuple(size)
    return (*size, 1, 1)[:3]


def kernel(function):
    """Decorator: make a CUDA kernel of a function."""
    return Kernel(function)


def scratch(like, shape, dtype="float32"):
    """An uninitialised array on the device of `like`, for values that one launch leaves to the next.

    Launches are planned once, so nothing is allocated while a network runs.
    """
    if isinstance(like, np.ndarray):
        return np.empty(shape, dtype)
    import cupy

    return cupy.empty(shape, dtype)


def or_any(array, other):
    """`array`, or where that is None, which no launch takes, some vector in its place that the kernel never reads."""
    return other.reshape(-1) if array is None else array
