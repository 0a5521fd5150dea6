"""What a kernel is here: one Python function, compiled by Numba or interpreted."""

from kernels.gpu.compiler import cuda, float32, float64, gpu_is_available, int32, int64, uint8, uint32
from kernels.gpu.kernel import Kernel, Launch, kernel, or_any, scratch
from kernels.gpu.ladder import Ladder, rung
from kernels.gpu.source import device
from kernels.numba_cache import make_safe

__all__ = [
    "Kernel",
    "Ladder",
    "Launch",
    "cuda",
    "device",
    "float32",
    "float64",
    "gpu_is_available",
    "int32",
    "int64",
    "kernel",
    "or_any",
    "rung",
    "scratch",
    "uint8",
    "uint32",
]

make_safe()  # before a loop of the emulator is looked for in Numba's cache
