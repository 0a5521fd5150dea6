"""Libraries and modules, which are the same here, and the kernels and variables in them."""

import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.modules import Image, Kernel, Module
from kernels.gpu.driver.table import Code, DriverError, function


def load(image):
    """The number of a new module."""
    gpu().check()
    return gpu().handles.new(Module(image))


def read(path):
    """The bytes of a file. Raises DriverError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DriverError(Code.FILE_NOT_FOUND, f"{os.fsdecode(path)}: {error.strerror}") from None


@function(POINTER(c_void_p), c_void_p, c_void_p, c_void_p, c_uint, c_void_p, c_void_p, c_uint)
def cuLibraryLoadData(library, code, options, values, count, more, more_values, more_count):
    library[0] = load(Image.at(code))


@function(POINTER(c_void_p), c_char_p, c_void_p, c_void_p, c_uint, c_void_p, c_void_p, c_uint)
def cuLibraryLoadFromFile(library, path, options, values, count, more, more_values, more_count):
    library[0] = load(Image.of(read(path)))


@function(POINTER(c_void_p), c_void_p)
def cuModuleLoadData(module, code):
    module[0] = load(Image.at(code))


@function(POINTER(c_void_p), c_void_p, c_uint, c_void_p, c_void_p)
def cuModuleLoadDataEx(module, code, count, options, values):
    module[0] = load(Image.at(code))


@function(POINTER(c_void_p), c_char_p)
def cuModuleLoad(module, path):
    module[0] = load(Image.of(read(path)))


def unload(module):
    """Forget a module, its kernels and their variables."""
    kernels = gpu().handles.get(module, Module).kernels.values()
    objects = gpu().handles.objects
    for handle in [handle for handle, each in objects.items() if isinstance(each, Kernel) and each in kernels]:
        gpu().handles.drop(handle)
    gpu().handles.drop(module)


@function(c_void_p)
def cuLibraryUnload(library):
    unload(library)


@function(c_void_p)
def cuModuleUnload(module):
    unload(module)


def kernel_of(module, name):
    """The number of a kernel, which is the same each time it is asked for."""
    found = gpu().handles.get(module, Module).kernel(name)
    if not found.handle:
        found.handle = gpu().handles.new(found)
    return found.handle


@function(POINTER(c_void_p), c_void_p, c_char_p)
def cuLibraryGetKernel(kernel, library, name):
    kernel[0] = kernel_of(library, name.decode())


@function(POINTER(c_void_p), c_void_p, c_char_p)
def cuModuleGetFunction(kernel, module, name):
    kernel[0] = kernel_of(module, name.decode())


@function(POINTER(c_uint), c_void_p)
def cuLibraryGetKernelCount(count, library):
    count[0] = len(gpu().handles.get(library, Module).names())


@function(POINTER(c_uint), c_void_p)
def cuModuleGetFunctionCount(count, module):
    count[0] = len(gpu().handles.get(module, Module).names())


def enumerate_kernels(kernels, count, module):
    for n, name in enumerate(gpu().handles.get(module, Module).names()[:count]):
        kernels[n] = kernel_of(module, name)


@function(POINTER(c_void_p), c_uint, c_void_p)
def cuLibraryEnumerateKernels(kernels, count, library):
    enumerate_kernels(kernels, count, library)


@function(POINTER(c_void_p), c_uint, c_void_p)
def cuModuleEnumerateFunctions(kernels, count, module):
    enumerate_kernels(kernels, count, module)


@function(POINTER(c_void_p), c_void_p)
def cuLibraryGetModule(module, library):
    gpu().handles.get(library, Module)
    module[0] = library


def find_variable(address, size, module, name):
    found = gpu().handles.get(module, Module).variable(name.decode())
    for where, value in zip((address, size), found, strict=True):
        if where:
            where[0] = value


@function(POINTER(c_uint64), POINTER(c_size_t), c_void_p, c_char_p)
def cuLibraryGetGlobal(address, size, library, name):
    find_variable(address, size, library, name)


@function(POINTER(c_uint64), POINTER(c_size_t), c_void_p, c_char_p)
def cuModuleGetGlobal(address, size, module, name):
    find_variable(address, size, module, name)


@function(POINTER(c_int))
def cuModuleGetLoadingMode(mode):
    mode[0] = 2  # CU_MODULE_LAZY_LOADING
