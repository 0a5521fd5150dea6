"""Checked mode: a kernel of PTX executed with every access looked at before it happens.

    load_checked(ptx).run(grid, block, values)

What it refuses is what the interpreter refuses, at the level of PTX: an access outside every array, the shared memory,
the local memory or the variables of the module; one that is not aligned; a read of shared or local memory that nobody
wrote; a write of an array that is read-only; a barrier that some threads miss; a shuffle from a lane that takes no
part; a data race; and a loop without end.

Blocks run one after another, so what waits for a later block is refused as endless.

An address that can only come from one array (origins.py) must lie in that one. What it cannot see: an index that is
wrong but lands in another row of its own array, or in another array where the address may be of either; a negative one,
which Numba counts from the end; addresses in the arguments beside those of arrays, which are outside.
"""

from typing import Any

import numpy as np

from kernels.gpu.emulator import layout, schedule, shadow
from kernels.gpu.emulator.arena import Arena
from kernels.gpu.emulator.arguments import parameters
from kernels.gpu.emulator.checks import compiled_touch
from kernels.gpu.emulator.findings import Findings
from kernels.gpu.emulator.loaded import Loaded, Place, in_order, loaded
from kernels.gpu.emulator.shadow import AT
from kernels.gpu.emulator.together import alone
from kernels.gpu.interpreter.errors import KernelError

MOST_TURNS = 100_000_000  # of loops, in which a thread neither ends nor waits, before that is called endless
KINDS = {"load": shadow.READ, "store": shadow.WRITE, "atomic": shadow.ATOMIC, "fence": shadow.FENCE,
         "turn": shadow.TURN}  # fmt: skip
STRONG = ("volatile", "relaxed", "acquire", "release", "mmio")
ORDERING = ("acquire", "release", "acq_rel", "sc")


def load_checked(ptx: str, name: str | None = None) -> "Checked":
    """A kernel of a text by its name, or the only one, to be run in checked mode. Raises PtxError."""
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
    ) -> None:
        """Run all blocks, one after another on one core. Arrays are copied, and brought up to date at the end.

        title         what errors call the kernel
        names         what errors call each of the values; by default as the parameters are called
        most_turns    of loops that a thread may take before it waits or ends

        Raises KernelError for what is refused; arrays then have what was written before.
        """
        names = names or list(self.translation.places.parameters)
        order, lanes = in_order(grid, block, seed)
        arena = Arena(values, names, self.translation.places, shared_bytes)
        place = Place(self, grid, block, parameters(self.translation, arena.values), shared_bytes)
        record = Record(self, place, arena, len(order), int(np.prod(block)), most_turns)
        failure = np.zeros(4, np.int64)
        try:
            code = schedule.run_blocks(
                self.step, 0, len(order), order, place.threads, place.block, place.shared, place.local,
                self.kinds, self.details, lanes, record.address, place.state, place.arrived, alone(), failure,
            )  # fmt: skip
        finally:
            arena.copy_back()
        if code != schedule.DONE:
            error: KernelError = Findings(self, arena, record, order, place).error(failure)
            error.kernel = title or self.translation.name
            raise error


class Record:
    """What checked mode remembers in a run: the words that shadow.py names, and the memory that they point to."""

    def __init__(self, kernel: Loaded, place: Place, arena: Arena, blocks: int, threads: int, most_turns: int):
        translation = kernel.translation
        first, size = arena.shared
        place.shared = arena.memory[first : first + size]
        held = [arena.held(access.origins)[0] << shadow.HELD_SHIFT for access in translation.accesses]
        kinds = np.array([kind_of(a) | h for a, h in zip(translation.accesses, held, strict=True)] or [0], np.int32)
        accesses = [access for access in translation.accesses if access.bytes]
        cell = min((access.bytes for access in accesses), default=4)
        self.starts = np.zeros(blocks + 1, np.int64)
        fences = any(kinds & shadow.KIND_BITS == shadow.FENCE) or any(kinds & shadow.ORDERING)
        width = threads if fences or counts_threads(translation) else 32
        local_cells = -(-translation.places.local_bytes // cell)
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
            CELL_SHIFT=cell.bit_length() - 1,
            CELLS=np.zeros(shadow.SLOTS * (len(arena.pages) * arena.page // cell), np.int64),
            LOCAL_AT=translation.local_offset,
            LOCAL_BYTES=translation.places.local_bytes,
            LOCAL_CELLS=local_cells,
            LOCAL_TIMES=np.zeros(max(threads * local_cells, 1), np.int32),
            THREADS=place.threads,
            THREADS_BYTES=place.threads.nbytes,
            STRIDE=place.threads.strides[0],
            STAMPS=np.zeros(threads, np.int64),
            KNOWN=np.zeros((threads, width), np.int64),
            WIDTH=width,
            PENDING=np.zeros((schedule.BARRIERS, width), np.int64),
            STARTS=self.starts,
            FENCES=fences,
            RELEASED=np.zeros((blocks if fences else 1, shadow.RELEASES, 2), np.int64),
            LEARNT=np.zeros(shadow.MOST_KNOWN, np.int64),
            SYNCS=np.zeros(shadow.MOST_SYNCS, np.int64),
            SYNC_ROWS=np.zeros((shadow.MOST_SYNCS if fences else 1, width), np.int64),
            MOST_TURNS=most_turns,
        )
        self.address = self.words.ctypes.data
        wide = place.block.view(np.int64)
        wide[layout.SHARED // 8] = place.shared.ctypes.data
        wide[layout.TOUCH // 8] = compiled_touch().address
        wide[layout.WATCH // 8] = self.address

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


def counts_threads(translation) -> bool:
    """Whether there are barriers for some of a block's threads."""
    barriers = [stop.instruction for stop in translation.stops if stop.kind in ("barrier", "arrive")]
    return any(len(item.operands) - 2 * item.has("red") > 1 for item in barriers)
