"""What is known of an address: which allocation it lies in, and of what kind that is."""

from ctypes import POINTER, c_int, c_size_t, c_uint, c_uint64, c_void_p

from kernels.gpu.driver.calls.memory import allocation, mirror_at
from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.table import Code, DriverError, function

HOST, DEVICE = 1, 2  # CUmemorytype
NO_DEVICE = -2  # CU_DEVICE_INVALID
# CUpointer_attribute
CONTEXT, MEMORY_TYPE, DEVICE_POINTER, HOST_POINTER = 1, 2, 3, 4
SYNCHRONOUS, NUMBER, IS_MANAGED, ORDINAL = 6, 7, 8, 9
START, SIZE, MAPPED = 11, 12, 13


@function(POINTER(c_uint64), POINTER(c_size_t), c_uint64)
def cuMemGetAddressRange(start, size, address):
    found = allocation(address)
    if start:
        start[0] = found.address
    if size:
        size[0] = found.size


def attribute(number, address):
    """(ctype, value) of an attribute of a pointer; those of one that is of no allocation say so."""
    found = gpu().memory.at(address) or mirror_at(address)
    if found is None:
        known = {ORDINAL: (c_int, NO_DEVICE), NUMBER: (c_uint64, 0), DEVICE_POINTER: (c_uint64, 0)}
        wide = number in (CONTEXT, HOST_POINTER, START, SIZE)
        return known.get(number, (c_uint64 if wide else c_int, 0))
    offset = address - (found.address if gpu().memory.holds(address) else found.mirrors)
    on_host = (found.mirrors or found.address) + offset
    known = {
        CONTEXT: (c_uint64, gpu().primary),
        MEMORY_TYPE: (c_uint, HOST if found.kind == "host" else DEVICE),
        DEVICE_POINTER: (c_uint64, found.address + offset),
        HOST_POINTER: (c_uint64, on_host if found.kind != "device" else 0),
        SYNCHRONOUS: (c_uint, 1),
        NUMBER: (c_uint64, found.number),
        IS_MANAGED: (c_uint, found.kind == "managed"),
        ORDINAL: (c_int, 0),
        START: (c_uint64, found.address),
        SIZE: (c_uint64, found.size),
        MAPPED: (c_uint, 1),
    }
    return known.get(number, (c_int, 0))


@function(c_void_p, c_int, c_uint64)
def cuPointerGetAttribute(where, number, address):
    if gpu().memory.at(address) is None and mirror_at(address) is None:
        raise DriverError(Code.INVALID_VALUE)  # by which programs see that it is memory of the host
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
