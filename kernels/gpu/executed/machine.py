"""How many machine instructions ptxas makes at least of one of PTX: the slots that a warp takes to start them.

PTX is not what a GPU executes. Its registers may have 64 bits and there are as many as one likes; those of the machine
have 32 bits, so that an addition of 64 takes two instructions and a product four. Divisions and roots, which are one
instruction here, are programs there. On the other hand moves, parameters and conversions of integers vanish.
The numbers are the least that was counted in what ptxas 13 makes of one of each for sm_90; what it makes of several
instructions together, such as a shift and an addition in one, is not seen here.
"""

from kernels.gpu.emulator.syntax import Instruction
from kernels.gpu.emulator.types import BITS
from kernels.gpu.executed.kinds import FLOATS

# Of integers, by opcode and bits, where it is not one for each 32 bits.
INTEGER = {("mul", 64): 4, ("mad", 64): 4, ("min", 64): 4, ("max", 64): 4, ("div", 32): 16, ("rem", 32): 16,
           ("div", 64): 64, ("rem", 64): 64}  # fmt: skip
# Of floats, where it is not one: rounded to the nearest, or approximated for denormal values as well.
EXACT = {"div": 8, "rcp": 6, "sqrt": 8}
APPROXIMATE = {"div": 2, "rcp": 1, "sqrt": 2, "rsqrt": 1, "ex2": 1, "lg2": 1, "sin": 2, "cos": 2, "tanh": 1}


def slots(item: Instruction) -> int:
    """Of one instruction, at least."""
    opcode, kind = item.opcode, item.types[-1] if item.types else ""
    bits = BITS.get(kind, 0)
    if opcode in ("ld", "ldu"):
        return int("param" not in item.modifiers)
    if opcode == "mov" or opcode == "cvta":
        return 0
    if opcode == "cvt":
        return int(any(each in FLOATS for each in item.types))
    if kind in FLOATS:
        if opcode == "div" or opcode in APPROXIMATE:
            return (EXACT if item.has("rn") else APPROXIMATE).get(opcode, 1)
        return 1
    if item.has("wide"):
        return 1
    if kind and opcode not in ("st", "atom", "red", "shfl", "match", "popc", "clz", "bfind", "mma", "wmma"):
        return INTEGER.get((opcode, bits), max(bits // 32, 1))
    return 1
