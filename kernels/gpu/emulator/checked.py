"""Checked mode: a kernel of PTX executed with every access looked at before it happens.

    load_checked(ptx).run(grid, block, values)

What it refuses is what the interpreter refuses, at the level of PTX: an access outside every array, the shared memory,
the local memory or the variables of the module; one that is not aligned; a read of shared or local memory that nobody
wrote; a write of an array that is read-only; a barrier that some threads miss; a shuffle from a lane that takes no
part; a data race; and a loop without end.

Blocks run one after another; those that wait for others are parked and take turns (parked.py).

An address that can only come from one array (origins.py) must lie in that one. What it cannot see: an index that is
wrong but lands in another row of its own array, or in another array where the address may be of either; a negative one,
which Numba counts from the end; addresses in the arguments beside those of arrays, which are outside.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.gpu.emulator import layout, shadow
from kernels.gpu.emulator.arena import Arena
from kernels.gpu.emulator.arguments import parameters
from kernels.gpu.emulator.checks import compiled_touch
from kernels.gpu.emulator.heap import Parts
from kernels.gpu.emulator.loaded import Loaded, Texts, in_order, loaded
from kernels.gpu.emulator.parked import CheckedPlace, CheckedTogether
from kernels.gpu.emulator.places import HEAP
from kernels.gpu.emulator.shadow import AT
from kernels.gpu.emulator.spans import untouched_zeros

MOST_CLOCKS = 2**22  # times in the clocks of all addresses
MOST_TURNS = 100_000_000  # of loops, in which a thread neither ends nor waits, before that is called endless
KINDS = {"load": shadow.READ, "store": shadow.WRITE, "atomic": shadow.ATOMIC, "fence": shadow.FENCE,
         "turn": shadow.TURN}  # fmt: skip
STRONG = ("volatile", "relaxed", "acquire", "release", "mmio")
ORDERING = ("acquire", "release", "acq_rel", "sc")


def load_checked(ptx: Texts, name: str | None = None) -> "Checked":
    """A kernel of a text, or of several, by its name, or the only one, to be run in checked mode. Raises PtxError."""
    return loaded(ptx, name, Checked, checked=True)


class Checked(Loaded):
    """A kernel that can be run in checked mode."""

    def run(  # type: ignore[override]  # it watches all blocks itself
        self,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        values: list[Any],
        shared_bytes: int = 0,
        seed: int | None = None,
        cores: int | None = None,
        title: str | None = None,
        names: list[str] | None = None,
        most_turns: int = MOST_TURNS,
        arena: Callable[..., Arena] = Arena,
    ) -> None:
        """Run all blocks on one core. Arrays are copied, and brought up to date at the end.

        title         what errors call the kernel
        names         what errors call each of the values; by default as the parameters are called
        most_turns    of loops that a thread may take before it waits or ends
        arena         what makes the memory of the run

        Raises KernelError for what is refused; arrays then have what was written before.
        """
        names = names or list(self.translation.places.parameters)
        order, lanes = in_order(grid, block, seed)
        memory = arena(values, names, self.translation.places, shared_bytes)
        record = Record(self, memory, len(order), int(np.prod(block)), most_turns)
        given = parameters(self.translation, memory.values)

        def make():
            return CheckedPlace(self, grid, block, given, shared_bytes, record)

        try:
            CheckedTogether(self, make, order, lanes, title, record).run()
        finally:
            memory.copy_back()


class Record:
    """What checked mode remembers in a run: the words that shadow.py names, and the memory that they point to.

    Those that speak of one block and its threads are set anew for each that has its turn.
    """

    def __init__(self, kernel: Loaded, arena: Arena, blocks: int, threads: int, most_turns: int):
        translation = kernel.translation
        first, size = arena.shared
        self.arena, self.blocks = arena, blocks
        held = [arena.held(access.origins)[0] << shadow.HELD_SHIFT for access in translation.accesses]
        kinds = np.array([kind_of(a) | h for a, h in zip(translation.accesses, held, strict=True)] or [0], np.int32)
        accesses = [access for access in translation.accesses if access.bytes]
        cell = min((access.bytes for access in accesses), default=4)
        fences = any(kinds & shadow.KIND_BITS == shadow.FENCE) or any(kinds & shadow.ORDERING)
        self.width = threads if fences or counts_threads(translation) else 32
        self.local_cells = -(-translation.places.local_bytes // cell)
        self.slots = slots_for(blocks) if fences else 1
        self.cells = untouched_zeros(shadow.SLOTS * (len(arena.pages) * arena.page // cell), np.int64)
        self.cells_of_shared = self.cells[shadow.SLOTS * (first // cell) : shadow.SLOTS * ((first + size) // cell)]
        if kernel.heap:
            offset, _ = translation.places.statics[HEAP]
            heap_cells = self.cells[shadow.SLOTS * ((arena.extent + offset) // cell) :]
            Parts(kernel.heap, arena, heap_cells, shadow.SLOTS, cell)
        self.words = np.zeros(len(shadow.WORDS), np.int64)
        self.kept: list[np.ndarray] = []
        self.put(
            KINDS=kinds,
            COPIES=kinds if any(kinds & shadow.UNDER_WAY) else 0,
            ARENA=arena.address,
            EXTENT=arena.extent,
            STATICS=kernel.statics,
            STATICS_BYTES=translation.places.statics_bytes,
            SHARED_FIRST=first,
            SHARED_BYTES=size,
            PAGES=arena.pages,
            REGIONS=arena.bounds,
            SEALED=arena.sealed,
            PARTLY=arena.partly,
            WRITTEN=arena.written,
            CELL_SHIFT=cell.bit_length() - 1,
            CELLS=self.cells,
            LOCAL_AT=translation.local_offset,
            LOCAL_BYTES=translation.places.local_bytes,
            LOCAL_CELLS=self.local_cells,
            WIDTH=self.width,
            FENCES=fences,
            CLOCKS=np.zeros((self.slots, blocks if fences else 1), np.int64),
            CLOCK_SLOTS=self.slots,
            CLOCK_WIDTH=blocks,
            TOLD_BY=np.zeros(self.slots, np.int64),
            TOLD_AT=np.zeros(self.slots, np.int64),
            MOST_TURNS=most_turns,
        )
        self.starts = self.owners = np.zeros(0, np.int64)
        self.address = self.words.ctypes.data

    def watched(self, place: CheckedPlace) -> None:
        """Have all accesses of a block announced."""
        first, size = self.arena.shared
        place.shared = self.arena.memory[first : first + size]
        wide = place.block.view(np.int64)
        wide[layout.SHARED // 8] = place.shared.ctypes.data
        wide[layout.TOUCH // 8] = compiled_touch().address
        wide[layout.WATCH // 8] = self.address

    def make_room(self) -> None:
        """For the slices of time of all blocks that have not begun, and of one that goes on."""
        used = int(self.words[AT["SLICES"] // 8])
        needed = used + self.blocks - int(self.words[AT["BLOCKS"] // 8]) + 2
        if needed > self.starts.size:
            more = np.zeros(needed + used - self.starts.size, np.int64)
            self.starts, self.owners = np.append(self.starts, more), np.append(self.owners, more)
            self.words[AT["STARTS"] // 8] = self.starts.ctypes.data
            self.words[AT["OWNERS"] // 8] = self.owners.ctypes.data

    def put(self, **words):
        for name, value in words.items():
            if isinstance(value, np.ndarray):
                self.kept.append(value)
                value = value.ctypes.data
            self.words[AT[name] // 8] = value


def kind_of(access) -> int:
    """What a place does, as the compiled check is told."""
    kind, has = KINDS[access.what], access.instruction.has
    if access.what in ("load", "store") and has(*STRONG):
        kind = shadow.STRONG_READ if access.what == "load" else shadow.ATOMIC | shadow.SETS
    # Of barriers in memory all do as their defaults .release and .acquire say.
    is_barrier = access.what == "atomic" and access.instruction.opcode in ("mbarrier", "cp")
    if is_barrier or (access.what in ("load", "store", "atomic") and has(*ORDERING)):
        kind |= shadow.ORDERING
    if access.is_under_way:
        kind |= shadow.UNDER_WAY
    return kind | shadow.SPACES.get(access.space, shadow.GENERIC) << shadow.SPACE_SHIFT


def slots_for(blocks: int) -> int:
    """How many clocks of addresses there are, a power of two: of some thousand blocks as many as 32 MiB hold."""
    return 1 << int(np.clip((MOST_CLOCKS // blocks).bit_length() - 1, 2, 10))


def counts_threads(translation) -> bool:
    """Whether there are barriers for some of a block's threads."""
    barriers = [stop.instruction for stop in translation.stops if stop.kind in ("barrier", "arrive")]
    return any(len(item.operands) - 2 * item.has("red") > 1 for item in barriers)
