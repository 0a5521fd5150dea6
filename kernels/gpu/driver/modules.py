"""Modules: PTX that has been loaded, and the kernels in it."""

import ctypes
import struct
from dataclasses import dataclass
from functools import cached_property

from kernels.gpu.driver.table import Code, DriverError
from kernels.gpu.emulator import Loaded, PtxError, load
from kernels.gpu.emulator.loaded import entry
from kernels.gpu.emulator.parser import parse

MAGIC = b"\x7fPTX texts\0"


@dataclass
class Image:
    """What is loaded as a module: texts of PTX, kept as bytes where others have machine code."""

    texts: list[str]

    def packed(self) -> bytes:
        """Its bytes."""
        parts = [text.encode() for text in self.texts]
        sizes = struct.pack(f"<{len(parts) + 1}Q", len(parts), *map(len, parts))
        return MAGIC + sizes + b"".join(parts)

    @classmethod
    def of(cls, content: bytes) -> "Image":
        """From its bytes. There may be more of them than that."""
        start = len(MAGIC)
        (count,) = struct.unpack_from("<Q", content, start)
        sizes = struct.unpack_from(f"<{count}Q", content, start + 8)
        at, texts = start + 8 * (count + 1), []
        for size in sizes:
            texts.append(content[at : at + size].decode())
            at += size
        return cls(texts)

    @classmethod
    def at(cls, address: int) -> "Image":
        """From the memory of the process, where PTX ends with a zero. Raises DriverError for machine code."""
        if ctypes.string_at(address, len(MAGIC)) == MAGIC:
            head = address + len(MAGIC)
            count = ctypes.c_uint64.from_address(head).value
            sizes = (ctypes.c_uint64 * count).from_address(head + 8)
            return cls.of(ctypes.string_at(address, len(MAGIC) + 8 * (count + 1) + sum(sizes)))
        if ctypes.string_at(address, 4) == b"\x7fELF" or ctypes.string_at(address, 4) == b"\x50\xed\x55\xba":
            raise DriverError(Code.INVALID_IMAGE)
        return cls([ctypes.string_at(address).decode()])


class Module:
    """An image, loaded."""

    def __init__(self, image: Image):
        self.image = image
        self.kernels: dict[str, Kernel] = {}

    @cached_property
    def ptx(self) -> str:
        """All of it as one text."""
        if len(self.image.texts) != 1:
            raise DriverError(Code.NOT_SUPPORTED)
        return self.image.texts[0]

    @cached_property
    def parsed(self):
        try:
            return parse(self.ptx)
        except PtxError as error:
            raise DriverError(Code.INVALID_PTX) from error

    def kernel(self, name: str) -> "Kernel":
        """One by its name. Raises DriverError."""
        if name not in self.kernels:
            function = self.parsed.functions.get(name)
            if function is None or not function.entry:
                raise DriverError(Code.NOT_FOUND)
            self.kernels[name] = Kernel(self, name)
        return self.kernels[name]

    def variable(self, name: str) -> tuple[int, int]:
        """(address, bytes) of a global variable. Raises DriverError."""
        for each, function in self.parsed.functions.items():
            if function.entry and function.body is not None:
                loaded = self.kernel(each).loaded
                if name in loaded.translation.places.statics:
                    offset, variable = loaded.translation.places.statics[name]
                    return loaded.statics.ctypes.data + offset, variable.size or 0
        raise DriverError(Code.NOT_FOUND)


class Kernel:
    """An entry of a module."""

    def __init__(self, module: Module, name: str):
        self.module, self.name = module, name

    @cached_property
    def function(self):
        return entry(self.module.parsed, self.name)

    @cached_property
    def loaded(self) -> Loaded:
        """Translated, to be run unchecked."""
        return load(self.module.ptx, self.name)
