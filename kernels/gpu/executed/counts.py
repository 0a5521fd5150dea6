"""What a compiled kernel executes: instructions by kind and by line of the source, of threads and of warps."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from kernels.gpu.emulator.translation import Translation
from kernels.gpu.executed.counters import Counters
from kernels.gpu.executed.kinds import KINDS, Sort, sorts
from kernels.gpu.executed.machine import slots
from kernels.gpu.xray.counts import Xray
from kernels.table import Row

VALUE = 4  # bytes: of a float32, by which memory-bound kernels are compared


# What stands together in a table; what is in none is waiting, conversions, moves and parameters.
GROUPS = {
    "fma": ("fma", "matrix"),
    "float": ("float", "special function"),
    "address": ("address",),
    "integer": ("integer",),
    "branch": ("predicate and branch",),
    "access": ("load", "store", "atomic"),
}


@dataclass
class Count:
    """Executions of the instructions of one sort that come from one line. Sums over the blocks that were run."""

    sort: Sort
    file: str
    line: int
    threads: int = 0
    """Of all threads."""
    warps: int = 0
    """Of all warps: for each basic block the most that a lane has, so that of lanes which take turns too few."""
    slots: int = 0
    """Machine instructions that warps start for it, at least: see machine.py."""


@dataclass(repr=False)
class Executed(Row):
    """What was counted of a launch; `counts` in the order of the source. A row of a table has shares of threads."""

    kernel: str
    architecture: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    blocks: list[tuple[int, int, int]]
    """The blocks that were run."""
    counts: list[Count]
    xray: Xray | None = None
    """What the accesses cost, if they were watched."""

    @property
    def scale(self) -> float:
        """By how much the counts of the whole launch are larger, if all blocks are like those that were run."""
        return math.prod(self.grid) / len(self.blocks)

    def total(self, what: str, kind: str | None = None, space: str | None = None) -> int:
        """The sum of "threads", "warps" or "slots" over all instructions of a kind, in a space."""
        chosen = (c for c in self.counts if kind in (None, c.sort.kind) and space in (None, c.sort.space))
        return sum(getattr(count, what) for count in chosen)

    @property
    def bytes(self) -> int:
        """Of global memory that threads asked for, by loads, stores and atomics."""
        return sum(c.threads * c.sort.width for c in self.counts if c.sort.space in ("global", "generic"))

    def share(self, *kinds: str) -> float:
        """The fraction of all instructions of threads that are of these kinds."""
        return sum(self.total("threads", kind) for kind in kinds) / max(self.total("threads"), 1)

    @property
    def a_value(self) -> float:
        """Instructions of threads for 4 bytes of global memory."""
        return VALUE * self.total("threads") / self.bytes if self.bytes else math.inf

    def row(self):
        grouped = {name: f"{self.share(*kinds):.0%}" for name, kinds in GROUPS.items()}
        return {
            "kernel": self.kernel,
            "arch": self.architecture,
            "instructions": f"{self.total('threads'):,}",
            "for 4 bytes": f"{self.a_value:.1f}" if self.bytes else "-",
            **grouped,
            "slots": f"{self.total('slots') / max(self.total('warps'), 1):.2f}",
        }

    def by_sort(self) -> dict[Sort, Count]:
        """The same by sort alone."""
        found: dict[Sort, Count] = {}
        for each in sorted(self.counts, key=lambda c: (KINDS.index(c.sort.kind), c.sort)):
            merge(found.setdefault(each.sort, Count(each.sort, "", 0)), each)
        return found

    def by_line(self) -> dict[tuple[str, int], dict[str, int]]:
        """Instructions of threads by (file, line), there by kind."""
        found: dict[tuple[str, int], dict[str, int]] = {}
        for each in self.counts:
            here = found.setdefault((each.file, each.line), {})
            here[each.sort.kind] = here.get(each.sort.kind, 0) + each.threads
        return found

    def as_dict(self) -> dict:
        """For JSON."""
        found: dict = vars(self) | {"counts": []}
        for each in self.counts:
            row = asdict(each)
            found["counts"].append(row.pop("sort") | row)
        found["arch"], found["blocks"] = found.pop("architecture"), len(self.blocks)
        found["xray"] = self.xray and self.xray.as_dict()
        kinds = {kind: self.total("threads", kind) for kind in KINDS}
        totals = {what: self.total(what) for what in ("threads", "warps", "slots")}
        return found | {"scale": self.scale, "bytes": self.bytes, "totals": totals, "kinds": kinds}


def together(found: Iterable[Executed]) -> list[Executed]:
    """Counts of whole launches, those of one kernel with blocks of one size added up."""
    sums: dict[tuple, Executed] = {}
    for each in found:
        key = each.kernel, each.block, each.architecture
        if key in sums:
            sums[key] = replace(sums[key], blocks=sums[key].blocks + each.blocks, counts=sums[key].counts + each.counts)
        else:
            sums[key] = each
    return list(sums.values())


def merge(one: Count, other: Count) -> None:
    one.threads += other.threads
    one.warps += other.warps
    one.slots += other.slots


def counted(translation: Translation, counters: Counters) -> list[Count]:
    """The counters of basic blocks as counts of instructions."""
    found: dict[tuple, Count] = {}
    known: Sequence[Sequence[Sort]] = sorts(translation.counted)
    for number, block in enumerate(translation.counted):
        threads, warps = int(counters.threads[number]), int(counters.warps[number])
        if not threads:
            continue
        for item, sort in zip(block, known[number], strict=True):
            file, line = item.source or ("", 0)
            here = found.setdefault((file, line, KINDS.index(sort.kind), sort), Count(sort, file, line))
            merge(here, Count(sort, file, line, threads, warps, warps * slots(item)))
    return [found[key] for key in sorted(found)]
