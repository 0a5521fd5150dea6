"""What is known of a translated kernel beside its code."""

from dataclasses import dataclass

from kernels.gpu.emulator.places import Places
from kernels.gpu.emulator.syntax import Instruction


@dataclass(frozen=True)
class Stop:
    """A place where a thread waits. kind: what for; detail: of which sort, a small number that the kind explains."""

    kind: str
    detail: int
    instruction: Instruction


@dataclass(frozen=True)
class Access:
    """A place that reads or writes memory: what for is "load", "store" or "atomic".

    In checked mode also a "fence", and the "turn" of a loop: places that touch no memory.
    """

    what: str
    space: str
    bytes: int
    instruction: Instruction
    block: int  # the basic block that it stands in
    origins: frozenset[str] = frozenset()  # in checked mode: what its address comes from (origins.py)
    is_under_way: bool = False  # whether it is a copy that begins: what it writes is written when another ends it


@dataclass
class Translation:
    """What is known of a translated kernel beside its code. Offsets and sizes in bytes."""

    name: str
    text: str
    stops: list[Stop]
    accesses: list[Access]
    counted: list[list[Instruction]]  # the instructions of each basic block
    places: Places
    thread_bytes: int
    local_offset: int
    loops: dict[int, frozenset[int]]  # if counted: by the block that begins a loop, all blocks of the loop
    is_ordered: bool  # whether blocks talk to each other, so that their order matters
