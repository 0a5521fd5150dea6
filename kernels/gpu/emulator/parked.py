"""Checked mode's blocks that wait for each other: each is parked with what is known of it and its threads.

Of the words that shadow.py names some speak of the block that runs: they and the memory that they point to go with it.
Shared memory is in one place for all, since compiled code has its address: it is copied out and in, with its cells.
"""

import numpy as np

from kernels.gpu.emulator import clocks, schedule, shadow
from kernels.gpu.emulator.findings import Findings
from kernels.gpu.emulator.loaded import Place
from kernels.gpu.emulator.shadow import AT
from kernels.gpu.emulator.together import Together

OWN = ("LOCAL_TIMES", "THREADS", "THREADS_BYTES", "STRIDE", "BEGIN", "FLOOR", "STAMPS", "KNOWN", "PENDING", "BLOCK",
       "BORN", "FENCED", "SEEN", "LEARNT", "JOINED", "SYNCS", "SYNC_ROWS", "SYNC_COUNT")  # fmt: skip
OWN_AT = np.array([AT[name] // 8 for name in OWN])


class CheckedPlace(Place):
    """The memory of a block, and what checked mode knows of its threads."""

    def __init__(self, kernel, grid, block, given, shared_bytes, record):
        super().__init__(kernel, grid, block, given, shared_bytes)
        record.watched(self)
        count, width = self.state.size, record.width
        has_fences = bool(record.words[AT["FENCES"] // 8])
        tables = {
            "THREADS": self.threads,
            "LOCAL_TIMES": np.zeros(max(count * record.local_cells, 1), np.int32),
            "STAMPS": np.zeros(count, np.int64),
            "KNOWN": np.zeros((count, width), np.int64),
            "PENDING": np.zeros((schedule.BARRIERS, width), np.int64),
            "SEEN": np.zeros(record.blocks if has_fences else 1, np.int64),
            "LEARNT": np.zeros(record.slots, np.int64),
            "SYNCS": np.zeros(shadow.MOST_SYNCS, np.int64),
            "SYNC_ROWS": np.zeros((shadow.MOST_SYNCS if has_fences else 1, width), np.int64),
        }
        words = dict.fromkeys(OWN, 0) | {"THREADS_BYTES": self.threads.nbytes, "STRIDE": self.threads.strides[0]}
        words |= {name: table.ctypes.data for name, table in tables.items()}
        self.words, self.tables = np.array([words[name] for name in OWN], np.int64), tables
        self.kept: tuple[np.ndarray, np.ndarray] | None = None  # shared memory and its cells, while it is parked
        self.bytes = self.shared.nbytes + record.cells_of_shared.nbytes + sum(t.nbytes for t in tables.values())


class CheckedTogether(Together):
    """Blocks of a run in checked mode. `run` raises KernelError."""

    def __init__(self, kernel, make, order, lanes, title, record):
        self.record, self.watch = record, record.address
        super().__init__(kernel, make, order, lanes, title)

    def refusal(self, failure, place):
        findings = Findings(self.kernel, self.record, self.order, place, self.others(failure, place))
        error = findings.error(failure)
        error.kernel = self.title or self.kernel.translation.name
        return error

    def pass_grid(self):
        super().pass_grid()
        clocks.met_in_grid(self.watch)

    def enter(self, place):
        record = self.record
        record.words[OWN_AT] = place.words
        record.make_room()
        if place.kept:
            place.shared[:], record.cells_of_shared[:] = place.kept
            place.kept = None
            clocks.begin_slice(self.watch, place.state.size)

    def leave(self, place):
        place.words = self.record.words[OWN_AT]
        place.kept = place.shared.copy(), self.record.cells_of_shared.copy()
