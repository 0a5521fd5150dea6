"""Launches of kernels."""

import ctypes
from ctypes import POINTER, c_int, c_uint, c_void_p

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.launched import Launched
from kernels.gpu.driver.modules import Kernel
from kernels.gpu.driver.table import function

COOPERATIVE = 2  # CUlaunchAttributeID


class Attribute(ctypes.Structure):
    """CUlaunchAttribute."""

    _fields_ = [("id", c_int), ("pad", ctypes.c_char * 4), ("value", c_int), ("more", ctypes.c_char * 60)]


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


def launched(kernel, grid, block, shared_bytes, parameters, is_cooperative=False):
    """Execute a kernel; parameters point to their values."""
    gpu().check()
    found = gpu().handles.get(kernel, Kernel)
    values = [ctypes.string_at(parameters[n], each.size) for n, each in enumerate(found.function.parameters)]
    gpu().launch(Launched(found, grid, block, shared_bytes, values, is_cooperative))


@function(POINTER(Configuration), c_void_p, POINTER(c_void_p), c_void_p)
def cuLaunchKernelEx(configuration, kernel, parameters, extra):
    c = configuration[0]
    grid, block = (c.grid_x, c.grid_y, c.grid_z), (c.block_x, c.block_y, c.block_z)
    attributes = {c.attributes[n].id: c.attributes[n].value for n in range(c.count)}
    launched(kernel, grid, block, c.shared_bytes, parameters, bool(attributes.get(COOPERATIVE)))


@function(c_void_p, *6 * [c_uint], c_uint, c_void_p, POINTER(c_void_p), c_void_p)
def cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared_bytes, stream, parameters, extra):
    launched(kernel, (gx, gy, gz), (bx, by, bz), shared_bytes, parameters)


@function(c_void_p, *6 * [c_uint], c_uint, c_void_p, POINTER(c_void_p))
def cuLaunchCooperativeKernel(kernel, gx, gy, gz, bx, by, bz, shared_bytes, stream, parameters):
    launched(kernel, (gx, gy, gz), (bx, by, bz), shared_bytes, parameters, True)
