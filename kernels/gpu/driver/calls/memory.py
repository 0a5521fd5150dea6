"""Memory: of the device, of the host as the device sees it, and copies between them."""

import ctypes
from ctypes import POINTER, c_size_t, c_ubyte, c_uint, c_uint64, c_ushort, c_void_p

import numpy as np

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.memory import OutOfMemory, copy
from kernels.gpu.driver.place import place
from kernels.gpu.driver.streams import do, stream_of
from kernels.gpu.driver.table import Code, DriverError, function


def allocate(size, kind="device"):
    gpu().check()
    if not size:
        raise DriverError(Code.INVALID_VALUE)
    try:
        return gpu().memory.allocate(size, kind, place()).address
    except OutOfMemory:
        raise DriverError(Code.OUT_OF_MEMORY) from None


@function(POINTER(c_uint64), c_size_t)
def cuMemAlloc(where, size):
    where[0] = allocate(size)


def not_captured(stream):
    """Raise DriverError where memory would be allocated or given back each time that a graph is launched."""
    if stream_of(stream).graph is not None:
        raise DriverError(Code.STREAM_CAPTURE_UNSUPPORTED, "a graph can neither allocate memory nor give it back")


@function(POINTER(c_uint64), c_size_t, c_void_p)
def cuMemAllocAsync(where, size, stream):
    not_captured(stream)
    where[0] = allocate(size)


@function(POINTER(c_uint64), c_size_t, c_uint)
def cuMemAllocManaged(where, size, flags):
    where[0] = allocate(size, "managed")
    gpu().memory.mark(where[0], size)  # who writes it on the host is not seen


@function(POINTER(c_uint64), c_size_t, c_uint)
def cuMemHostAlloc(where, size, flags):
    where[0] = allocate(size, "host")
    gpu().memory.mark(where[0], size)


@function(POINTER(c_uint64), c_size_t)
def cuMemAllocHost(where, size):
    where[0] = allocate(size, "host")
    gpu().memory.mark(where[0], size)


def release(address):
    if address and gpu().memory.free(address, place()) is None:
        raise DriverError(Code.INVALID_VALUE, f"{address:#x}: no allocation begins there")


@function(c_uint64)
def cuMemFree(address):
    release(address)


@function(c_uint64, c_void_p)
def cuMemFreeAsync(address, stream):
    not_captured(stream)
    release(address)


@function(c_uint64)
def cuMemFreeHost(address):
    release(address)


@function(c_uint64, c_size_t, c_uint)
def cuMemHostRegister(address, size, flags):
    """Kernels see a mirror of it, brought up to date before each launch; what they write is copied back after it."""
    if address in gpu().registered:
        raise DriverError(Code.HOST_MEMORY_ALREADY_REGISTERED)
    mirror = allocation(allocate(size, "host"))
    mirror.mirrors = address
    gpu().registered[address] = mirror
    gpu().memory.mark(mirror.address, size)


@function(c_uint64)
def cuMemHostUnregister(address):
    mirror = gpu().registered.pop(address, None)
    if mirror is None:
        raise DriverError(Code.HOST_MEMORY_NOT_REGISTERED)
    release(mirror.address)


def mirror_at(address):
    """The mirror of registered memory that an address of the host lies in, or None."""
    mirrors = gpu().registered.values()
    return next((each for each in mirrors if each.mirrors <= address < each.mirrors + each.size), None)


@function(POINTER(c_uint64), c_uint64, c_uint)
def cuMemHostGetDevicePointer(where, address, flags):
    if gpu().memory.at(address):
        where[0] = address
    elif mirror := mirror_at(address):
        where[0] = mirror.address + address - mirror.mirrors
    else:
        raise DriverError(Code.INVALID_VALUE, f"{address:#x}: memory that is neither pinned nor registered")


@function(POINTER(c_uint), c_uint64)
def cuMemHostGetFlags(flags, address):
    if mirror_at(address) is None and allocation(address).kind != "host":
        raise DriverError(Code.INVALID_VALUE)
    flags[0] = 2  # CU_MEMHOSTALLOC_DEVICEMAP: a kernel reaches all of it


@function(POINTER(c_size_t), POINTER(c_size_t))
def cuMemGetInfo(free, total):
    memory = gpu().memory
    free[0], total[0] = memory.capacity - memory.used, memory.capacity


def allocation(address):
    """The one that an address lies in. Raises DriverError for an address that is of none."""
    found = gpu().memory.at(address)
    if found is None:
        raise DriverError(Code.INVALID_VALUE, f"{address:#x}: no memory of the device is allocated there")
    return found


def meant(address, size):
    """Where bytes are: those of a mirror are the host's. Raises DriverError if they lie in no one allocation."""
    if gpu().memory.holds(address) and size:
        found = allocation(address)
        if address + size > found.end:
            left = found.end - address
            raise DriverError(Code.INVALID_VALUE, f"{size} bytes, of which {left} are left of an allocation")
        if found.mirrors:
            return found.mirrors + address - found.address
    return address


def copied(to, source, size):
    """Bytes from anywhere to anywhere."""
    gpu().check()
    memory = gpu().memory
    to, source = meant(to, size), meant(source, size)
    copy(to, source, size)
    if memory.holds(to) and size:
        if memory.holds(source) and not allocation(source).is_whole:
            offset, start = to - memory.address, source - memory.address
            memory.written[offset : offset + size] = memory.written[start : start + size]
            allocation(to).is_whole = False
            memory.settle()
        else:
            memory.mark(to, size)
    elif memory.holds(source):
        gpu().brought(source, size)


def filled(address, value, count):
    """So many times a ctypes value, one behind the other."""
    gpu().check()
    size = count * ctypes.sizeof(value)
    address = meant(address, size)
    np.frombuffer((c_ubyte * size).from_address(address), f"V{ctypes.sizeof(value)}")[:] = np.void(bytes(value))
    gpu().memory.mark(address, size)


for name in ("cuMemcpyHtoD", "cuMemcpyDtoH", "cuMemcpyDtoD", "cuMemcpy"):

    def copied_now(to, source, size):
        copied(to, source, size)

    def copied_on_stream(to, source, size, stream):
        do(stream, lambda: copied(to, source, size))

    copied_now.__name__, copied_on_stream.__name__ = name, f"{name}Async"
    function(c_uint64, c_uint64, c_size_t)(copied_now)
    function(c_uint64, c_uint64, c_size_t, c_void_p)(copied_on_stream)

for name, kind in (("cuMemsetD8", c_ubyte), ("cuMemsetD16", c_ushort), ("cuMemsetD32", c_uint)):

    def filled_now(address, value, count, kind=kind):
        filled(address, kind(value), count)

    def filled_on_stream(address, value, count, stream, kind=kind):
        do(stream, lambda: filled(address, kind(value), count))

    filled_now.__name__, filled_on_stream.__name__ = name, f"{name}Async"
    function(c_uint64, kind, c_size_t)(filled_now)
    function(c_uint64, kind, c_size_t, c_void_p)(filled_on_stream)
