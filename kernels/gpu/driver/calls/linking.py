"""Linking: texts of PTX become one image, which here is these texts, to be translated once a kernel is launched."""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_void_p

from kernels.gpu.driver.calls.modules import read
from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.modules import Image
from kernels.gpu.driver.table import Code, DriverError, function

MAX_REGISTERS = 0  # CUjit_option
KINDS = ("a cubin", "PTX", "a fatbin", "an object file", "a library", "NVVM IR")  # CUjitInputType
OWN = "cudadevrt"  # a library of NVIDIA's, whose functions are executed without it


class Linking:
    """What has been added so far."""

    def __init__(self, most_registers: int):
        self.texts: list[str] = []
        self.most_registers = most_registers
        self.image: ctypes.Array | None = None  # what C has been given a pointer to

    def add(self, kind: int, content: bytes, name: str) -> None:
        """Add PTX, or what has been linked of it. Raises DriverError."""
        if OWN in name:
            return
        try:
            added = Image.of(content)
        except DriverError as error:
            what = KINDS[kind] if kind < len(KINDS) else "something else"
            problem = f"{name or 'what is linked'} is {what}: only PTX can be linked here, and sources of CUDA C++"
            raise DriverError(error.code, problem) from None
        self.texts += added.texts
        self.most_registers = self.most_registers or added.most_registers


@function(c_uint, POINTER(c_int), POINTER(c_void_p), POINTER(c_void_p))
def cuLinkCreate(count, options, values, state):
    given = {options[n]: values[n] or 0 for n in range(count)}
    state[0] = gpu().handles.new(Linking(given.get(MAX_REGISTERS, 0)))


@function(c_void_p, c_int, c_void_p, c_size_t, c_char_p, c_uint, c_void_p, c_void_p)
def cuLinkAddData(state, kind, data, size, name, count, options, values):
    gpu().handles.get(state, Linking).add(kind, ctypes.string_at(data, size), os.fsdecode(name or b""))


@function(c_void_p, c_int, c_char_p, c_uint, c_void_p, c_void_p)
def cuLinkAddFile(state, kind, path, count, options, values):
    gpu().handles.get(state, Linking).add(kind, read(path), os.fsdecode(path))


@function(c_void_p, POINTER(c_void_p), POINTER(c_size_t))
def cuLinkComplete(state, image, size):
    linking = gpu().handles.get(state, Linking)
    if not linking.texts:
        raise DriverError(Code.INVALID_IMAGE, "nothing has been added to be linked")
    content = Image(linking.texts, linking.most_registers).packed()
    linking.image = ctypes.create_string_buffer(content, len(content))
    image[0], size[0] = ctypes.addressof(linking.image), len(content)


@function(c_void_p)
def cuLinkDestroy(state):
    gpu().handles.get(state, Linking)
    gpu().handles.drop(state)
