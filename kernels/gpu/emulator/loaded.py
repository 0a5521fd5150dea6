"""A kernel of PTX, translated, and the memory that a run of it needs.

    kernel = load(ptx)
    kernel.run(grid, block, values)

values are NumPy arrays, which stand for pointers to their memory, and numbers. Blocks run on all cores, unless they
talk to each other: then one after another, so that the result is the same each time.
"""

import hashlib
import os
import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kernels.gpu.emulator import layout, printing, schedule, together
from kernels.gpu.emulator.arguments import parameters
from kernels.gpu.emulator.errors import EmulatorError, PtxError
from kernels.gpu.emulator.heap import Heap
from kernels.gpu.emulator.linked import linked
from kernels.gpu.emulator.native import Code, compiled, processor
from kernels.gpu.emulator.places import HEAP, HEAP_BYTES
from kernels.gpu.emulator.read_only import Lent
from kernels.gpu.emulator.routines import STACK_BYTES
from kernels.gpu.emulator.spans import aligned_zeros
from kernels.gpu.emulator.syntax import Function
from kernels.gpu.emulator.together import Together, alone, met, named, others
from kernels.gpu.emulator.translate import STEP, Translation, translate
from kernels.store import Store

PIECES = 16  # that the blocks are divided into for each core, so that none waits long for another
LOCK = threading.Lock()


Texts = str | Sequence[str]


def load(ptx: Texts, name: str | None = None, watched: bool = False, counted: bool = False) -> "Loaded":
    """A kernel of a text by its name, or the only one; from the cache on disk, if it has been translated before.

    ptx        a text, or several to be linked (linked.py); lines are counted through all, one behind the other
    watched and counted as `translate` takes them. Raises PtxError.
    """
    return loaded(ptx, name, Loaded, watched=watched, counted=counted)


def loaded(ptx: Texts, name: str | None, kind: type, **how: bool) -> Any:
    """A kernel as a kind of Loaded; how it is translated, `translate` explains. Raises PtxError."""
    texts = (ptx,) if isinstance(ptx, str) else tuple(ptx)
    key = f"{fingerprint()} {processor()} {name} {sorted(how.items())} {[len(text) for text in texts]}"
    return _load(hashlib.sha256("\n".join((key, *texts)).encode()).hexdigest(), texts, name, kind, **how)


@cache
def _load(key, texts, name, kind, **how):
    with LOCK:
        store = Store("emulator")
        known = unpickled(store.get(key))
        if known is None:
            module = linked(texts)
            translation = translate(entry(module, name), module, **how)
            known = translation, compiled(translation.text)
            translation.text = ""
            store.put(key, pickle.dumps(known))
        translation, code = known
        return kind(translation, Code(code), "\n".join(texts))


def unpickled(data):
    """What was kept; None for nothing, and for a file that something has spoilt."""
    try:
        return pickle.loads(data) if data else None
    except Exception:  # what pickle raises has no common name
        return None


def entry(module, name) -> Function:
    found = {n: f for n, f in module.functions.items() if f.entry and f.body is not None}
    if name is None and len(found) == 1:
        (name,) = found
    if name not in found:
        raise PtxError(f"kernel {name!r} not found; the text has {', '.join(found) or 'none'}")
    return found[name]


@cache
def fingerprint() -> str:
    """A hash of the sources that translate."""
    folder = Path(__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(text).hexdigest()


class Loaded:
    """A kernel that can be run."""

    def __init__(self, translation: Translation, code: Code, ptx: str):
        self.translation, self.code, self.ptx = translation, code, ptx
        self.step = code.address(STEP)
        self.kinds = np.array([schedule.KINDS.index(s.kind) for s in translation.stops] or [0], np.int32)
        self.details = np.array([s.detail for s in translation.stops] or [0], np.int32)
        self.statics = self._statics()
        heap = translation.places.statics.get(HEAP)
        self.heap = Heap(self.statics[heap[0] :][:HEAP_BYTES]) if heap else None

    def _statics(self) -> np.ndarray:
        """Global and constant variables with their initial values; they live as long as the kernel."""
        translation = self.translation
        memory = aligned_zeros(translation.places.statics_bytes)
        for offset, variable in translation.places.statics.values():
            data = np.frombuffer(variable.initial, np.uint8)
            memory[offset : offset + data.size] = data
            for at, symbol in variable.pointers:
                if symbol.name in translation.places.statics:
                    address = memory.ctypes.data + translation.places.statics[symbol.name][0] + symbol.offset
                elif symbol.name in translation.places.functions:
                    address = translation.places.functions[symbol.name]
                else:
                    raise PtxError(f"{variable.name}: an initial value is the address of {symbol.name}")
                memory[offset + at : offset + at + 8] = np.frombuffer((address % 2**64).to_bytes(8, "little"), np.uint8)
        return memory

    def run(
        self,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        values: list[Any],
        shared_bytes: int = 0,
        seed: int | None = None,
        cores: int | None = None,
        title: str | None = None,
        blocks: Sequence[int] | None = None,
        observer: "Observer | None" = None,
        names: list[str] | None = None,
    ) -> None:
        """Run all blocks, or some. Arrays are read and written where they lie; of those that are read-only copies are.

        shared_bytes    dynamic shared memory
        seed            for another order of blocks, warps and lanes; None for that of their numbers
        cores           how many; None for all, or one where blocks talk to each other
        title           what errors call the kernel
        blocks          linear numbers of those to run; None for all
        observer        who is told of each block that has run; then also read-only arrays are used where they lie
        names           what errors call each of the values; by default as the parameters are called

        Raises EmulatorError where it cannot go on: threads that wait for what never comes, traps; and at the end if a
        read-only array was written.
        """
        lent = Lent([] if observer else values, names or list(self.translation.places.parameters))
        self._run(grid, block, lent.values or values, shared_bytes, seed, cores, title, blocks, observer)
        lent.check(title or self.translation.name)

    def _run(self, grid, block, values, shared_bytes, seed, cores, title, blocks, observer):
        order, lanes = in_order(grid, block, seed, blocks)
        count = len(order)
        given = parameters(self.translation, values)
        cores = cores or (1 if self.translation.is_ordered else os.cpu_count() or 1)
        cores = min(cores, count)
        size = -(-count // (cores * PIECES)) if cores > 1 else count
        size = size if observer is None else 1
        pieces = [(first, min(first + size, count)) for first in range(0, count, size)]
        waiting = iter(pieces)

        def work():
            place = Place(self, grid, block, given, shared_bytes)
            if observer is not None:
                observer.begin(place)
            while True:
                with LOCK:
                    piece = next(waiting, None)
                if piece is None:
                    return
                self._run_piece(place, *piece, order, lanes, block, grid, title)
                if observer is not None:
                    observer.ran(place, int(order[piece[0]]))

        if cores == 1 and self.translation.is_ordered and observer is None:
            Together(self, lambda: Place(self, grid, block, given, shared_bytes), order, lanes, title).run()
            return
        if cores == 1:
            work()
            return
        with ThreadPoolExecutor(cores) as pool:
            for done in [pool.submit(work) for _ in range(cores)]:
                done.result()

    def _run_piece(self, place, first, last, order, lanes, block, grid, title):
        failure = np.zeros(4, np.int64)
        code = schedule.run_blocks(
            self.step, first, last, order, place.threads, place.block, place.shared, place.local,
            self.kinds, self.details, lanes, 0, place.state, place.arrived, alone(), failure,
        )  # fmt: skip
        if code != schedule.DONE:
            said = self.explained(failure, block, grid, title)
            is_alone = code == schedule.TRAP
            raise EmulatorError(said if is_alone else said + others(self.translation.stops, [place], place, failure))

    def explained(self, failure, block, grid, title) -> str:
        """What went wrong, in one line."""
        code, number, thread, state = (int(v) for v in failure)
        name = title or self.translation.name
        where = f"{name}: block {unravel(number, grid)}, thread {unravel(thread, block)}"
        stop = self.translation.stops[state - 1] if 0 < state <= len(self.translation.stops) else None
        at = f" at {named(stop.instruction)}" if stop else ""
        match code:
            case schedule.TRAP:
                return f"{where}: trap"
            case schedule.STUCK:
                return f"{where}: waits{at} for threads that never come"
            case schedule.ENDLESS | schedule.PARKED:
                return f"{where}: waits{at} for memory that nobody writes"
            case schedule.MET:
                return f"{where}: waits{at} for other blocks, and blocks that are counted run one by one"
            case schedule.LOST:
                return f"{where}: has executed {together.INSTRUCTIONS:,} instructions of a loop and not left it{at}"
            case schedule.DEEP:
                return f"{where}: calls of functions by themselves take more than {STACK_BYTES:,} bytes of stack{at}"
            case schedule.LOOPING:
                return f"{where}: {met(stop)} in a loop without end{at}"
        return f"{where}: stopped"


class Observer(Protocol):
    """Who watches or counts. Cores call it at the same time, each with a place of its own."""

    def begin(self, place: "Place") -> None:
        """Before a place runs its first block: records of threads and block can be given their pointers."""

    def ran(self, place: "Place", number: int) -> None:
        """After each block, with its linear number."""


class Place:
    """The memory that one core runs blocks in, one after another."""

    def __init__(self, loaded: Loaded, grid, block, given, shared_bytes):
        translation = loaded.translation
        count = int(np.prod(block))
        self.shared = aligned_zeros(translation.places.shared_bytes + shared_bytes)
        self.threads = aligned_zeros(count * translation.thread_bytes).view(np.int32).reshape(count, -1)
        start = translation.local_offset // 4
        self.local = (start, start + -(-translation.places.local_bytes // 4))
        self.given, self.statics = given, loaded.statics
        self.grid, self.size = grid, block
        self.state, self.arrived = np.zeros(count, np.int32), np.zeros(schedule.BARRIERS + 1, np.int32)
        linear = np.arange(count)
        records = self.threads
        records[:, schedule.AT_TID] = linear % block[0]
        records[:, schedule.AT_TID + 1] = linear // block[0] % block[1]
        records[:, schedule.AT_TID + 2] = linear // (block[0] * block[1])
        records[:, schedule.AT_LANE], records[:, schedule.AT_WARP] = linear % 32, linear // 32
        records[:, schedule.AT_LINEAR] = linear
        self.block = aligned_zeros(layout.BLOCK).view(np.int32)
        wide = self.block.view(np.int64)
        wide[layout.SHARED // 8] = self.shared.ctypes.data
        wide[layout.PARAMS // 8] = given.ctypes.data
        wide[layout.STATICS // 8] = loaded.statics.ctypes.data
        wide[layout.PRINT // 8 :][: len(printing.ADDRESSES)] = printing.ADDRESSES
        if loaded.heap:
            wide[layout.HEAP // 8 :][:2] = loaded.heap.addresses
        wide[layout.TURNS // 8] = together.INSTRUCTIONS
        self.block[schedule.AT_NTID : schedule.AT_NTID + 3] = block
        self.block[schedule.AT_NCTAID : schedule.AT_NCTAID + 3] = grid
        self.block[layout.DYNAMIC // 4] = shared_bytes
        self.block[layout.TOTAL // 4] = self.shared.size
        self.bytes = self.shared.nbytes + self.threads.nbytes

    def progress(self) -> tuple[int, int]:
        """How many threads of the block here have ended, and how many barriers they have passed."""
        return int(np.count_nonzero(self.state == schedule.OVER)), int(self.arrived[schedule.BARRIERS])


def in_order(grid, block, seed, blocks=None) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of a grid, or some, and threads of a block in the order in which they run, which a seed shuffles."""
    order = np.arange(int(np.prod(grid, dtype=np.int64))) if blocks is None else np.array(blocks, np.int64)
    generator = None if seed is None else np.random.default_rng(seed)
    if generator is not None:
        generator.shuffle(order)
    return order, lanes_in_order(int(np.prod(block)), generator)


def lanes_in_order(count: int, generator) -> np.ndarray:
    """Threads of a block in the order in which they run: warp by warp, in a warp by lane; or shuffled in both."""
    warps = [np.arange(first, min(first + 32, count)) for first in range(0, count, 32)]
    if generator is not None:
        full, rest = warps[: count // 32], warps[count // 32 :]
        generator.shuffle(full)
        warps = full + rest  # the last one, which may be short, stays last: the scheduler cuts the list in 32s
        for warp in warps:
            generator.shuffle(warp)
    return np.concatenate(warps)


def unravel(number, size):
    """(x, y, z) of a linear number; x alone where there is no more."""
    found = (number % size[0], number // size[0] % size[1], number // (size[0] * size[1]))
    return found if any(n > 1 for n in size[1:]) else found[0]
