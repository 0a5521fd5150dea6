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

import ast
import functools
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu import compiler


class Source:
    """A Python function as text, syntax tree and names, with its keyword-only arguments split off as constants."""

    def __init__(self, function, constants):
        parameters = inspect.signature(function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        unknown = set(constants) - set(defaults)
        if unknown:
            raise TypeError(
                f"{function.__name__}: no compile-time parameter {', '.join(sorted(unknown))}, "
                f"it has {', '.join(defaults) or 'none'}"
            )
        self.function = function
        self.constants = {**defaults, **constants}
        missing = [name for name, value in self.constants.items() if value is inspect.Parameter.empty]
        if missing:
            raise TypeError(f"{function.__name__}: compile-time parameter {', '.join(missing)} has no value")

    @property
    def name(self):
        return self.function.__name__

    @property
    def file(self):
        return inspect.getsourcefile(self.function) or "<unknown>"

    @functools.cached_property
    def text(self):
        """The source as it stands in the file, decorators included."""
        return inspect.getsource(self.function)

    @functools.cached_property
    def arguments(self):
        """Names of the run-time arguments."""
        parameters = inspect.signature(self.function).parameters.values()
        return tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)

    def tree(self):
        """A fresh syntax tree of the function: no decorators, no keyword-only arguments, lines as in the file."""
        lines, first = inspect.getsourcelines(self.function)
        module = ast.parse(textwrap.dedent("".join(lines)))
        ast.increment_lineno(module, first - 1)
        definition = module.body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.decorator_list = []
        definition.args.kwonlyargs, definition.args.kw_defaults = [], []
        return definition

    def names(self):
        """What the names in the function mean: its module's globals, its closure, its constants."""
        closure = inspect.getclosurevars(self.function).nonlocals
        known = {**self.function.__globals__, **closure, **self.constants}
        used = {node.id for node in ast.walk(self.tree()) if isinstance(node, ast.Name)}
        return {name: value for name, value in known.items() if name in used}

    def specialised(self):
        """The function with its constants bound, and device functions in their compiled form, ready for Numba.

        The constants become cells of a closure and not globals, because that is what Numba's cache looks at.
        """
        names = {n: _compiled(v) for n, v in self.names().items()}
        constants = {n: names.pop(n) for n in self.constants if n in names}
        tree = self.tree()
        maker = ast.FunctionDef(
            name="specialise",
            args=ast.arguments([], [ast.arg(n) for n in constants], None, [], [], None, []),
            body=[tree, ast.Return(ast.Name(self.name, ast.Load()))],
            decorator_list=[],
        )
        module = ast.fix_missing_locations(ast.Module([maker], []))
        names["__name__"] = self.function.__module__
        exec(compile(module, self.file, "exec"), names)
        return names["specialise"](**constants)


def _compiled(value):
    return value.compiled if isinstance(value, DeviceFunction) else value


class DeviceFunction:
    """A function for use inside kernels; made by `@device`. Inlined when compiled, called when interpreted."""

    def __init__(self, function):
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.source = Source(function, {})

    @functools.cached_property
    def compiled(self):
        return compiler.device_jit(self.source.specialised())


class Kernel:
    """A CUDA kernel; made by `@kernel`. See the module's docstring."""

    def __init__(self, function, constants=None):
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.source = Source(function, constants or {})
        self._specialised = {}

    def __call__(self, **constants):
        """The same kernel with other compile-time parameters."""
        key = tuple(sorted(constants.items(), key=lambda item: item[0]))
        if key not in self._specialised:
            merged = {**self.source.constants, **constants}
            self._specialised[key] = Kernel(self.source.function, merged)
        return self._specialised[key]

    def __getitem__(self, configuration):
        """`kernel[grid, block]` or `kernel[grid, block, shared_bytes]`, to be called with the arguments."""
        grid, block, shared_bytes = (*configuration, 0)[:3]

        def bind(*args):
            if len(args) != len(self.source.arguments):
                raise TypeError(f"{self.name}: takes {len(self.source.arguments)} arguments, given {len(args)}")
            return Launch(self, _three(grid), _three(block), args, shared_bytes)

        return bind

    def __repr__(self):
        constants = ", ".join(f"{n}={getattr(v, '__name__', v)}" for n, v in self.source.constants.items())
        return f"{self.name}({constants})"

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
        from kernels.gpu.interpreter import interpret

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

    def ptx(self, architecture):
        """PTX of this launch's kernel for the types of its arguments."""
        return self.kernel.ptx(tuple(compiler.type_of(a) for a in self.args), architecture)


def _three(size):
    """A grid or block given as an int or a short tuple, as (x, y, z)."""
    size = (size,) if isinstance(size, int) else tuple(size)
    return (*size, 1, 1)[:3]


def kernel(function):
    """Decorator: make a CUDA kernel of a function."""
    return Kernel(function)


def device(function):
    """Decorator: make a function usable inside kernels."""
    return DeviceFunction(function)


def scratch(like, shape, dtype="float32"):
    """An uninitialised array on the device of `like`, for values that one launch leaves to the next.

    Launches are planned once, so nothing is allocated while a network runs.
    """
    if isinstance(like, np.ndarray):
        return np.empty(shape, dtype)
    import cupy

    return cupy.empty(shape, dtype)
