"""The shared library that is written by hand: its bytes read back, its functions called, and silent in the end."""

import ctypes
import platform
import struct
import subprocess
import sys

import pytest

from kernels.gpu.driver import library
from kernels.gpu.driver.library import HASH, JUMP, SONAME, STRTAB, SYMTAB, LibraryError, written

NAMES = [f"function_{n}" for n in range(37)]


class Elf:
    """A library as the loader reads it: what its tables say."""

    def __init__(self, content: bytes):
        self.content = content
        head = struct.unpack_from(library.HEADER, content)
        self.machine, programs, count = head[2], head[5], head[10]
        self.segments = [struct.unpack_from(library.PROGRAM, content, programs + 56 * n) for n in range(count)]
        (dynamic,) = (each for each in self.segments if each[0] == library.DYNAMIC)
        self.entries = dict(struct.iter_unpack("<QQ", content[dynamic[2] : dynamic[2] + dynamic[5]]))

    def text(self, at: int) -> str:
        start = self.entries[STRTAB] + at
        return self.content[start : self.content.index(b"\0", start)].decode()

    def symbols(self) -> dict[str, int]:
        """Addresses by name, found along the chain of the hash table's bucket."""
        buckets, _, number = struct.unpack_from("<3I", self.content, self.entries[HASH])
        assert buckets == 1
        found = {}
        while number:
            name, _, _, _, address, _ = struct.unpack_from(
                library.SYMBOL, self.content, self.entries[SYMTAB] + 24 * number
            )
            found[self.text(name)] = address
            (number,) = struct.unpack_from("<I", self.content, self.entries[HASH] + 4 * (3 + number))
        return found


def slot_of_x86(code: bytes) -> int:
    assert code[:2] == b"\xff\x25"
    return 6 + struct.unpack_from("<i", code, 2)[0]


def slot_of_arm(code: bytes) -> int:
    load, jump = struct.unpack_from("<II", code)
    assert (load & 0xFF00001F, jump) == (0x58000010, 0xD61F0200)  # ldr x16, ...; br x16
    return 4 * (load >> 5 & 0x7FFFF)


@pytest.mark.parametrize(("machine", "number", "slot_of"), [("x86_64", 62, slot_of_x86), ("aarch64", 183, slot_of_arm)])
def test_each_function_jumps_through_its_own_slot(machine, number, slot_of):
    content = written("libanything.so.3", NAMES, machine)
    elf = Elf(content)
    symbols = elf.symbols()
    assert elf.machine == number
    assert elf.text(elf.entries[SONAME]) == "libanything.so.3"
    assert list(symbols) == [*NAMES, "nothing", "slots"]
    for n, name in enumerate(NAMES):
        code = content[symbols[name] : symbols[name] + JUMP]
        assert symbols[name] + slot_of(code) == symbols["slots"] + 8 * n


@pytest.mark.parametrize("machine", library.MACHINES)
def test_no_segment_can_be_both_written_and_executed(machine):
    segments = Elf(written("libanything.so.3", NAMES, machine)).segments
    assert segments
    assert not any(each[1] & library.WRITE and each[1] & library.EXECUTE for each in segments)


def test_functions_are_found_by_their_names():
    integer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    functions = {name: integer(lambda x, n=n: 100 * n + x) for n, name in enumerate(NAMES)}
    loaded = library.loaded("libfound-by-name.so.1", functions)
    assert [loaded[name](7) for name in NAMES] == [100 * n + 7 for n in range(len(NAMES))]
    again = ctypes.CDLL("libfound-by-name.so.1")  # whoever opens a library of this name
    assert again.function_3(1) == 301
    with pytest.raises(AttributeError):
        _ = loaded.function_37


def test_functions_do_nothing_once_the_library_is_silent():
    called = []
    function = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: called.append(1) or 5)
    loaded = library.loaded("libsilent.so.1", {"call": function})
    assert loaded.call() == 5
    slots = (ctypes.c_void_p * 1).in_dll(loaded, "slots")
    library.silence(loaded, slots)
    assert (loaded.call(), len(called)) == (0, 1)


def test_what_is_called_after_the_end_of_python_finds_nothing_to_do():
    """As destructors of other libraries do; atexit's functions run in reverse, so this one runs after the library's."""
    source = """
import atexit, ctypes
atexit.register(lambda: print(loaded.call()))
from kernels.gpu.driver import library
loaded = library.loaded("libended.so.1", {"call": ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 5)})
print(loaded.call())
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "5\n0\n"


def test_other_machines_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(
        LibraryError, match=r"^no stand-in for libcuda\.so\.1 on Linux riscv64: only on Linux, x86_64, aarch64$"
    ):
        library.loaded("libcuda.so.1", {})
