"""The one module that names the compiler. Every kernel reaches Numba through here.

Today that is numba-cuda. Its announced successor, numba-cuda-mlir, keeps `@cuda.jit` and the
`cuda` namespace, so changing compilers means changing this file.
"""

import os
import pickle
import re
import threading
from contextlib import contextmanager, nullcontext, suppress
from types import SimpleNamespace
from typing import Any

import numpy as np

# Small grids are the rule here (a batch of 50 digits is small), so Numba's advice about them is noise.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

import numba
from numba import float32, float64, int32, int64, types, uint8, uint32, uint64
from numba.np.numpy_support import from_dtype

from kernels.gpu.later import later
from kernels.operation import unknown

# Who only interprets kernels does without the compiler, which takes as long to load as all else together.
cuda: Any = later(numba, "cuda")

# numba-cuda, up to 0.30.4 at least, looks for a second name of vstack that NumPy 2.5 has no more.
vars(np).setdefault("row_stack", np.vstack)

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100")

COMPILING = threading.Lock()  # held where all compilations of the process are changed

NO_COMPILER = "no compiler here: libnvvm was not found (set CUDA_HOME, or pip install 'numba-cuda[cu13]')"

__all__ = [
    "ARCHITECTURES",
    "CompileError",
    "NoCompiler",
    "cuda",
    "device_jit",
    "float32",
    "float64",
    "gpu_is_available",
    "gpu_problem",
    "int32",
    "int64",
    "jit",
    "ptx",
    "type_of",
    "uint8",
    "uint32",
    "uint64",
]


class CompileError(RuntimeError):
    """A kernel that the compiler refuses: one line that names it.

    subject    its beginning: which kernel does not compile for what
    line       number of the source line, if the compiler says it
    """

    def __init__(self, subject, said="", line=None):
        self.subject, self.said, self.line = subject, said, line
        super().__init__(f"{subject}: {said}" if said else subject)


class NoCompiler(CompileError):
    """The library that makes PTX is not installed here: one line."""


def jit(function):
    """`function` as a kernel that is compiled at its first launch, once for each tuple of argument types."""
    return cuda.jit(function)


def device_jit(function):
    """`function` for use inside kernels. Inlining lets it compile where there is no GPU."""
    return cuda.jit(function, device=True, inline="always")


def intrinsic(function):
    """A function that writes LLVM, `function(typing context, types...)`, for use inside kernels."""
    return cuda.extending.intrinsic(function)


def ptx(function, argument_types, architecture, contracted=True, lines=False):
    """PTX text of a kernel for an architecture such as "sm_90". Needs no GPU. Raises CompileError, NoCompiler.

    contracted    whether a * b + c may become one fma, rounded once, as it does on a GPU
    lines         whether the text says which line of the source an instruction comes from; asked for that, Numba puts
                  some instructions of about one kernel in four into another order, so what runs fast has none
    """
    signature, capability = types.void(*argument_types), compute_capability(architecture)
    try:
        with nullcontext() if contracted else uncontracted():
            text, _ = cuda.compile_ptx(function, signature, cc=capability, lineinfo=lines)
    except library_errors() as error:
        raise NoCompiler(NO_COMPILER) from error
    except Exception as error:  # Numba and NVVM raise many kinds, with texts of many lines
        said, line = condensed(str(error))
        raise CompileError(f"{function.__name__} does not compile for {architecture}", said, line) from error
    return text


def library_errors():
    """What is raised where libraries of the compiler are missing."""
    from cuda.pathfinder import DynamicLibNotFoundError  # of what is installed with numba-cuda

    return DynamicLibNotFoundError, cuda.cudadrv.error.NvvmSupportError


@contextmanager
def uncontracted():
    """What NVVM compiles inside keeps products and sums apart. Numba offers no such option, so it is slipped in."""
    nvvm = cuda.cudadrv.nvvm
    compile_ir = nvvm.compile_ir
    with COMPILING:
        nvvm.compile_ir = lambda text, **options: compile_ir(text, **{**options, "fma": False})
        try:
            yield
        finally:
            nvvm.compile_ir = compile_ir


def condensed(text):
    """(one line, number of the source line or None) of what Numba says in a page."""
    found = re.search(r'File "[^"]+", line (\d+)|(?:at|from) \S+ \((\d+)\)', text)
    line = int(found[1] or found[2]) if found else None
    if wanted := re.search(r">>> (.*)", text):  # of all candidates only what there is none for
        said = f"Numba knows no {wanted[1].strip()}"
        if said.startswith("Numba knows no array("):
            said += ": the shape of a shared or local array is written or a compile-time parameter, not computed"
    elif "driver" in text:
        said = "it uses what Numba compiles only where there is a GPU"
    else:
        text = re.sub(r"^Failed in .*\n", "", text)
        said = " ".join(re.split(r"\n\s*\n|\n\s*File |\nDuring", text)[0].split())
    return f"{said} (line {line})" if line else said, line


def compute_capability(architecture):
    """(9, 0) for "sm_90". Raises ValueError for a name that is no architecture."""
    digits = architecture.removeprefix("sm_")
    if not digits.isdigit() or len(digits) < 2:
        raise ValueError(unknown("architecture", architecture, ARCHITECTURES))
    return int(digits[:-1]), int(digits[-1])


def type_of(value):
    """The Numba type a launch gives to an argument: C-contiguous arrays, int64 and float32 scalars."""
    if hasattr(value, "dtype"):
        if (value.dtype.names is not None and value.ndim) or value.dtype.kind in "mM":
            kind = from_dtype(value.dtype)
            return types.Array(kind, value.ndim, "C") if value.ndim else kind
        if not hasattr(types, value.dtype.name) and value.dtype.name != "bool":
            raise TypeError(f"kernel argument of {value.dtype}: kernels take numbers and booleans")
        scalar = getattr(types, "boolean" if value.dtype.name == "bool" else value.dtype.name)
        return types.Array(scalar, value.ndim, "C") if value.ndim else scalar
    if isinstance(value, bool):
        return types.boolean
    if isinstance(value, int):
        return types.int64 if value < 2**63 else types.uint64
    if isinstance(value, float):
        return types.float64
    if isinstance(value, complex):
        return types.complex128
    if isinstance(value, tuple):
        return types.BaseTuple.from_types([type_of(item) for item in value], type(value))
    raise TypeError(f"kernel argument {value!r}: {type(value).__name__} is neither an array nor a number")


def gpu_is_available():
    """Whether a driver answers, a GPU is there, and a compiler for it."""
    return gpu_problem() is None


def gpu_problem():
    """Why kernels cannot be compiled and run on a GPU here: one line; None where they can."""
    try:
        if cuda.is_available():
            return None
    except library_errors():  # raised only once a driver has answered
        return NO_COMPILER
    return "no GPU or no driver was found" if cuda.cuda_error() else NO_COMPILER


def compiler_problem():
    """Why kernels cannot be compiled here, GPU or none: one line; None where they can."""
    try:
        cuda.cudadrv.nvvm.NVVM()
    except library_errors():
        return NO_COMPILER
    return None


def capability_of_gpu():
    """(9, 0) for an H100 or H200: what kernels are compiled for."""
    return cuda.get_current_device().compute_capability


def is_compiled(kernel, argument_types):
    """Whether a kernel that `jit` made would be launched on such arguments at once."""
    return argument_types in kernel.overloads


def machine_code(kernel, argument_types, capability):
    """A kernel that `jit` made, compiled for GPUs of a capability: bytes that `adopt` takes in another process.

    For processes that only compile: Numba asks the GPU here what to compile for, and from then on gets `capability`
    for an answer, so that none is needed.
    """
    device = SimpleNamespace(compute_capability=capability)
    cuda.dispatcher.get_current_device = lambda: device
    cuda.cudadrv.devices.get_context = lambda: SimpleNamespace(device=device)
    compiled = cuda.dispatcher._Kernel(kernel.py_func, argument_types, **kernel.targetoptions)
    with suppress(Exception):  # where there is no nvJitLink, the process that has the GPU will link
        compiled.library.get_cubin(capability)
    return pickle.dumps(compiled)


def adopt(kernel, argument_types, code):
    """Give a kernel that `jit` made what `machine_code` made of it: as from Numba's own cache, it is launched so."""
    kernel.add_overload(pickle.loads(code), argument_types)
