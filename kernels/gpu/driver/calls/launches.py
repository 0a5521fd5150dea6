"""Launches of kernels: what a GPU would refuse is refused, all else is executed."""

import ctypes
import math
from ctypes import POINTER, c_int, c_uint, c_void_p

from kernels.gpu.driver.attributes import SHARED_BYTES
from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.launched import Launched
from kernels.gpu.driver.modules import Kernel
from kernels.gpu.driver.streams import do
from kernels.gpu.driver.table import Code, DriverError, function
from kernels.gpu.occupancy import occupancy

COOPERATIVE, CLUSTER = 2, 4  # CUlaunchAttributeID
ONE = (1, 1, 1)


class Attribute(ctypes.Structure):
    """CUlaunchAttribute."""

    _fields_ = [("id", c_int), ("pad", ctypes.c_char * 4), ("value", 3 * c_uint), ("more", ctypes.c_char * 52)]


class Configuration(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = [
        *((f"grid_{axis}", c_uint) for axis in "xyz"),
        *((f"block_{axis}", c_uint) for axis in "xyz"),
        ("shared_bytes", c_uint),
        ("stream", c_void_p),
        ("attributes", POINTER(Attribute)),
        ("count", c_uint),
    ]


def blocks(kernel: Kernel, threads: int, dynamic_bytes: int) -> int:
    """How many blocks of a kernel a multiprocessor holds."""
    registers = kernel.module.registers(kernel.name)
    return occupancy(gpu().capability, threads, registers, kernel.shared_bytes + dynamic_bytes).blocks


def check(launched: Launched) -> None:
    """Raise DriverError for a launch that no GPU of this kind carries out."""
    kernel, attributes = launched.kernel, gpu().attributes
    for what, size in (("grid", launched.grid), ("block", launched.block)):
        most = tuple(attributes[f"MAX_{what.upper()}_DIM_{axis}"] for axis in "XYZ")
        if not all(1 <= n <= limit for n, limit in zip(size, most, strict=True)):
            raise DriverError(Code.INVALID_VALUE, f"{what} {size}: from 1 to {most} is allowed")
    threads = math.prod(launched.block)
    if threads > kernel.most_threads:
        problem = f"block {launched.block} has {threads} threads: at most {kernel.most_threads} are allowed"
        raise DriverError(Code.INVALID_VALUE, problem)
    allowed = max(SHARED_BYTES - kernel.shared_bytes, kernel.dynamic_bytes)
    if launched.shared_bytes > allowed:
        problem = f"{launched.shared_bytes} bytes of dynamic shared memory: at most {allowed} are allowed"
        raise DriverError(Code.INVALID_VALUE, problem)
    if launched.is_cooperative:
        held = blocks(kernel, threads, launched.shared_bytes) * attributes["MULTIPROCESSOR_COUNT"]
        if math.prod(launched.grid) > held:
            problem = f"grid {launched.grid}: a cooperative launch has at most {held} blocks, all held at once"
            raise DriverError(Code.COOPERATIVE_LAUNCH_TOO_LARGE, problem)


def launch(kernel, grid, block, shared_bytes, stream, parameters, extra, is_cooperative=False):
    """Execute a kernel; parameters point to their values."""
    gpu().check()
    if extra:
        raise DriverError(Code.NOT_SUPPORTED, "parameters of a kernel given as one buffer: give a pointer to each")
    found = gpu().handles.get(kernel, Kernel)
    values = [ctypes.string_at(parameters[n], each.size) for n, each in enumerate(found.function.parameters)]
    launched = Launched(found, grid, block, shared_bytes, values, is_cooperative)
    check(launched)
    do(stream, lambda: gpu().launch(launched))


@function(POINTER(Configuration), c_void_p, POINTER(c_void_p), c_void_p)
def cuLaunchKernelEx(configuration, kernel, parameters, extra):
    c = configuration[0]
    grid, block = (c.grid_x, c.grid_y, c.grid_z), (c.block_x, c.block_y, c.block_z)
    attributes = {c.attributes[n].id: tuple(c.attributes[n].value) for n in range(c.count)}
    if attributes.get(CLUSTER, ONE) != ONE:
        raise DriverError(Code.NOT_SUPPORTED, "clusters of blocks are not executed here")
    is_cooperative = bool(attributes.get(COOPERATIVE, (0,))[0])
    launch(kernel, grid, block, c.shared_bytes, c.stream, parameters, extra, is_cooperative)


@function(c_void_p, *6 * [c_uint], c_uint, c_void_p, POINTER(c_void_p), c_void_p)
def cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared_bytes, stream, parameters, extra):
    launch(kernel, (gx, gy, gz), (bx, by, bz), shared_bytes, stream, parameters, extra)


@function(c_void_p, *6 * [c_uint], c_uint, c_void_p, POINTER(c_void_p))
def cuLaunchCooperativeKernel(kernel, gx, gy, gz, bx, by, bz, shared_bytes, stream, parameters):
    launch(kernel, (gx, gy, gz), (bx, by, bz), shared_bytes, stream, parameters, None, True)
