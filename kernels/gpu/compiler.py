"""The one module that names the compiler. Every kernel reaches Numba through here.

Today that is numba-cuda. Its announced successor, numba-cuda-mlir, keeps `@cuda.jit` and the
`cuda` namespace, so changing compilers means changing this file.
"""

import os

from cuda.pathfinder import DynamicLibNotFoundError

# Small grids are the rule here (a batch of 50 digits is small), so Numba's advice about them is noise.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

from numba import cuda, float32, float64, int32, int64, types, uint8, uint32
from numba.cuda.cudadrv.error import NvvmSupportError

from kernels.operation import unknown

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100")

__all__ = [
    "ARCHITECTURES",
    "CompileError",
    "NoCompiler",
    "cuda",
    "device_jit",
    "float32",
    "float64",
    "gpu_is_available",
    "int32",
    "int64",
    "jit",
    "ptx",
    "type_of",
    "uint8",
    "uint32",
]


class CompileError(RuntimeError):
    """A kernel that the compiler refuses: one line that names it."""


class NoCompiler(CompileError):
    """The library that makes PTX is not installed here: one line."""


def jit(function):
    """`function` as a kernel that is compiled at its first launch, once for each tuple of argument types."""
    return cuda.jit(function)


def device_jit(function):
    """`function` for use inside kernels. Inlining lets it compile where there is no GPU."""
    return cuda.jit(function, device=True, inline="always")


def ptx(function, argument_types, architecture):
    """PTX text of a kernel for an architecture such as "sm_90". Needs no GPU. Raises CompileError, NoCompiler."""
    signature, capability = types.void(*argument_types), compute_capability(architecture)
    try:
        text, _ = cuda.compile_ptx(function, signature, cc=capability)
    except (DynamicLibNotFoundError, NvvmSupportError) as error:
        raise NoCompiler("no compiler here: libnvvm was not found (pip install 'numba-cuda[cu13]')") from error
    except Exception as error:  # Numba and NVVM raise many kinds, with texts of many lines
        said = " ".join(str(error).split())
        raise CompileError(f"{function.__name__} does not compile for {architecture}: {said}") from error
    return text


def compute_capability(architecture):
    """(9, 0) for "sm_90". Raises ValueError for a name that is no architecture."""
    digits = architecture.removeprefix("sm_")
    if not digits.isdigit() or len(digits) < 2:
        raise ValueError(unknown("architecture", architecture, ARCHITECTURES))
    return int(digits[:-1]), int(digits[-1])


def type_of(value):
    """The Numba type a launch gives to an argument: C-contiguous arrays, int64 and float32 scalars."""
    if hasattr(value, "dtype"):
        scalar = getattr(types, "boolean" if value.dtype.name == "bool" else value.dtype.name)
        return types.Array(scalar, value.ndim, "C") if value.ndim else scalar
    if isinstance(value, bool):
        return types.boolean
    if isinstance(value, int):
        return types.int64
    if isinstance(value, float):
        return types.float64
    raise TypeError(f"kernel argument {value!r}: {type(value).__name__} is neither an array nor a number")


def gpu_is_available():
    """Whether a driver answers and a GPU is there."""
    return cuda.is_available()
