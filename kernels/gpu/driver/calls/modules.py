"""Libraries and modules, the kernels in them and what these take of a GPU."""

from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

from kernels.gpu.driver.attributes import SHARED_BYTES
from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.modules import Image, Kernel, Module
from kernels.gpu.driver.table import Code, DriverError, function
from kernels.gpu.occupancy import THREADS_A_BLOCK, occupancy

MAX_THREADS, SHARED, CONST, LOCAL, REGISTERS, PTX_VERSION, BINARY_VERSION = range(7)  # CUfunction_attribute


@function(POINTER(c_void_p), c_void_p, c_void_p, c_void_p, c_uint, c_void_p, c_void_p, c_uint)
def cuLibraryLoadData(library, code, options, values, count, more, more_values, more_count):
    gpu().check()
    library[0] = gpu().handles.new(Module(Image.at(code)))


@function(c_void_p)
def cuLibraryUnload(library):
    gpu().handles.drop(library)


@function(POINTER(c_void_p), c_void_p, c_char_p)
def cuLibraryGetKernel(kernel, library, name):
    kernel[0] = gpu().handles.new(gpu().handles.get(library, Module).kernel(name.decode()))


@function(POINTER(c_void_p), c_void_p)
def cuLibraryGetModule(module, library):
    module[0] = library


@function(POINTER(c_uint64), POINTER(c_size_t), c_void_p, c_char_p)
def cuLibraryGetGlobal(address, size, library, name):
    found = gpu().handles.get(library, Module).variable(name.decode())
    for where, value in zip((address, size), found, strict=True):
        if where:
            where[0] = value


@function(POINTER(c_void_p), c_void_p)
def cuKernelGetFunction(found, kernel):
    gpu().handles.get(kernel, Kernel)
    found[0] = kernel


@function(POINTER(c_void_p), c_void_p)
def cuKernelGetLibrary(library, kernel):
    module = gpu().handles.get(kernel, Kernel).module
    library[0] = next(handle for handle, each in gpu().handles.objects.items() if each is module)


@function(c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_size_t))
def cuKernelGetParamInfo(kernel, number, offset, size):
    parameters = gpu().handles.get(kernel, Kernel).function.parameters
    if number >= len(parameters):
        raise DriverError(Code.INVALID_VALUE)
    offset[0] = 0
    if size:
        size[0] = parameters[number].size


def attribute(number, kernel):
    """Of a kernel, as far as PTX tells it; what ptxas decides, registers above all, is 0."""
    found = gpu().handles.get(kernel, Kernel)
    major, minor = gpu().capability
    known = {
        MAX_THREADS: THREADS_A_BLOCK,
        SHARED: found.loaded.translation.places.shared_bytes,
        CONST: 0,
        LOCAL: found.loaded.translation.places.local_bytes,
        REGISTERS: 0,
        PTX_VERSION: 10 * major + minor,
        BINARY_VERSION: 10 * major + minor,
    }
    return known.get(number, 0)


@function(POINTER(c_int), c_int, c_void_p, c_int)
def cuKernelGetAttribute(value, number, kernel, device):
    value[0] = attribute(number, kernel)


@function(POINTER(c_int), c_int, c_void_p)
def cuFuncGetAttribute(value, number, kernel):
    value[0] = attribute(number, kernel)


@function(c_int, c_int, c_void_p, c_int)
def cuKernelSetAttribute(number, value, kernel, device):
    gpu().handles.get(kernel, Kernel)


@function(c_void_p, c_int, c_int)
def cuFuncSetAttribute(kernel, number, value):
    gpu().handles.get(kernel, Kernel)


@function(c_void_p, c_int, c_int)
def cuKernelSetCacheConfig(kernel, config, device):
    gpu().handles.get(kernel, Kernel)


def blocks(kernel, threads, shared_bytes):
    """How many blocks of a kernel a multiprocessor holds, as far as that does not depend on registers."""
    places = gpu().handles.get(kernel, Kernel).loaded.translation.places
    return occupancy(gpu().capability, threads, 1, places.shared_bytes + shared_bytes).blocks


@function(POINTER(c_int), c_void_p, c_int, c_size_t)
def cuOccupancyMaxActiveBlocksPerMultiprocessor(count, kernel, threads, shared_bytes):
    count[0] = blocks(kernel, threads, shared_bytes)


@function(POINTER(c_int), c_void_p, c_int, c_size_t, c_uint)
def cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(count, kernel, threads, shared_bytes, flags):
    count[0] = blocks(kernel, threads, shared_bytes)


@function(POINTER(c_int), POINTER(c_int), c_void_p, c_void_p, c_size_t, c_int)
def cuOccupancyMaxPotentialBlockSize(grid, block, kernel, shared_of, shared_bytes, limit):
    block[0] = limit or THREADS_A_BLOCK
    grid[0] = blocks(kernel, block[0], shared_bytes) * gpu().attributes["MULTIPROCESSOR_COUNT"]


@function(POINTER(c_size_t), c_void_p, c_int, c_int)
def cuOccupancyAvailableDynamicSMemPerBlock(size, kernel, count, threads):
    size[0] = SHARED_BYTES
