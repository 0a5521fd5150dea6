"""Linking: texts of PTX become one image, which here is these texts, to be translated once a kernel is launched."""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_void_p

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.modules import MAGIC, Image
from kernels.gpu.driver.table import Code, DriverError, function

PTX, CUBIN = 1, 0  # CUjitInputType


class Linking:
    """What has been added so far."""

    def __init__(self):
        self.texts: list[str] = []
        self.image: ctypes.Array | None = None  # what C has been given a pointer to


@function(c_uint, c_void_p, c_void_p, POINTER(c_void_p))
def cuLinkCreate(count, options, values, state):
    state[0] = gpu().handles.new(Linking())


@function(c_void_p, c_int, c_void_p, c_size_t, c_char_p, c_uint, c_void_p, c_void_p)
def cuLinkAddData(state, kind, data, size, name, count, options, values):
    linking, content = gpu().handles.get(state, Linking), ctypes.string_at(data, size)
    if kind == PTX:
        linking.texts.append(content.rstrip(b"\0").decode())
    elif kind == CUBIN and content.startswith(MAGIC):
        linking.texts += Image.of(content).texts
    elif not content.startswith(b"!<arch>"):  # libraries of NVIDIA's, whose functions the emulator has itself
        raise DriverError(Code.INVALID_IMAGE)


@function(c_void_p, c_int, c_char_p, c_uint, c_void_p, c_void_p)
def cuLinkAddFile(state, kind, path, count, options, values):
    gpu().handles.get(state, Linking)


@function(c_void_p, POINTER(c_void_p), POINTER(c_size_t))
def cuLinkComplete(state, image, size):
    linking = gpu().handles.get(state, Linking)
    content = Image(linking.texts).packed()
    linking.image = ctypes.create_string_buffer(content, len(content))
    image[0], size[0] = ctypes.addressof(linking.image), len(content)


@function(c_void_p)
def cuLinkDestroy(state):
    gpu().handles.drop(state)
