"""Initialisation, versions, errors, devices and their attributes; and by which address each function is found."""

import ctypes
from ctypes import POINTER, c_char, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

from cuda.bindings.driver import CUdevice_attribute, CUresult

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.table import FUNCTIONS, Code, DriverError, function, of_version

VERSION = 13000  # of CUDA: 1000 * major + 10 * minor
FOUND, MISSING = 0, 1  # CUdriverProcAddressQueryResult
NAMES = {int(each): each.name.removeprefix("CU_DEVICE_ATTRIBUTE_") for each in CUdevice_attribute}


@function(c_uint)
def cuInit(flags):
    pass


@function(c_char_p, POINTER(c_void_p), c_int, c_uint64, POINTER(c_int))
def cuGetProcAddress(name, where, version, flags, status):
    full = of_version(name.decode(), version)
    found = full in FUNCTIONS
    where[0] = ctypes.cast(gpu().library[full], c_void_p).value if found else None
    if status:
        status[0] = FOUND if found else MISSING
    if not found:
        raise DriverError(Code.NOT_FOUND)


@function(POINTER(c_int))
def cuDriverGetVersion(version):
    version[0] = VERSION


@function(c_int, POINTER(c_void_p))
def cuGetErrorName(code, text):
    text[0] = gpu().text(CUresult(code).name)


@function(c_int, POINTER(c_void_p))
def cuGetErrorString(code, text):
    text[0] = gpu().text(CUresult(code).name.removeprefix("CUDA_ERROR_").lower().replace("_", " "))


@function(POINTER(c_int))
def cuDeviceGetCount(count):
    count[0] = 1


@function(POINTER(c_int), c_int)
def cuDeviceGet(device, ordinal):
    if ordinal != 0:
        raise DriverError(Code.INVALID_DEVICE)
    device[0] = 0


@function(POINTER(c_char), c_int, c_int)
def cuDeviceGetName(name, size, device):
    text = gpu().name.encode()[: size - 1] + b"\0"
    ctypes.memmove(name, text, len(text))


@function(POINTER(c_char), c_int)
def cuDeviceGetUuid(uuid, device):
    ctypes.memmove(uuid, b"without a GPU...", 16)


@function(POINTER(c_size_t), c_int)
def cuDeviceTotalMem(size, device):
    size[0] = gpu().memory.capacity


@function(POINTER(c_int), c_int, c_int)
def cuDeviceGetAttribute(value, attribute, device):
    value[0] = gpu().attributes.get(NAMES.get(attribute, ""), 0)


@function(POINTER(c_int), c_int, c_int)
def cuDeviceCanAccessPeer(can, device, peer):
    can[0] = 0


@function(POINTER(c_void_p), c_void_p)
def cuGetExportTable(table, uuid):
    """What NVIDIA's own libraries ask for, NVRTC for one: they do without."""
    table[0] = None
    raise DriverError(Code.NOT_SUPPORTED)
