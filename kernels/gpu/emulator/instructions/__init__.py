"""What each instruction means, in LLVM: a function an opcode, taken in by `@opcode` into OPCODES.

A function gets the Translator and the instruction. It reads operands, emits, writes the result, and raises PtxError for
what it does not know. All follow NVIDIA's Parallel Thread Execution ISA, chapter 9, whose sections the files name.
"""

from kernels.gpu.emulator.instructions import (
    asynchronous,
    atomics,
    bits,
    calls,
    control,
    conversions,
    floats,
    halves,
    integers,
    matrices,
    mbarriers,
    memory,
    moves,
    predicates,
    registers,
    stack,
    warps,
)
from kernels.gpu.emulator.instructions.table import OPCODES, SPECIAL

__all__ = [
    "OPCODES",
    "SPECIAL",
    "asynchronous",
    "atomics",
    "bits",
    "calls",
    "control",
    "conversions",
    "floats",
    "halves",
    "integers",
    "matrices",
    "mbarriers",
    "memory",
    "moves",
    "predicates",
    "registers",
    "stack",
    "warps",
]
