"""PTX that has been compiled before, found by what it depends on: a kernel takes Numba a second.

The key is a hash of all that the compiler sees: the source of the kernel and of every device function it reaches, what
the names in them mean, the types of the arguments, the architecture, and which Numba it is. A kernel that names
anything else, an object whose contents nobody knows, is compiled each time.
"""

import hashlib
import importlib.metadata
import inspect
import types
from functools import cache
from pathlib import Path

import numpy as np
from numba.core.extending import _Intrinsic
from numba.core.types import Type

from kernels.gpu import compiler
from kernels.gpu import lines as source_lines
from kernels.gpu import source as sources
from kernels.gpu.source import DeviceFunction, reachable
from kernels.store import Store

PACKAGES = ("numba", "numba-cuda", "llvmlite", "nvidia-nvvm")


def ptx(source, argument_types, architecture, **options):
    """PTX of a kernel, compiled or known; options as compiler.ptx takes them. Raises CompileError and NoCompiler."""
    key = key_of(source, argument_types, architecture, **options)
    if key is None:
        return compiled(source, argument_types, architecture, **options)
    store = Store("ptx")
    if found := store.get(key):
        return found.decode()
    text = compiled(source, argument_types, architecture, **options)
    store.put(key, text.encode())
    return text


def compiled(source, argument_types, architecture, lines=False, **options):
    """PTX of a kernel, compiled now."""
    if lines:
        return source_lines.ptx(source, argument_types, architecture, **options)
    return compiler.ptx(source.specialised(), argument_types, architecture, **options)


def key_of(source, argument_types, architecture, **options):
    """A hash of all that the PTX depends on; None where that is not known."""
    parts = [compiler_version(), architecture, repr(sorted(options.items())), repr(argument_types), repr(source)]
    for each in reachable(source):
        # With the place it stands at, as the text may say from which line each instruction comes.
        parts += [
            each.file if options.get("lines") else "",
            str(each.first_line),
            str(each.function.__module__),
            each.function.__qualname__,
            each.text,
            repr(each),
        ]
        for name, value in sorted(each.names().items()):
            described = describe(value)
            if described is None:
                return None
            parts.append(f"{name} = {described}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def describe(value):
    """A name's meaning in words that change when it does; None if there are none."""
    match value:
        case DeviceFunction():
            # Its source is reached by itself.
            return (
                repr(value) if value.intrinsic is None else f"{value!r} {file_hash(inspect.getfile(value.intrinsic))}"
            )
        case types.ModuleType():
            return value.__name__
        case bool() | int() | float() | str() | None | Type():
            return repr(value)
        case np.generic() | np.dtype():
            return repr(value)
        case tuple():
            inside = [describe(each) for each in value]
            return None if None in inside else repr(inside)
        case _Intrinsic():
            return file_hash(inspect.getfile(value._defn))
        case type() if value.__module__ == "builtins":
            return value.__name__
        case types.FunctionType() if not value.__module__.startswith("numba"):
            return describe_function(value)
        case types.BuiltinFunctionType():
            return value.__qualname__
    if getattr(value, "__module__", "").partition(".")[0] in ("numba", "math", "numpy"):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return None


def describe_function(function):
    """Of a Python function that Numba compiles into kernels: its text, and what the names in it mean."""
    used = inspect.getclosurevars(function)
    inside = {name: describe(value) for name, value in {**used.globals, **used.nonlocals}.items()}
    return None if None in inside.values() else f"{inspect.getsource(function)} {sorted(inside.items())}"


@cache
def file_hash(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@cache
def compiler_version():
    """Which compiler it is, our own modules that stand before it included."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return " ".join((*found, *(file_hash(module.__file__) for module in (compiler, sources, source_lines))))
