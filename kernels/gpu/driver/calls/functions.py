"""Kernels: their names and parameters, what they take of a GPU, and how many of their blocks it holds."""

from ctypes import CFUNCTYPE, POINTER, c_int, c_size_t, c_uint, c_void_p

from kernels.gpu.driver.attributes import SHARED_BYTES
from kernels.gpu.driver.calls.launches import blocks
from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.modules import Kernel
from kernels.gpu.driver.table import Code, DriverError, function
from kernels.gpu.occupancy import WARP

# CUfunction_attribute
MAX_THREADS, SHARED, CONST, LOCAL, REGISTERS, PTX_VERSION, BINARY_VERSION, CACHED, DYNAMIC_SHARED, CARVEOUT = range(10)
SHARED_OF = CFUNCTYPE(c_size_t, c_int)  # CUoccupancyB2DSize


def kernel_of(handle) -> Kernel:
    return gpu().handles.get(handle, Kernel)


@function(POINTER(c_void_p), c_void_p)
def cuKernelGetFunction(found, kernel):
    kernel_of(kernel)
    found[0] = kernel


def module_of(kernel):
    """The number of the module that a kernel is of."""
    module = kernel_of(kernel).module
    return next(handle for handle, each in gpu().handles.objects.items() if each is module)


@function(POINTER(c_void_p), c_void_p)
def cuKernelGetLibrary(library, kernel):
    library[0] = module_of(kernel)


@function(POINTER(c_void_p), c_void_p)
def cuFuncGetModule(module, kernel):
    module[0] = module_of(kernel)


@function(POINTER(c_void_p), c_void_p)
def cuKernelGetName(name, kernel):
    name[0] = gpu().text(kernel_of(kernel).name)


@function(POINTER(c_void_p), c_void_p)
def cuFuncGetName(name, kernel):
    name[0] = gpu().text(kernel_of(kernel).name)


def parameter(kernel, number, offset, size):
    offset[0], variable = kernel_of(kernel).parameter(number)
    if size:
        size[0] = variable.size


@function(c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_size_t))
def cuKernelGetParamInfo(kernel, number, offset, size):
    parameter(kernel, number, offset, size)


@function(c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_size_t))
def cuFuncGetParamInfo(kernel, number, offset, size):
    parameter(kernel, number, offset, size)


def attribute(number, kernel):
    """Of a kernel, as PTX tells it; registers are those of ptxas, where it is installed."""
    found, (major, minor) = kernel_of(kernel), gpu().capability
    ways = {
        MAX_THREADS: lambda: found.most_threads,
        SHARED: lambda: found.shared_bytes,
        CONST: lambda: found.constant_bytes,
        LOCAL: lambda: found.local_bytes,
        REGISTERS: lambda: found.module.registers(found.name),
        PTX_VERSION: lambda: 10 * major + minor,
        BINARY_VERSION: lambda: 10 * major + minor,
        DYNAMIC_SHARED: lambda: max(found.dynamic_bytes, SHARED_BYTES - found.shared_bytes),
        CARVEOUT: lambda: -1,
    }
    return ways[number]() if number in ways else 0


@function(POINTER(c_int), c_int, c_void_p, c_int)
def cuKernelGetAttribute(value, number, kernel, device):
    value[0] = attribute(number, kernel)


@function(POINTER(c_int), c_int, c_void_p)
def cuFuncGetAttribute(value, number, kernel):
    value[0] = attribute(number, kernel)


def set_attribute(number, value, kernel):
    """Allow more dynamic shared memory, which is all that changes anything here."""
    found = kernel_of(kernel)
    if number == DYNAMIC_SHARED:
        most = gpu().attributes["MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"] - found.shared_bytes
        if not 0 <= value <= most:
            raise DriverError(Code.INVALID_VALUE, f"{value} bytes of dynamic shared memory: a block has at most {most}")
        found.dynamic_bytes = value
    elif number < DYNAMIC_SHARED:
        raise DriverError(Code.INVALID_VALUE, f"attribute {number} of a kernel can only be read")


@function(c_int, c_int, c_void_p, c_int)
def cuKernelSetAttribute(number, value, kernel, device):
    set_attribute(number, value, kernel)


@function(c_void_p, c_int, c_int)
def cuFuncSetAttribute(kernel, number, value):
    set_attribute(number, value, kernel)


@function(c_void_p, c_int, c_int)
def cuKernelSetCacheConfig(kernel, config, device):
    kernel_of(kernel)


@function(c_void_p, c_int)
def cuFuncSetCacheConfig(kernel, config):
    kernel_of(kernel)


@function(POINTER(c_int), c_void_p, c_int, c_size_t)
def cuOccupancyMaxActiveBlocksPerMultiprocessor(count, kernel, threads, shared_bytes):
    count[0] = blocks(kernel_of(kernel), threads, shared_bytes)


@function(POINTER(c_int), c_void_p, c_int, c_size_t, c_uint)
def cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(count, kernel, threads, shared_bytes, flags):
    count[0] = blocks(kernel_of(kernel), threads, shared_bytes)


def best(grid, block, kernel, shared_of, shared_bytes, limit):
    """The size of block of which a multiprocessor holds the most threads, the largest of these, and how many blocks."""
    found = kernel_of(kernel)

    def held(threads):
        return blocks(found, threads, shared_of(threads) if shared_of else shared_bytes)

    sizes = range(WARP, min(limit or found.most_threads, found.most_threads) + 1, WARP)
    block[0] = max(sizes, key=lambda threads: (held(threads) * threads, threads), default=limit)
    grid[0] = held(block[0]) * gpu().attributes["MULTIPROCESSOR_COUNT"]


@function(POINTER(c_int), POINTER(c_int), c_void_p, SHARED_OF, c_size_t, c_int)
def cuOccupancyMaxPotentialBlockSize(grid, block, kernel, shared_of, shared_bytes, limit):
    best(grid, block, kernel, shared_of, shared_bytes, limit)


@function(POINTER(c_int), POINTER(c_int), c_void_p, SHARED_OF, c_size_t, c_int, c_uint)
def cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, kernel, shared_of, shared_bytes, limit, flags):
    best(grid, block, kernel, shared_of, shared_bytes, limit)


@function(POINTER(c_size_t), c_void_p, c_int, c_int)
def cuOccupancyAvailableDynamicSMemPerBlock(size, kernel, count, threads):
    """What is left of a multiprocessor's shared memory for each of so many blocks."""
    found, attributes = kernel_of(kernel), gpu().attributes
    share = attributes["MAX_SHARED_MEMORY_PER_MULTIPROCESSOR"] // max(count, 1)
    share = min(share - attributes["RESERVED_SHARED_MEMORY_PER_BLOCK"], attributes["MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"])
    size[0] = max(share - found.shared_bytes, 0)
