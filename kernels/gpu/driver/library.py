"""A shared library written by hand: names that programs look up, and for each a jump to a function of this process.

Who uses CUDA opens libcuda.so.1 and asks it for functions by their names. Here there is no driver to ask, and no C
compiler to build another with; but a library whose functions only jump on is 16 bytes a function, and the rest of the
file is tables: a header, the segments to be mapped, names, their places, and a hash table of them. Source: System V
ABI, edition 4.1 (1997), chapters 4 and 5: object files, program loading and dynamic linking.

    code    for each name a jump through its slot; last a function that does nothing and returns 0
    slots   for each name the address that is jumped to, written once the library is loaded
"""

import atexit
import ctypes
import os
import platform
import struct
from collections.abc import Mapping
from typing import Any

SEGMENT = 0x10000  # bytes that segments begin at multiples of: the largest page of the machines below
JUMP = 16  # bytes of a function
SLOT = 8

HEADER, PROGRAM, SYMBOL = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ", "<IBBHQQ"
LOAD, DYNAMIC, STACK = 1, 2, 0x6474E551  # kinds of segments
READ, WRITE, EXECUTE = 4, 2, 1
FUNCTION, OBJECT = 0x12, 0x11  # kinds of global symbols
HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME = 4, 5, 6, 10, 11, 14  # entries of the dynamic section


class LibraryError(RuntimeError):
    """A machine that no library can be written for: one line."""


def jump_of_x86(away: int) -> bytes:
    """jmp [rip + away]; the processor counts from the end of this instruction, which has 6 bytes."""
    return b"\xff\x25" + struct.pack("<i", away - 6)


def jump_of_arm(away: int) -> bytes:
    """ldr x16, [pc + away]; br x16."""
    return struct.pack("<II", 0x58000010 | (away // 4 & 0x7FFFF) << 5, 0xD61F0200)


# Of each machine: its number in the header of a file, what makes a jump through a slot that is so far away, and code
# that returns 0: xor eax, eax; ret, and mov w0, 0; ret.
MACHINES = {
    "x86_64": (62, jump_of_x86, b"\x31\xc0\xc3"),
    "aarch64": (183, jump_of_arm, struct.pack("<II", 0x52800000, 0xD65F03C0)),
}


def written(name: str, functions: list[str], machine: str) -> bytes:
    """The bytes of a library. Its own symbols `nothing` and `slots` say where these are.

    name    what the library calls itself: who opens a library of this name later gets this one
    """
    number, jump, returns = MACHINES[machine]
    names = [*functions, "nothing", "slots"]
    strings, at = b"\0", {}
    for each in (*names, name):
        at[each] = len(strings)
        strings += each.encode() + b"\0"
    symbols_at = struct.calcsize(HEADER) + 4 * struct.calcsize(PROGRAM)
    hash_at = symbols_at + (len(names) + 1) * struct.calcsize(SYMBOL)
    strings_at = hash_at + 4 * (2 + 1 + len(names) + 1)
    code_at = -(-(strings_at + len(strings)) // JUMP) * JUMP
    code_end = code_at + JUMP * (len(functions) + 1)
    slots_at = -(-code_end // SEGMENT) * SEGMENT
    dynamic_at = slots_at + SLOT * len(functions)

    places = [(FUNCTION, code_at + JUMP * n, JUMP) for n in range(len(functions) + 1)]
    places.append((OBJECT, slots_at, SLOT * len(functions)))
    symbols = bytes(struct.calcsize(SYMBOL))  # the first one is nobody's
    for each, (kind, place, size) in zip(names, places, strict=True):
        symbols += struct.pack(SYMBOL, at[each], kind, 0, 1, place, size)
    # One bucket, in which all names hang on one chain: few are looked up, and each once.
    chain = [0, *range(2, len(names) + 1), 0]
    hashes = struct.pack(f"<{3 + len(chain)}I", 1, len(chain), 1, *chain)
    entries = {SONAME: at[name], HASH: hash_at, STRTAB: strings_at, SYMTAB: symbols_at}
    entries |= {STRSZ: len(strings), SYMENT: struct.calcsize(SYMBOL)}
    dynamic = b"".join(struct.pack("<QQ", *each) for each in (*entries.items(), (0, 0)))
    end = dynamic_at + len(dynamic)

    head = struct.pack(
        HEADER, b"\x7fELF\x02\x01\x01", 3, number, 1, 0, struct.calcsize(HEADER), 0, 0,
        struct.calcsize(HEADER), struct.calcsize(PROGRAM), 4, 0, 0, 0,
    )  # fmt: skip
    for kind, rights, start, stop in (
        (LOAD, READ | EXECUTE, 0, code_end),
        (LOAD, READ | WRITE, slots_at, end),
        (DYNAMIC, READ | WRITE, dynamic_at, end),
        (STACK, READ | WRITE, 0, 0),
    ):
        align = SEGMENT if kind == LOAD else 8
        head += struct.pack(PROGRAM, kind, rights, start, start, start, stop - start, stop - start, align)
    code = b"".join(jump(slots_at + SLOT * n - code_at - JUMP * n).ljust(JUMP, b"\0") for n in range(len(functions)))
    text = (head + symbols + hashes + strings).ljust(code_at, b"\0") + code + returns
    return text.ljust(dynamic_at, b"\0") + dynamic


def loaded(name: str, functions: Mapping[str, Any]) -> ctypes.CDLL:
    """A library loaded into this process, in which these ctypes functions are found by these names.

    Raises LibraryError where there is no such file format, or a library of that name has been loaded before.
    """
    machine = platform.machine()
    if machine not in MACHINES or os.uname().sysname != "Linux":
        raise LibraryError(
            f"no stand-in for {name} on {platform.system()} {machine}: only on Linux, {', '.join(MACHINES)}"
        )
    handle = os.memfd_create(name)  # a file without a place on disk; open as long as the library, known by this path
    with os.fdopen(handle, "wb", closefd=False) as file:
        file.write(written(name, list(functions), machine))
    library = ctypes.CDLL(f"/proc/self/fd/{handle}", mode=ctypes.RTLD_GLOBAL)
    slots = (ctypes.c_void_p * len(functions)).in_dll(library, "slots")
    for number, function in enumerate(functions.values()):
        slots[number] = ctypes.cast(function, ctypes.c_void_p).value
    library.functions = functions  # type: ignore[attr-defined]  # which live as long as what jumps to them
    atexit.register(silence, library, slots)
    return library


def silence(library: ctypes.CDLL, slots: Any) -> None:
    """From now on all functions do nothing: whoever calls one when Python has ended, as destructors do, finds none."""
    slots[:] = [ctypes.cast(library.nothing, ctypes.c_void_p).value] * len(slots)
