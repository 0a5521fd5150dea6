"""Memory as C asks for it: allocated, filled, copied in all directions, registered; and what is refused."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu.driver import gpu as here
from kernels.gpu.driver.gpu import Gpu
from kernels.gpu.driver.memory import POISON
from kernels.gpu.driver.table import FUNCTIONS, Code

HOST, DEVICE = 1, 2
MEMORY_TYPE, DEVICE_POINTER, HOST_POINTER, IS_MANAGED, ORDINAL, START, SIZE = 2, 3, 4, 8, 9, 11, 12
COPIES = {"HtoD": ("host", "device"), "DtoH": ("device", "host"), "DtoD": ("device", "device")}


class Place:
    """Bytes of the host or of the device, both seen as an array."""

    def __init__(self, driver, where, size):
        if where == "host":
            self.bytes = np.full(size, POISON, np.uint8)
            self.address = self.bytes.ctypes.data
        else:
            self.address = driver.allocated(size)
            self.bytes = driver.gpu.memory.view(self.address, (size,), np.uint8)


def attribute(driver, number, address, kind=ctypes.c_uint64):
    return driver.number("cuPointerGetAttribute", number, address, kind=kind)


@pytest.mark.parametrize("ending", ["", "Async"])
@pytest.mark.parametrize("direction", [*COPIES, ""])
def test_bytes_arrive_and_no_others_change(driver, direction, ending):
    sides = [COPIES[direction]] if direction else [(a, b) for a in ("host", "device") for b in ("host", "device")]
    for source_side, target_side in sides:
        source, target = Place(driver, source_side, 100), Place(driver, target_side, 100)
        source.bytes[:] = np.arange(100)
        more = (None,) if ending else ()
        getattr(driver, f"cuMemcpy{direction}{ending}")(target.address + 10, source.address + 20, 30, *more)
        expected = np.full(100, POISON)
        expected[10:40] = np.arange(20, 50)
        assert np.array_equal(target.bytes, expected)


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("ending", ["", "Async"])
def test_memory_is_filled_with_values_of_a_width(driver, bits, ending):
    place = Place(driver, "device", 48)
    more = (None,) if ending else ()
    getattr(driver, f"cuMemsetD{bits}{ending}")(place.address + 16, 0x12345678 & 2**bits - 1, 3, *more)
    filled = place.bytes[16 : 16 + 3 * bits // 8].view(f"u{bits // 8}")
    assert (filled == 0x12345678 & 2**bits - 1).all()
    assert (place.bytes[:16] == POISON).all()
    assert (place.bytes[16 + 3 * bits // 8 :] == POISON).all()


@given(offset=st.integers(-3, 20), size=st.integers(0, 40))
def test_a_copy_stays_in_one_allocation(offset, size):
    before = list(here._here)
    here.install(Gpu((9, 0), print, capacity=2**20))
    memory = here.gpu().memory
    found = memory.allocate(16)
    zeros = np.zeros(64, np.uint8)
    code = FUNCTIONS["cuMemcpyHtoD"](found.address + offset, zeros.ctypes.data, size)
    here._here[:] = before
    fits = size == 0 or (offset >= 0 and offset + size <= 16)
    assert (code == 0) == fits
    expected = np.full(16, POISON)
    if size and fits:
        expected[offset : offset + size] = 0
    assert np.array_equal(memory.view(found.address, (16,), np.uint8), expected)


def test_what_is_copied_from_memory_that_nobody_wrote_is_not_written_either(driver):
    source, target = driver.allocated(64), driver.allocated(64)
    driver.cuMemsetD8(source, 1, 32)
    driver.cuMemcpyDtoD(target, source, 64)
    assert driver.gpu.memory.unwritten(target, 64) == 32
    assert driver.gpu.memory.unwritten(target, 32) == 0


def test_memory_of_no_bytes_and_more_memory_than_there_is_are_refused(driver, refused):
    with refused(Code.INVALID_VALUE):
        driver.allocated(0)
    with refused(Code.OUT_OF_MEMORY):
        driver.allocated(2**24 + 1)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    driver.allocated(1000)
    driver.cuMemGetInfo(ctypes.byref(free), ctypes.byref(total))
    assert (total.value, total.value - free.value) == (2**24, 1000)


def test_only_the_beginning_of_an_allocation_can_be_given_back_and_once(driver, refused, capfd):
    address = driver.allocated(64)
    with refused(Code.INVALID_VALUE):
        driver.cuMemFree(address + 8)
    driver.cuMemFree(address)
    with refused(Code.INVALID_VALUE):
        driver.cuMemFree(address)
    driver.cuMemFree(0)
    assert capfd.readouterr().err.splitlines() == [
        f"cuMemFree: {address + 8:#x}: no allocation begins there",
        f"cuMemFree: {address:#x}: no allocation begins there",
    ]


def test_freed_memory_is_no_longer_copied(driver, refused):
    address, host = driver.allocated(64), np.zeros(64, np.uint8)
    driver.cuMemFree(address)
    with refused(Code.INVALID_VALUE):
        driver.cuMemcpyDtoH(host.ctypes.data, address, 64)


@pytest.mark.parametrize(
    ("name", "more", "kind", "is_managed"),
    [("cuMemAlloc", (), DEVICE, 0), ("cuMemAllocHost", (), HOST, 0), ("cuMemAllocManaged", (1,), DEVICE, 1)],
)
def test_a_pointer_knows_what_it_points_to(driver, name, more, kind, is_managed):
    address = driver.number(name, 100, *more)
    assert attribute(driver, MEMORY_TYPE, address + 5, ctypes.c_uint) == kind
    assert attribute(driver, DEVICE_POINTER, address + 5) == address + 5
    assert attribute(driver, IS_MANAGED, address, ctypes.c_uint) == is_managed
    assert attribute(driver, START, address + 99) == address
    assert attribute(driver, SIZE, address + 99) == 100
    assert attribute(driver, HOST_POINTER, address + 5) == (0 if name == "cuMemAlloc" else address + 5)


def test_memory_of_the_host_is_unknown_until_it_is_registered(driver, refused):
    host = np.arange(100, dtype=np.uint8)
    address = host.ctypes.data
    with refused(Code.INVALID_VALUE):
        attribute(driver, MEMORY_TYPE, address)
    driver.cuMemHostRegister(address, 100, 0)
    on_device = driver.number("cuMemHostGetDevicePointer", address + 4, 0)
    assert attribute(driver, MEMORY_TYPE, address, ctypes.c_uint) == HOST
    assert attribute(driver, DEVICE_POINTER, address + 4) == on_device
    assert attribute(driver, HOST_POINTER, on_device) == address + 4
    driver.cuMemHostUnregister(address)
    with refused(Code.INVALID_VALUE):
        attribute(driver, MEMORY_TYPE, address)


def test_several_attributes_are_asked_for_at_once_also_of_no_allocation(driver):
    kind, ordinal = ctypes.c_uint(7), ctypes.c_int(7)
    numbers = (ctypes.c_int * 2)(MEMORY_TYPE, ORDINAL)
    where = (ctypes.c_void_p * 2)(ctypes.addressof(kind), ctypes.addressof(ordinal))
    driver.cuPointerGetAttributes(2, numbers, where, np.zeros(1).ctypes.data)
    assert (kind.value, ordinal.value) == (0, -2)
    driver.cuPointerGetAttributes(2, numbers, where, driver.allocated(1))
    assert (kind.value, ordinal.value) == (DEVICE, 0)


def test_registered_memory_is_mirrored_around_each_launch(driver):
    host = np.arange(8, dtype=np.uint32)
    driver.cuMemHostRegister(host.ctypes.data, host.nbytes, 0)
    on_device = driver.number("cuMemHostGetDevicePointer", host.ctypes.data, 0)
    seen = driver.gpu.memory.view(on_device, (8,), np.uint32)

    def kernel(launched):
        assert seen[0] == launched
        seen[1] = 10 * launched

    driver.gpu.execute = kernel
    for turn in (5, 6):
        host[0] = turn
        driver.gpu.launch(turn)
        assert host[1] == 10 * turn


def test_a_copy_of_a_mirror_is_one_of_the_memory_it_mirrors(driver):
    host, other = np.arange(8, dtype=np.uint8), np.zeros(8, np.uint8)
    driver.cuMemHostRegister(host.ctypes.data, 8, 0)
    on_device = driver.number("cuMemHostGetDevicePointer", host.ctypes.data, 0)
    host[:] += 100
    driver.cuMemcpyDtoH(other.ctypes.data, on_device, 8)
    assert np.array_equal(other, host)
    driver.cuMemsetD8(on_device + 2, 1, 3)
    assert host.tolist() == [100, 101, 1, 1, 1, 105, 106, 107]


def test_memory_is_registered_once_and_unregistered_once(driver, refused):
    host = np.zeros(8, np.uint8)
    driver.cuMemHostRegister(host.ctypes.data, 8, 0)
    with refused(Code.HOST_MEMORY_ALREADY_REGISTERED):
        driver.cuMemHostRegister(host.ctypes.data, 8, 0)
    driver.cuMemHostUnregister(host.ctypes.data)
    with refused(Code.HOST_MEMORY_NOT_REGISTERED):
        driver.cuMemHostUnregister(host.ctypes.data)
    assert driver.gpu.memory.used == 0
