"""The one module that names the compiler. Every kernel reaches Numba through here.

Today that is numba-cuda. Its announced successor, numba-cuda-mlir, keeps `@cuda.jit` and the
`cuda` namespace, so changing compilers means changing this file.
"""

import os

# Small grids are the rule here (a batch of 50 digits is small), so Numba's advice about them is noise.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

from numba import cuda, float32, float64, int32, int64, types, uint8, uint32

from kernels.operation import unknown

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100")

__all__ = [
    "ARCHITECTURES",
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


def jit(function):
    """`function` as a kernel that is compiled at its first launch, once for each tuple of argument types."""
    return cuda.jit(function)


def device_jit(function):
    """`function` for use inside kernels. Inlining lets it compile where there is no GPU."""
    return cuda.jit(function, device=True, inline="always")


def ptx(function, argument_types, architecture):
    """PTX text of a kernel for an architecture such as "sm_90". Needs no GPU."""
    signature = types.void(*argument_types)
    text, _ = cuda.compile_ptx(function, signature, cc=compute_capability(architecture))
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
