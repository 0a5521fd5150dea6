"""What the requests of warps cost, by place in the source.

sectors      pieces of 32 bytes of global memory that a request touches; ideal are as many as its bytes fill
wavefronts   turns that shared memory needs for a request: as many as the busiest of its 32 banks has words to
             give. All lanes may read one word in one turn. Ideal is one for every 32 words; more are bank conflicts
lines        pieces of 128 bytes that a request for global memory touches: the turns of the level 1 cache
"""

import linecache
import math
from dataclasses import asdict, dataclass

import numpy as np

from kernels.gpu.interpreter.warp import WARP_SIZE
from kernels.gpu.source import reachable
from kernels.gpu.xray import text
from kernels.gpu.xray.requests import INACTIVE

SECTOR, LINE = 32, 128  # bytes
BANKS, WORD = 32, 4


@dataclass
class Access:
    """A place in the source that accesses an array. Counts are sums over the warps of the blocks that were run."""

    file: str
    line: int
    array: str
    space: str
    """"global" or "shared"."""
    kind: str
    """"load", "store" or "atomic"."""
    width: int
    """Bytes a lane asks for in one request, at most: those of an element, or of several if loads are wide."""
    element: int
    """Bytes of an element."""
    requests: int = 0
    lanes: int = 0
    """Lanes that took part, of 32 in each request."""
    bytes: int = 0
    """Bytes that lanes asked for."""
    unique_bytes: int = 0
    """The same without what was asked for before, by this place in the source."""
    unique_sectors: int = 0
    sectors: int = 0
    ideal_sectors: int = 0
    lines: int = 0
    wavefronts: int = 0
    ideal_wavefronts: int = 0

    @property
    def slots(self):
        """Lanes that could have taken part."""
        return WARP_SIZE * self.requests

    @property
    def active(self):
        """The fraction of lanes that took part."""
        return self.lanes / self.slots

    @property
    def conflicts(self):
        """Wavefronts that bank conflicts add."""
        return self.wavefronts - self.ideal_wavefronts

    @property
    def waste(self):
        """Turns of the hardware beyond the ideal: four sectors are one."""
        return self.conflicts + (self.sectors - self.ideal_sectors) * SECTOR / LINE


@dataclass
class Arithmetic:
    """A line of the source that computes with floating-point numbers."""

    file: str
    line: int
    instructions: int = 0
    """Times that a warp came by."""
    lanes: int = 0
    flops: int = 0
    flops_of_all_lanes: int = 0
    """What the same warps would have computed with all lanes active: as long as that does it take."""

    @property
    def slots(self):
        return WARP_SIZE * self.instructions

    @property
    def active(self):
        return self.lanes / self.slots


@dataclass
class WorstRequest:
    """The most wasteful request of a place: for each lane the first byte it touches, counted from the array's start."""

    offsets: list[int | None]
    block: int
    warp: int


@dataclass(frozen=True)
class Listing:
    """The source of a function, and where it stands."""

    file: str
    first: int
    lines: list[str]


@dataclass(frozen=True)
class Subject:
    """Which launch is counted, and the functions that may be listed with their counts beside them."""

    kernel: str
    file: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    listings: list[Listing]

    @classmethod
    def of(cls, launch):
        """A launch of this project's."""
        source = launch.kernel.source
        listings = [Listing(s.file, s.first_line, s.text.splitlines()) for s in reachable(source)]
        return cls(repr(launch.kernel), source.file, launch.grid, launch.block, listings)


@dataclass(repr=False)
class Xray:
    """What was counted; prints as source lines with their counts beside them.

    `accesses`, `arithmetic`, in the order of the source, and what is true of all.
    """

    kernel: str
    file: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    blocks: list[tuple[int, int, int]]
    """The blocks that were run."""
    barriers: float
    """For each block."""
    accesses: list[Access]
    arithmetic: list[Arithmetic]
    examples: list[WorstRequest]
    """One for each access."""
    arrays: dict[str, tuple[int, int]]
    """Bytes of each global array that were touched, and that it has."""
    compiled_for: str | None
    """The architecture for which the kernel was compiled to see which accesses it joins; None without a compiler."""
    unique: dict[str, tuple[int, int]]
    """By kind: different bytes of global memory that were asked for, and the sectors that they lie in."""
    listings: list[Listing]
    """The kernel and the device functions that it calls."""

    __repr__, _repr_html_ = text.report, text.report_html

    @property
    def scale(self):
        """By how much the counts of the whole launch are larger, if all blocks are like those that were run."""
        return math.prod(self.grid) / len(self.blocks)

    def total(self, quantity, space=None, kind=None):
        """The sum of a count over all accesses of a space and kind."""
        chosen = (a for a in self.accesses if space in (None, a.space) and kind in (None, a.kind))
        return sum(getattr(access, quantity) for access in chosen)

    @property
    def flops(self):
        return sum(row.flops for row in self.arithmetic)

    @property
    def rows(self) -> list[Access | Arithmetic]:
        return [*self.accesses, *self.arithmetic]

    @property
    def slots(self):
        """Lanes that could have taken part in what was counted."""
        return sum(row.slots for row in self.rows)

    @property
    def active(self):
        """The fraction of lanes that took part in what was counted."""
        return sum(row.lanes for row in self.rows) / max(self.slots, 1)

    @property
    def worst(self):
        """The number of the access that wastes most; if none does, of the one that asks for most; None without any."""
        numbers = range(len(self.accesses))
        return max(numbers, key=lambda i: (self.accesses[i].waste, self.accesses[i].bytes), default=None)

    def as_dict(self):
        """For JSON."""
        found = asdict(self)
        del found["listings"]
        for name in ("accesses", "arithmetic"):
            for row, source in zip(found[name], getattr(self, name), strict=True):
                row["active"] = source.active
                row["source"] = linecache.getline(source.file, source.line).strip()
        for row, example in zip(found["accesses"], found.pop("examples"), strict=True):
            row["example"] = example
        found["arrays"] = {n: {"touched": touched, "bytes": nbytes} for n, (touched, nbytes) in self.arrays.items()}
        found["unique"] = {kind: {"bytes": n, "sectors": sectors} for kind, (n, sectors) in self.unique.items()}
        found["totals"] = {
            f"{space}_{kind}s": {q: self.total(q, space, kind) for q in TOTALS}
            for space in ("global", "shared")
            for kind in ("load", "store", "atomic")
        }
        return found | {"scale": self.scale, "flops": self.flops, "active": self.active, "worst": self.worst}


TOTALS = (
    "requests", "lanes", "bytes", "sectors", "ideal_sectors", "lines", "wavefronts", "ideal_wavefronts",
)  # fmt: skip


class Counts:
    """Collects what `Requests` finds."""

    def __init__(self, sites, addresses):
        self.sites, self.addresses = sites, addresses
        self.accesses, self.arithmetic, self.examples = {}, {}, {}
        self.touched = {}

    def add_flops(self, number, flops):
        """`flops` has a row for each instruction and a column for each lane."""
        site = self.sites[number]
        row = self.arithmetic.setdefault((site.file, site.line), Arithmetic(site.file, site.line))
        is_active = flops != INACTIVE
        row.instructions += len(flops)
        row.lanes += int(is_active.sum())
        row.flops += int(flops[is_active].sum())
        row.flops_of_all_lanes += int(flops.max(axis=1).sum()) * WARP_SIZE

    def add(self, group):
        """`group` has requests of one place in the source, which in a function may be of several arrays."""
        first = group.address[np.arange(len(group.address)), (group.address != INACTIVE).argmax(axis=1)]
        starts = np.sort([start for _, start, _ in self.addresses.arrays])
        array = np.zeros(len(first), int) if group.is_shared else np.searchsorted(starts, first, "right")
        for number in np.unique(array):
            self.add_array(group.chosen(array == number))

    def add_array(self, group):
        """`group` has requests of one place for one array."""
        site = self.sites[group.site]
        is_active = group.address != INACTIVE
        name, _ = self.addresses.array_at(int(group.address[is_active][0]), group.is_shared, site.what)
        key = group.site, group.is_shared, name
        if key not in self.accesses:
            space = "shared" if group.is_shared else "global"
            self.accesses[key] = Access(site.file, site.line, name, space, site.kind, group.width, site.nbytes)
            self.touched[key] = np.empty(0, np.int64)
        row = self.accesses[key]
        row.width = max(row.width, group.width)
        row.requests += len(group.address)
        row.lanes += int(is_active.sum())
        row.bytes += int(is_active.sum()) * group.width
        element = self.sites[group.site].nbytes
        elements = group.address[is_active][:, np.newaxis] + np.arange(0, group.width, element)
        self.touched[key] = np.union1d(self.touched[key], elements.ravel())
        if group.is_shared:
            found, ideal = wavefronts(group.address, group.width)
            row.wavefronts += int(found.sum())
            row.ideal_wavefronts += int(ideal.sum())
        else:
            found = distinct(pieces(group.address, SECTOR))
            ideal = -(-distinct(group.address) * group.width // SECTOR)
            row.sectors += int(found.sum())
            row.ideal_sectors += int(ideal.sum())
            row.lines += int(distinct(pieces(group.address, LINE)).sum())
        waste = found - ideal
        worst = int(np.argmax(waste))
        if key not in self.examples or waste[worst] > self.examples[key][0]:
            self.examples[key] = waste[worst], group.address[worst], int(group.block[worst]), int(group.warp[worst])

    def result(self, subject, blocks, barriers, compiled_for):
        touched: dict[str, list] = {}
        kinds: dict[str, list] = {}
        for key, row in self.accesses.items():
            elements, nbytes = self.touched[key], self.sites[key[0]].nbytes
            row.unique_bytes, row.unique_sectors = len(elements) * nbytes, len(np.unique(elements // SECTOR))
            if row.space == "global":
                touched.setdefault(row.array, []).append((elements, nbytes))
                kinds.setdefault(row.kind, []).append((elements, nbytes))
        arrays = {}
        for name, parts in touched.items():
            size = next(nbytes for known, _, nbytes in self.addresses.arrays if known == name)
            arrays[name] = union(parts)[0], size
        order = sorted(self.accesses, key=lambda k: (self.sites[k[0]].file, self.sites[k[0]].line, k[0], k[1]))
        return Xray(
            kernel=subject.kernel,
            file=subject.file,
            grid=subject.grid,
            block=subject.block,
            blocks=blocks,
            barriers=barriers,
            accesses=[self.accesses[key] for key in order],
            arithmetic=[self.arithmetic[key] for key in sorted(self.arithmetic)],
            examples=[self.example(key) for key in order],
            arrays=arrays,
            compiled_for=compiled_for,
            unique={kind: union(parts) for kind, parts in kinds.items()},
            listings=subject.listings,
        )

    def example(self, key):
        _, address, block, warp = self.examples[key]
        active = address[address != INACTIVE]
        _, start = self.addresses.array_at(int(active[0]), key[1])
        return WorstRequest([None if a == INACTIVE else int(a) - start for a in address], block, warp)


def union(parts):
    """(bytes, sectors) that several arrays of addresses cover together; parts are (addresses, bytes of each)."""
    sizes: dict[int, list] = {}
    for addresses, nbytes in parts:
        sizes.setdefault(nbytes, []).append(addresses)
    known = {nbytes: np.unique(np.concatenate(found)) for nbytes, found in sizes.items()}
    sectors = np.unique(np.concatenate(list(known.values())) // SECTOR)
    return sum(nbytes * len(addresses) for nbytes, addresses in known.items()), len(sectors)


def pieces(address, size):
    """The numbers of the pieces of memory that addresses lie in."""
    return np.where(address == INACTIVE, INACTIVE, address // size)


def distinct(values):
    """How many different values, other than INACTIVE, each row has."""
    return is_new(np.sort(values, axis=1)).sum(axis=1)


def is_new(ordered):
    """Where a row of ordered values has one for the first time, other than INACTIVE."""
    before = np.concatenate([np.full((len(ordered), 1), INACTIVE), ordered[:, :-1]], axis=1)
    return ordered != before


def wavefronts(address, width):
    """(wavefronts, ideal wavefronts) of each row of shared addresses."""
    first = pieces(address, WORD)[:, :, np.newaxis]
    words = np.where(first == INACTIVE, INACTIVE, first + np.arange(max(width // WORD, 1)))
    words = np.sort(words.reshape(len(address), -1), axis=1)
    new = is_new(words)
    place = np.arange(len(words))[:, np.newaxis] * BANKS + words % BANKS
    counts = np.bincount(place[new], minlength=len(words) * BANKS).reshape(-1, BANKS)
    return counts.max(axis=1), -(-new.sum(axis=1) // BANKS)
