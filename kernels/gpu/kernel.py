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
from numbers import Integral
from typing import Any

import numpy as np

from kernels.gpu import compiler, known_ptx
from kernels.gpu.interpreter import KernelError, check_limits, interpret, refusal
from kernels.gpu.shown import cause, shown
from kernels.gpu.source import Source, SourceError, constants_key, function_at


class Kernel:
    """A CUDA kernel; made by `@kernel`. See the module's docstring."""

    def __init__(self, function, constants=None, family=None):
        self.source = Source(function, constants or {})
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self._ptx = {}  # by types of arguments, architecture and options
        # All that differ in compile-time parameters alone, by these: so each is compiled once.
        self._family = {} if family is None else family
        self._family[constants_key(self.source.constants)] = self

    def __call__(self, *args, **constants):
        """The same kernel with other compile-time parameters."""
        if args:
            raise TypeError(f"{self.name}: a kernel is not called but launched: {self.usage}")
        merged = {**self.source.constants, **constants}
        return self._family.get(constants_key(merged)) or Kernel(self.source.function, merged, self._family)

    def __reduce__(self):
        return _kernel_at, (*self.source.place, self.source.constants)

    def __getitem__(self, configuration):
        """`kernel[grid, block]` or `kernel[grid, block, shared_bytes]`, to be called with the arguments.

        Numba's own order, `[grid, block, stream, shared_bytes]`, is understood where the stream is 0: which it is, who
        runs the launch says. Raises TypeError for what is no launch, and LaunchError for one that no GPU takes.
        """
        if not isinstance(configuration, tuple) or len(configuration) not in (2, 3, 4):
            raise TypeError(
                f"{self.name}: a launch is {self.usage}, or [grid, block, shared_bytes] with numbers of bytes"
            )
        grid, block = self._three("grid", configuration[0]), self._three("block", configuration[1])
        shared_bytes = self._bytes((*configuration[2:], 0)[0] if len(configuration) < 4 else configuration[3])
        if len(configuration) == 4:
            self._refuse_stream(configuration[2])

        def bind(*args, **keywords):
            self._check_arguments(args, keywords)
            launch = Launch(self, grid, block, args, shared_bytes)
            try:
                check_limits(launch)
            except KernelError as error:
                raise shown(error) from cause(error)
            return launch

        return bind

    def _three(self, what, size):
        """A grid or block given as a number or a short tuple, as (x, y, z)."""
        sizes = size if isinstance(size, tuple | list) else (size,)
        if not 1 <= len(sizes) <= 3 or not all(map(_is_whole, sizes)):
            raise TypeError(f"{self.name}: {what} {size!r} is not one whole number, nor two or three of them")
        return (*map(int, sizes), 1, 1)[:3]

    def _bytes(self, shared_bytes):
        """The size of dynamic shared memory as an int."""
        if not _is_whole(shared_bytes) or shared_bytes < 0:
            what = f"{shared_bytes!r} is no number of bytes: a launch is [grid, block, shared_bytes]"
            raise TypeError(f"{self.name}: {what}, or as in Numba [grid, block, 0, shared_bytes]")
        return int(shared_bytes)

    def _refuse_stream(self, stream):
        if not (stream is None or (_is_whole(stream) and stream == 0)):
            what = f"a launch knows no stream, who runs it does: write 0 for {stream!r}"
            raise TypeError(f"{self.name}: {what}, as in [grid, block, 0, shared_bytes]")

    def _check_arguments(self, args, keywords):
        names = self.source.arguments
        for name in keywords:
            how = f"{name} comes before the grid: {self.name}({name}=...)[grid, block](...)"
            positional = f"arguments are given without names: {self.usage}"
            raise TypeError(f"{self.name}: {how if name in self.source.constants else positional}")
        if len(args) != len(names):
            raise TypeError(f"{self.name}: takes {len(names)} arguments ({', '.join(names)}), given {len(args)}")
        for name, value in zip(names, args, strict=True):
            self._check_argument(name, value)

    def _check_argument(self, name, value):
        """Raises TypeError for a value that no kernel takes."""
        if isinstance(value, tuple):
            for i, item in enumerate(value):
                self._check_argument(f"{name}[{i}]", item)
            return
        if value is None:
            what = f"{name} is None, which Numba compiles and does not launch: make it a compile-time parameter"
            raise TypeError(f"{self.name}: {what}, after the * of the kernel's arguments")
        if not (_is_array(value) or isinstance(value, int | float | complex)):
            what = f"{name} is {_kind(value)}: give an array, as np.array({name}, np.float32), or a number"
            raise TypeError(f"{self.name}: {what}")
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise TypeError(f"{self.name}: {name} is {value}, which has more than 64 bits")

    def __repr__(self):
        return repr(self.source)

    @property
    def name(self):
        return self.source.name

    @property
    def usage(self):
        """How it is launched."""
        return f"{self.name}[grid, block]({', '.join(self.source.arguments)})"

    @functools.cached_property
    def compiled(self):
        """The kernel for a GPU, compiled at its first launch."""
        return compiler.jit(self.source.specialised())

    def ptx(self, argument_types, architecture, **options):
        """PTX for an architecture such as "sm_90"; needs no GPU. Options as compiler.ptx takes them."""
        key = (argument_types, architecture, *sorted(options.items()))
        if key not in self._ptx:
            self._ptx[key] = known_ptx.ptx(self.source, argument_types, architecture, **options)
        return self._ptx[key]


@dataclass(frozen=True, repr=False)
class Launch:
    """A kernel, its grid and block (x, y, z), its arguments and its dynamic shared memory in bytes: not yet run."""

    kernel: Kernel
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    args: tuple[Any, ...]
    shared_bytes: int = 0

    def __repr__(self):
        named = zip(self.kernel.source.arguments, self.args, strict=True)
        args = ", ".join(f"{name}: {_described(value)}" for name, value in named)
        more = f", {self.shared_bytes}" if self.shared_bytes else ""
        launched = f"{self.kernel!r}[{_trimmed(self.grid)}, {_trimmed(self.block)}{more}]({args})"
        return f"<{launched}: not run; .interpret() runs it>"

    def interpret(self, checked=True, **options):
        """Execute the kernel's source on NumPy arrays, on the CPU. `checked` refuses what a GPU would not notice.

        options    of kernels.gpu.interpreter.interpret
        """
        try:
            interpret(self, checked=checked, **options)
        except (KernelError, SourceError) as error:
            raise shown(error) from cause(error)

    def emulate(self, seed=None, checked=False, **options):
        """Execute on the CPU what the compiler makes of the kernel, on NumPy arrays; with a seed in another order.

        `checked` refuses what a GPU would not notice. Options as compiler.ptx takes them.
        """
        self.emulated(checked=checked, **options)(seed)

    def emulated(self, **options):
        """A call that runs the compiled kernel on these arrays, to be made any number of times."""
        from kernels.gpu.emulator import bound  # it needs LLVM, and most who launch do not need it

        return bound(self, **options)

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

    def ptx(self, architecture, **options):
        """PTX of this launch's kernel for the types of its arguments; options as compiler.ptx takes them.

        Raises CompileError, NoCompiler.
        """
        try:
            return self.kernel.ptx(self.types, architecture, **options)
        except (compiler.CompileError, SourceError) as error:
            raise shown(self._plainer(error)) from cause(error)

    def _plainer(self, error):
        """What the interpreter says of a kernel that does not compile, if it stumbles over the same line."""
        said = refusal(self) if type(error) is compiler.CompileError else None
        if said is None or said.line is None or error.line not in (None, said.line):
            return error
        return compiler.CompileError(error.subject, f"{said.problem}, at {said.site}", said.line)


def _kernel_at(module, name, constants):
    return Kernel(function_at(module, name), constants)


def _is_whole(value):
    """Whether a value is a whole number: of Python or NumPy, and neither true nor false."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_array(value):
    """Whether a value is an array or a number of NumPy, of CuPy, or of another library that has NumPy's types."""
    return isinstance(getattr(value, "dtype", None), np.dtype) and hasattr(value, "shape")


def _kind(value):
    """What a value is, with an article."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _described(value):
    """An argument in a few characters."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_described, value))})"
    if not hasattr(value, "dtype"):
        return repr(value)
    return f"{value.dtype} of {_short(value.shape)}" if value.shape else f"{value.dtype} {value}"


def _trimmed(size):
    """(4, 1, 1) as 4, and (4, 2, 1) as (4, 2)."""
    while len(size) > 1 and size[-1] == 1:
        size = size[:-1]
    return _short(size)


def _short(size):
    """(4,) as 4."""
    return str(size[0]) if len(size) == 1 else str(tuple(size))


def kernel(function):
    """Decorator: make a CUDA kernel of a function, or of what `@cuda.jit` has made of one."""
    if getattr(function, "targetoptions", {}).get("device"):
        raise TypeError(f"{function.__name__}: is a device function, which kernels call and nobody launches")
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
