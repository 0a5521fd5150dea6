"""What a launch costs, by name: quantities of the x-ray and of the compiler, that exercises ask for or limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kernels.gpu import Launch
from kernels.gpu.compiler import compiler_problem
from kernels.gpu.executed import Executed, executed
from kernels.gpu.report import Report, ReportError, report
from kernels.gpu.xray import GPUS, Access, Prediction, Xray, predict, xray

GPU = GPUS["h200"]
COUNTED = 8192  # threads that are interpreted of a launch, in whole blocks; all others are taken to be like them


class NotCounted(RuntimeError):
    """A quantity that needs a compiler where there is none: one line."""


class Cost:
    """Launches, taken apart when something is asked of them.

    lines    the numbers of the source lines to look at; None for all
    array    the name of the array to look at; "" for all
    """

    def __init__(self, launches: Sequence[Launch], lines: set[int] | None = None, array: str = ""):
        self.launches, self.lines, self.array = launches, lines, array

    @cached_property
    def xrays(self) -> list[Xray]:
        found = []
        for launch in self.launches:
            threads, blocks = int(np.prod(launch.block)), int(np.prod(launch.grid))
            found.append(xray(launch, max(1, min(blocks, COUNTED // threads)), GPU))
        return found

    @cached_property
    def reports(self) -> list[Report]:
        if problem := compiler_problem():
            raise NotCounted(problem)
        try:
            return [report(launch, GPU.architecture) for launch in self.launches]
        except ReportError as error:
            raise NotCounted(str(error)) from error

    @cached_property
    def predictions(self) -> list[Prediction]:
        return [predict(counts, GPU) for counts in self.xrays]

    @cached_property
    def instructions(self) -> list[Executed]:
        if problem := compiler_problem():
            raise NotCounted(problem)
        return [executed(launch) for launch in self.launches]

    def accesses(self, space: str) -> list[tuple[float, Access]]:
        """(by how much the whole launch has more, access), of the lines and the array that are looked at."""
        wanted, array = self.lines, self.array
        return [
            (counts.scale, access)
            for counts in self.xrays
            for access in counts.accesses
            if access.space == space and array in ("", access.array) and (wanted is None or access.line in wanted)
        ]

    def sum(self, space: str, name: str) -> float:
        return sum(scale * getattr(access, name) for scale, access in self.accesses(space))

    def ratio(self, space: str, name: str) -> float:
        return self.sum(space, name) / max(self.sum(space, "requests"), 1)

    def lanes(self) -> float:
        """The share of lanes that take part, in percent."""
        rows = [r for x in self.xrays for r in x.rows if self.lines is None or r.line in self.lines]
        return 100 * sum(row.lanes for row in rows) / max(sum(row.slots for row in rows), 1)


@dataclass(frozen=True)
class Quantity:
    """Something that can be counted: how it is found, and by line where its share has one."""

    unit: str
    find: Callable[[Cost], float | str]
    by_line: Callable[[Cost], list[tuple[int, float]]] | None = None


def per_line(space: str, name: str) -> Callable[[Cost], list[tuple[int, float]]]:
    return lambda cost: [(a.line, scale * getattr(a, name)) for scale, a in cost.accesses(space)]


def most(values) -> float:
    return max(values, default=0)


QUANTITIES = {
    "sectors": Quantity(
        "sectors of global memory", lambda c: c.sum("global", "sectors"), per_line("global", "sectors")
    ),
    "sectors a request": Quantity("sectors a request", lambda c: c.ratio("global", "sectors")),
    "requests": Quantity("global requests", lambda c: c.sum("global", "requests"), per_line("global", "requests")),
    "turns": Quantity(
        "turns of shared memory", lambda c: c.sum("shared", "wavefronts"), per_line("shared", "wavefronts")
    ),
    "turns a request": Quantity("turns a request", lambda c: c.ratio("shared", "wavefronts")),
    "lanes": Quantity("% of lanes active", lambda c: c.lanes()),
    "idle lanes": Quantity("% of lanes idle", lambda c: 100 - c.lanes()),
    "barriers": Quantity("barriers a block", lambda c: sum(x.barriers for x in c.xrays)),
    "flops": Quantity(
        "floating-point operations",
        lambda c: sum(x.scale * x.flops for x in c.xrays),
        lambda c: [(row.line, x.scale * row.flops) for x in c.xrays for row in x.arithmetic],
    ),
    "registers": Quantity("registers a thread", lambda c: most(r.registers for r in c.reports)),
    "shared bytes": Quantity("bytes of shared memory a block", lambda c: most(r.shared_bytes for r in c.reports)),
    "spills": Quantity("bytes spilled", lambda c: most(r.spill_bytes for r in c.reports)),
    "float64": Quantity("float64 instructions", lambda c: sum(r.float64 for r in c.reports)),
    "vector loads": Quantity("vector loads", lambda c: sum(r.vector_loads for r in c.reports)),
    "blocks": Quantity("blocks on a multiprocessor", lambda c: min(r.occupancy.blocks for r in c.reports)),
    "occupancy": Quantity("% of its threads", lambda c: min(100 * r.occupancy.fraction for r in c.reports)),
    "limit": Quantity("what limits the occupancy", lambda c: c.reports[0].occupancy.limit),
    "microseconds": Quantity(
        f"µs at least on the {GPU.name}, predicted", lambda c: 1e6 * sum(p.seconds for p in c.predictions)
    ),
    "uncached microseconds": Quantity(
        f"µs on the {GPU.name} if no cache helped, predicted",
        lambda c: 1e6 * sum(p.without_caches for p in c.predictions),
        per_line("global", "sectors"),
    ),
    "bound": Quantity("what takes longest", lambda c: max(c.predictions, key=lambda p: p.seconds).limit),
    "instructions": Quantity(
        "instructions executed", lambda c: sum(e.scale * e.total("threads") for e in c.instructions)
    ),
    "launches": Quantity("launches", lambda c: len(c.launches)),
}


def lines_with(text: str, fragment: str) -> set[int]:
    """The numbers of the lines of a text in which a fragment stands. Raises LookupError where it stands in none."""
    found = {n for n, line in enumerate(text.splitlines(), 1) if fragment in line}
    if not found:
        raise LookupError(f"no line has {fragment!r}")
    return found


def worst_line(quantity: Quantity, cost: Cost) -> tuple[int, float] | None:
    """(line, share of the whole) of the line that costs most; None where that cannot be said."""
    if quantity.by_line is None:
        return None
    sums: dict[int, float] = {}
    for line, count in quantity.by_line(cost):
        sums[line] = sums.get(line, 0) + count
    total = sum(sums.values())
    if not total:
        return None
    line = max(sums, key=lambda n: sums[n])
    return line, sums[line] / total
