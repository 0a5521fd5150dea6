"""Modules: PTX that has been loaded, and the kernels in it."""

import ctypes
import hashlib
import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from kernels.gpu.driver.table import Code, DriverError
from kernels.gpu.emulator import Loaded, PtxError, load
from kernels.gpu.emulator.inline import inlined
from kernels.gpu.emulator.linked import linked
from kernels.gpu.emulator.loaded import entry
from kernels.gpu.emulator.places import Places, aligned
from kernels.gpu.emulator.syntax import Label, Variable
from kernels.gpu.occupancy import THREADS_A_BLOCK
from kernels.gpu.report import ReportError, assemble
from kernels.store import Store

MAGIC = b"\x7fPTX texts\0"
MACHINE_CODE = b"\x7fELF", b"\x50\xed\x55\xba", b"!<arch>", b"BC\xc0\xde"  # cubin, fatbin, library, NVVM IR


@dataclass
class Image:
    """What is loaded as a module: texts of PTX, kept as bytes where others have machine code.

    most_registers    of a thread, that the program allows ptxas to use; 0 for as many as it likes
    """

    texts: list[str]
    most_registers: int = 0

    def packed(self) -> bytes:
        """Its bytes: a mark, two numbers, the lengths of the texts, the texts."""
        parts = [text.encode() for text in self.texts]
        head = struct.pack(f"<{len(parts) + 2}Q", self.most_registers, len(parts), *map(len, parts))
        return MAGIC + head + b"".join(parts)

    @classmethod
    def of(cls, content: bytes) -> "Image":
        """From its bytes, or those of one text. Raises DriverError for machine code."""
        if not content.startswith(MAGIC):
            if content.startswith(MACHINE_CODE):
                raise DriverError(Code.INVALID_IMAGE, "machine code is not executed here, only PTX")
            try:
                return cls([content.rstrip(b"\0").decode()])
            except UnicodeDecodeError:
                raise DriverError(Code.INVALID_IMAGE, "neither PTX nor an image that was linked here") from None
        most_registers, count = struct.unpack_from("<2Q", content, len(MAGIC))
        sizes = struct.unpack_from(f"<{count}Q", content, len(MAGIC) + 16)
        at, texts = len(MAGIC) + 16 + 8 * count, []
        for size in sizes:
            texts.append(content[at : at + size].decode())
            at += size
        return cls(texts, most_registers)

    @classmethod
    def at(cls, address: int) -> "Image":
        """From the memory of the process, where PTX ends with a zero. Raises DriverError for machine code."""
        content = ctypes.string_at(address)  # up to the first zero, which MAGIC ends with
        if content + b"\0" == MAGIC:
            head = address + len(MAGIC)
            count = ctypes.c_uint64.from_address(head + 8).value
            sizes = (ctypes.c_uint64 * count).from_address(head + 16)
            content = ctypes.string_at(address, len(MAGIC) + 16 + 8 * count + sum(sizes))
        return cls.of(content)


class Module:
    """An image, loaded."""

    def __init__(self, image: Image):
        self.image = image
        self.kernels: dict[str, Kernel] = {}
        self.known: set[str] = set()  # variables that the host has asked for

    @property
    def ptx(self) -> tuple[str, ...]:
        """Its texts, which are to be linked."""
        return tuple(self.image.texts)

    @cached_property
    def parsed(self):
        """All of them as one module. Raises DriverError for what is no PTX, and for what does not fit together."""
        try:
            return linked(self.ptx)
        except PtxError as error:
            raise DriverError(Code.INVALID_PTX, str(error)) from error

    def names(self) -> list[str]:
        """Of its kernels."""
        return [name for name, each in self.parsed.functions.items() if each.entry and each.body is not None]

    def kernel(self, name: str) -> "Kernel":
        """One by its name. Raises DriverError."""
        if name not in self.kernels:
            if name not in self.names():
                raise DriverError(Code.NOT_FOUND)
            self.kernels[name] = Kernel(self, name)
        return self.kernels[name]

    @cached_property
    def variables(self) -> dict[str, np.ndarray]:
        """The bytes of its global and constant variables: kernels of a module share them, and the host may know them.

        Those that begin as the address of another are left to each kernel.
        """
        found = {}
        for name, each in self.parsed.variables.items():
            if each.space in ("global", "const") and each.size and not each.pointers:
                found[name] = np.zeros(each.size, np.uint8)
                found[name][: len(each.initial)] = np.frombuffer(each.initial, np.uint8)
        return found

    def variable(self, name: str) -> tuple[int, int]:
        """(address, bytes) of a variable. Raises DriverError."""
        if name not in self.variables:
            raise DriverError(Code.NOT_FOUND)
        self.known.add(name)
        return self.variables[name].ctypes.data, self.variables[name].size

    @contextmanager
    def shared_with(self, loaded: Loaded) -> Iterator[None]:
        """While inside, a kernel has the module's variables as they are, and leaves them as it has written them.

        What is constant is as the kernel has it, unless the host has asked where it lies.
        """
        shared = []
        for name, (offset, variable) in loaded.translation.places.statics.items():
            if name in self.variables and (variable.space == "global" or name in self.known):
                shared.append((self.variables[name], loaded.statics[offset : offset + (variable.size or 0)]))
        for own, other in shared:
            other[:] = own
        try:
            yield
        finally:
            for own, other in shared:
                own[:] = other

    def registers(self, name: str) -> int:
        """That ptxas gives a thread of a kernel; 0 where there is no ptxas, or it refuses the text."""
        text = next((text for text in self.ptx if re.search(rf"\.entry\s+{re.escape(name)}\b", text)), "")
        said = assembled(text, self.image.most_registers, len(self.ptx) > 1)
        found = re.search(rf"entry function '{re.escape(name)}'.*?Used (\d+) registers", said, re.DOTALL)
        return int(found.group(1)) if found else 0


@cache
def assembled(text: str, most_registers: int, is_part: bool) -> str:
    """What ptxas says of a text for the architecture that it names; kept, as Numba asks for it with each kernel."""
    options = [f"--maxrregcount={most_registers}"] if most_registers else []
    options += ["--compile-only"] if is_part else []
    store, key = Store("ptxas"), hashlib.sha256("\n".join((*options, text)).encode()).hexdigest()
    known = store.get(key)
    if known is not None:
        return known.decode()
    architecture = re.search(r"\.target\s+(\w+)", text)
    try:
        said = assemble(text, architecture.group(1) if architecture else "", options)
    except ReportError:
        return ""
    store.put(key, said.encode())
    return said


class Kernel:
    """An entry of a module."""

    def __init__(self, module: Module, name: str):
        self.module, self.name = module, name
        self.handle = 0  # by which C knows it, once it has asked for it
        self.dynamic_bytes = 0  # of shared memory that launches may ask for, once the program has said so

    @cached_property
    def function(self):
        return entry(self.module.parsed, self.name)

    def parameter(self, number: int) -> tuple[int, Variable]:
        """(offset in bytes, variable) of a parameter."""
        offset = 0
        for n, variable in enumerate(self.function.parameters):
            offset = aligned(offset, variable.align)
            if n == number:
                return offset, variable
            offset += variable.size
        raise DriverError(Code.INVALID_VALUE)  # by which programs see that there are no more

    @cached_property
    def loaded(self) -> Loaded:
        """Translated, to be run unchecked."""
        return load(self.module.ptx, self.name)

    @cached_property
    def places(self) -> Places | None:
        """Of its variables; None for a kernel that cannot be executed, as its launch will say."""
        try:
            whole = inlined(self.function, self.module.parsed)
            items = [item for item in whole.body or () if not isinstance(item, Label)]
            return Places(whole, self.module.parsed, items)
        except PtxError:
            return None

    @property
    def shared_bytes(self) -> int:
        """Of a block, that are not dynamic."""
        return self.places.shared_bytes if self.places else 0

    @property
    def local_bytes(self) -> int:
        """Of a thread."""
        return self.places.local_bytes if self.places else 0

    @property
    def constant_bytes(self) -> int:
        """Of constant variables."""
        statics = self.places.statics.values() if self.places else ()
        return sum(variable.size or 0 for _, variable in statics if variable.space == "const")

    @cached_property
    def most_threads(self) -> int:
        """Of a block: as its bounds in the text say, or as many as any block has."""
        head = rf"\.entry\s+{re.escape(self.name)}\b[^{{]*?\.(?:maxntid|reqntid)\s+([\d, ]+)"
        bounds = re.search(head, "\n".join(self.module.ptx))
        return math.prod(map(int, bounds.group(1).split(","))) if bounds else THREADS_A_BLOCK
