"""Memory: of the device, of the host as the device sees it, and copies between them."""

import ctypes
from ctypes import POINTER, c_int, c_size_t, c_ubyte, c_uint, c_uint64, c_ushort, c_void_p

import numpy as np

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.memory import OutOfMemory, copy
from kernels.gpu.driver.place import place
from kernels.gpu.driver.table import Code, DriverError, function

HOST, DEVICE = 1, 2  # CUmemorytype
CONTEXT, MEMORY_TYPE, DEVICE_POINTER, HOST_POINTER, IS_MANAGED, ORDINAL, START, SIZE, MAPPED = (
    1,
    2,
    3,
    4,
    8,
    9,
    11,
    12,
    13,
)
NO_DEVICE = -2  # CU_DEVICE_INVALID


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


@function(POINTER(c_uint64), c_size_t, c_void_p)
def cuMemAllocAsync(where, size, stream):
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
    if address and gpu().memory.free(address) is None:
        raise DriverError(Code.INVALID_VALUE)


@function(c_uint64)
def cuMemFree(address):
    release(address)


@function(c_uint64, c_void_p)
def cuMemFreeAsync(address, stream):
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


@function(POINTER(c_uint64), c_uint64, c_uint)
def cuMemHostGetDevicePointer(where, address, flags):
    if gpu().memory.at(address):
        where[0] = address
        return
    for start, mirror in gpu().registered.items():
        if start <= address < start + mirror.size:
            where[0] = mirror.address + address - start
            return
    raise DriverError(Code.INVALID_VALUE)


@function(POINTER(c_size_t), POINTER(c_size_t))
def cuMemGetInfo(free, total):
    memory = gpu().memory
    free[0], total[0] = memory.capacity - memory.used, memory.capacity


def allocation(address):
    """The one that an address lies in. Raises DriverError for an address that is of none."""
    found = gpu().memory.at(address)
    if found is None:
        raise DriverError(Code.INVALID_VALUE)
    return found


@function(POINTER(c_uint64), POINTER(c_size_t), c_uint64)
def cuMemGetAddressRange(start, size, address):
    found = allocation(address)
    if start:
        start[0] = found.address
    if size:
        size[0] = found.size


def attribute(number, address):
    """(ctype, value) of an attribute of a pointer."""
    found = gpu().memory.at(address)
    start, size = (found.address, found.size) if found else (0, 0)
    mirrored = found.mirrors + address - start if found and found.mirrors else address
    known = {
        CONTEXT: (c_uint64, gpu().primary if found else 0),
        MEMORY_TYPE: (c_uint, (DEVICE if found.kind != "host" else HOST) if found else 0),
        DEVICE_POINTER: (c_uint64, address),
        HOST_POINTER: (c_uint64, mirrored if found and found.kind != "device" else 0),
        IS_MANAGED: (c_uint, bool(found and found.kind == "managed")),
        ORDINAL: (c_int, 0 if found else NO_DEVICE),
        START: (c_uint64, start),
        SIZE: (c_uint64, size),
        MAPPED: (c_uint, bool(found)),
    }
    return known.get(number, (c_int, 0))


@function(c_void_p, c_int, c_uint64)
def cuPointerGetAttribute(where, number, address):
    allocation(address)
    kind, value = attribute(number, address)
    kind.from_address(where).value = value


@function(c_uint, POINTER(c_int), POINTER(c_void_p), c_uint64)
def cuPointerGetAttributes(count, numbers, where, address):
    for n in range(count):
        kind, value = attribute(numbers[n], address)
        kind.from_address(where[n]).value = value


@function(c_void_p, c_int, c_uint64)
def cuPointerSetAttribute(value, number, address):
    allocation(address)


def inside(address, size):
    """Raise DriverError for bytes that do not lie in one allocation."""
    if gpu().memory.holds(address) and size:
        found = allocation(address)
        if address + size > found.end:
            raise DriverError(Code.INVALID_VALUE)


def copied(to, source, size):
    """Bytes from anywhere to anywhere."""
    gpu().check()
    memory = gpu().memory
    for address in (to, source):
        inside(address, size)
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


def filled(address, value, size):
    gpu().check()
    inside(address, size)
    value = value if isinstance(value, bytes) else bytes(value)
    count = size // len(value)
    np.frombuffer((c_ubyte * size).from_address(address), f"V{len(value)}")[:count] = np.void(value)
    gpu().memory.mark(address, size)


for name in ("cuMemcpyHtoD", "cuMemcpyDtoH", "cuMemcpyDtoD", "cuMemcpy"):
    copied.__name__ = name
    function(c_uint64, c_uint64, c_size_t)(copied)

    def copied_on_stream(to, source, size, stream):
        copied(to, source, size)

    copied_on_stream.__name__ = f"{name}Async"
    function(c_uint64, c_uint64, c_size_t, c_void_p)(copied_on_stream)
for name, kind in (("cuMemsetD8", c_ubyte), ("cuMemsetD16", c_ushort), ("cuMemsetD32", c_uint)):

    def set_to(address, value, count, kind=kind):
        filled(address, bytes(kind(value)), count * ctypes.sizeof(kind))

    def set_on_stream(address, value, count, stream, kind=kind):
        filled(address, bytes(kind(value)), count * ctypes.sizeof(kind))

    set_to.__name__, set_on_stream.__name__ = name, f"{name}Async"
    function(c_uint64, kind, c_size_t)(set_to)
    function(c_uint64, kind, c_size_t, c_void_p)(set_on_stream)
