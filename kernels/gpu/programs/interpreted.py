"""The engine that executes the Python source of a kernel; Numba is asked for types and prepares the arguments."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import numpy as np

from kernels.gpu.compiler import NoCompiler
from kernels.gpu.driver.memory import DeviceMemory
from kernels.gpu.interpreter import check_limits
from kernels.gpu.kernel import Kernel, Launch
from kernels.gpu.programs.arguments import is_read_only, refuse_freed
from kernels.gpu.source import Source, SourceError
from kernels.gpu.xray import GPUS, Xray, xray
from kernels.gpu.xray.roofline import Gpu


@functools.cache
def kernel_of(function: Callable) -> Kernel:
    """The kernel that a function is, the same each time. Raises SourceError for one whose source is not kept."""
    try:
        found = Kernel(function)
    except TypeError as error:  # of a lambda, which may stand anywhere in its line
        raise SourceError(str(error)) from None
    _ = found.source.text
    return found


def interpret(session, dispatcher, args, configuration) -> None:
    """Execute what a dispatcher is called with. Raises KernelError and SourceError."""
    back: list[Callable] = []  # what Numba does after the launch: it copies arrays of the host back
    kinds = types_of(dispatcher, args, configuration)
    values = [
        value_of(session.gpu.memory, kind, value, dispatcher.extensions or (), configuration.stream, back)
        for kind, value in zip(kinds, args, strict=True)
    ]
    size = (*configuration.griddim, *configuration.blockdim)
    given = kernel_of(dispatcher.py_func), size[:3], size[3:], tuple(values), configuration.sharedmem
    launch = Interpreted(*given, dispatcher, kinds, replace(GPUS["h200"], architecture=session.architecture))
    check_limits(launch)
    memory = session.gpu.memory
    if session.checked:
        refuse_freed(memory, launch.kernel.name, inspect.signature(dispatcher.py_func).parameters, values)
    with session.gpu.mirrored():
        if session.counting:
            session.counting.begin(launch)
        if session.checked:
            launch.interpret(seed=session.seed, marks=memory.marks)
            memory.settle()
        else:
            launch.interpret(False, seed=session.seed)
            memory.trust()
    for each in back:
        each()


@dataclass(frozen=True, repr=False)
class Interpreted(Launch):
    """A launch that a dispatcher of Numba's is asked for, of which blocks can be counted; Numba knows its types."""

    dispatcher: Any = None
    kinds: tuple = ()
    gpu: Gpu = GPUS["h200"]

    @property
    def key(self):
        """The same for launches that are alike."""
        shapes = tuple((a.shape, a.strides) for a in self.args if isinstance(a, np.ndarray))
        return self.kernel, self.grid, self.block, self.shared_bytes, self.kinds, shapes

    @property
    def variables(self):
        """None: an interpreted kernel has no module."""
        return ()

    def count(self, blocks: int) -> Xray:
        """Raises KernelError."""
        return xray(self, blocks, self.gpu)

    def ptx(self, architecture, **options):
        """Raises NoCompiler where Numba does not compile what is interpreted."""
        try:
            return self.dispatcher.compile(self.kinds).library.get_asm_str()
        except Exception as error:  # Numba and NVVM raise many kinds
            raise NoCompiler(f"{self.kernel.name} does not compile") from error


def types_of(dispatcher, args, configuration) -> tuple:
    """Numba's types of the arguments: those of the signature that it was given, or those of the values.

    Raises TypeError where it was given several, and none is of the values.
    """
    if dispatcher.specialized:
        return next(iter(dispatcher.overloads.values())).argument_types
    if not dispatcher._can_compile:
        return compiled(dispatcher, args, configuration).argument_types
    return tuple(dispatcher.typeof_pyval(value) for value in args)


def compiled(dispatcher, args, configuration):
    """That of a dispatcher's kernels which Numba takes for these arguments. Raises TypeError where there is none."""
    from numba.cuda import dispatcher as numba

    configured = {numba._LAUNCH_CONFIG_KW: configuration}
    return numba._dispatcher.Dispatcher._cuda_call(dispatcher, *args, **configured)


# Modules whose kernels are none of the program's: those by which Numba assigns to parts of device arrays.
OF_NUMBA = ("numba.cuda.cudadrv.devicearray", "kernels.gpu.programs.assigning")


def is_to_be_compiled(dispatcher, args, configuration) -> bool:
    """Whether a launch is left to Numba: of a device function, which it refuses, of a kernel of its own, of one that
    names what has no source, or of an array without axes, which is a number to the interpreter.
    """
    if dispatcher.targetoptions.get("device") or dispatcher.py_func.__module__ in OF_NUMBA:
        return True
    if is_partly_without_source(dispatcher.py_func):
        return True
    return any(getattr(kind, "ndim", None) == 0 for kind in types_of(dispatcher, args, configuration))


@functools.cache
def is_partly_without_source(function: Callable) -> bool:
    """Whether a kernel names a function in C, of cuda.declare_device, or an array of the device that it is not given.

    So does one that calls a function that does. Raises SourceError.
    """
    waiting, met = [function], set()
    while waiting:
        function = waiting.pop()
        if function in met:
            continue
        met.add(function)
        for name, thing in Source(function, {}, may_be_lambda=True).names().items():
            if name in function.__code__.co_varnames:  # a global of the same name is none of the function's
                continue
            if type(thing).__name__ == "ExternFunction" or hasattr(thing, "__cuda_array_interface__"):
                return True
            if isinstance(called := getattr(thing, "py_func", None), FunctionType):
                waiting.append(called)
    return False


def value_of(memory: DeviceMemory, kind, value, extensions, stream, back) -> Any:
    """An argument as the interpreter takes it: arrays as views of the device's memory, numbers in their type."""
    from numba.cuda import types
    from numba.cuda.args import wrap_arg
    from numba.cuda.np.numpy_support import as_dtype

    for extension in reversed(extensions):
        kind, value = extension.prepare_args(kind, value, stream=stream, retr=back)
    if isinstance(kind, types.Array):
        is_sealed = is_read_only(value) or not kind.mutable
        given = wrap_arg(value).to_device(back, stream)
        layout = given._layout
        order: Any = "F" if layout.is_contiguous_f and not layout.is_contiguous_c else "C"
        strides = layout.strides_in_bytes or np.empty(given.shape, given.dtype, order).strides
        if 0 in given.shape:
            return np.empty(given.shape, as_dtype(kind.dtype))
        array = memory.view(given.ptr, given.shape, np.dtype(as_dtype(kind.dtype)), strides)
        array.flags.writeable = not is_sealed
        return array
    if isinstance(kind, types.CPointer):
        return pointed_at(memory, kind, int(value))
    if isinstance(kind, types.Record):
        given = wrap_arg(value).to_device(back, stream)
        return memory.view(given.ptr, (1,), np.dtype(as_dtype(kind)))[0]
    if isinstance(kind, types.BaseTuple):
        of = functools.partial(value_of, memory, extensions=extensions, stream=stream, back=back)
        items = [of(kind=each, value=item) for each, item in zip(kind, value, strict=True)]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(kind, types.EnumMember):
        return value.value
    if isinstance(kind, types.Boolean):
        return bool(value)
    if isinstance(kind, types.Integer):  # of which Numba passes the lowest bits
        return np.uint64(int(value) % 2**64).astype(str(kind))
    if isinstance(kind, types.Number):
        return np.dtype(str(kind)).type(value)
    return value


def pointed_at(memory: DeviceMemory, kind, address: int) -> Any:
    """What lies behind a pointer: an array of all that is allocated from there on. An address of nothing stays one."""
    from numba.cuda.np.numpy_support import as_dtype

    found, dtype = memory.at(address), np.dtype(as_dtype(kind.dtype))
    return address if found is None else memory.view(address, ((found.end - address) // dtype.itemsize,), dtype)
