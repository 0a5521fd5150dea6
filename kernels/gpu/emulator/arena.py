"""The memory of a run in checked mode: arrays copied to where nothing else is near, so that an overrun meets nothing.

Arrays that overlap where they come from overlap here. Those that do not lie GAP bytes apart or more, each as far from
a multiple of 256 as it is from the beginning of the array that it is a view of, since that is where a GPU's memory
begins. Beyond the arrays stand shared memory and the module's variables, in the tables that say what lies where.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.gpu.emulator.places import aligned
from kernels.gpu.emulator.shadow import PAGE_SHIFT
from kernels.gpu.emulator.spans import aligned_zeros, bounds, raw
from kernels.gpu.interpreter.checked import merged, pointer

GAP = 2**18
PAGE = 1 << PAGE_SHIFT


@dataclass
class Region:
    """Bytes that belong together: overlapping arrays, or a variable. Offsets are from the beginning of the arena."""

    first: int
    size: int
    name: str = ""
    kind: str = "global"
    origin: int = 0  # where the bytes of arrays come from
    arrays: list[tuple[str, np.ndarray]] = field(default_factory=list)

    @property
    def is_read_only(self):
        """Whether none of its arrays may be written."""
        return bool(self.arrays) and not any(array.flags.writeable for _, array in self.arrays)

    def nearest(self, offset, among=()):
        """(name, array) of the array that an offset lies in, else nearest to: among some of them, or all."""

        def far(named):
            low, high = (end - self.origin + self.first for end in bounds(named[1]))
            return max(low - offset, offset - high + 1, 0)

        return min(among or self.arrays, key=far)


class Arena:
    """Copies of arrays, shared memory, and where all of it lies.

    regions    what lies there; numbers 1, 2, ... in `pages`, which has 0 where nothing is
    sealed     of each region, whether it may not be written
    values     what the kernel is given: addresses in place of arrays
    given      by parameter: (number of a region, (name, array) there), or None if it is no pointer
    partly     of each region, whether there are bytes that nobody has written; `written` says which, for each byte of
               the arena: arrays of NumPy always have values
    """

    page = PAGE

    def __init__(self, values: list[Any], names: list[str], places, shared_bytes: int):
        self.regions: list[Region] = []
        shared = places.shared_bytes + shared_bytes
        self.shared = (GAP, aligned(shared, PAGE))
        for name, (offset, variable) in places.shared.items():
            size = shared_bytes if variable.size is None else variable.size
            self.regions.append(Region(GAP + offset, size, name, "shared"))
        self.extent = GAP + self.shared[1] + GAP
        arrays = [(name, v) for name, v in zip(names, values, strict=True) if isinstance(v, np.ndarray)]
        for named in self._overlapping(arrays):
            self._placed(*named)
        for name, (offset, variable) in places.statics.items():
            self.regions.append(Region(self.extent + offset, variable.size, name, "static"))
        self.memory = aligned_zeros(self.extent)
        self.address = self.memory.ctypes.data
        self.arrays = [region for region in self.regions if region.arrays]
        for region in self.arrays:
            self.memory[region.first : region.first + region.size] = raw(region.origin, region.size)
        found = iter(self._addresses(arrays))
        self.values = [next(found) if isinstance(v, np.ndarray) else v for v in values]
        self.given = {
            parameter: (self._number(value), (name, value)) if isinstance(value, np.ndarray) else None
            for parameter, name, value in zip(places.parameters, names, values, strict=False)
        }
        self.pages = np.zeros((self.extent + places.statics_bytes) // PAGE + 2, np.int32)
        self.partly, self.written = np.zeros(len(self.regions) + 1, np.uint8), np.zeros(1, np.uint8)
        self.sealed = np.array([0, *(region.is_read_only for region in self.regions)], np.uint8)
        self.bounds = np.full((len(self.regions) + 1, 2), 1 << 62, np.int64)
        for number, region in enumerate(self.regions, 1):
            end = region.first + region.size
            self.bounds[number] = region.first, end
            self.pages[region.first // PAGE : -(-end // PAGE)] = number

    @staticmethod
    def _overlapping(arrays):
        """((low, high), arrays there) of addresses that belong together."""
        spans = merged(bounds(array) for _, array in arrays if array.size)
        for low, high in spans:
            yield low, high, [named for named in arrays if named[1].size and low <= bounds(named[1])[0] < high]
        for named in arrays:
            if not named[1].size:
                yield pointer(named[1]), pointer(named[1]), [named]

    def _placed(self, low, high, arrays):
        """Room for a span of addresses."""
        base = arrays[0][1]
        while isinstance(base.base, np.ndarray):
            base = base.base
        first = aligned(self.extent, PAGE) + (low - bounds(base)[0]) % PAGE
        region = Region(first, high - low, arrays[0][0], "array", low, arrays)
        self.regions.append(region)
        self.extent = aligned(first + region.size + GAP, PAGE)

    def _addresses(self, arrays):
        for _, array in arrays:
            region = self.regions[self._number(array) - 1]
            yield self.address + region.first + pointer(array) - region.origin

    def _number(self, array):
        """Of the region that an array lies in."""
        return next(n for n, r in enumerate(self.regions, 1) if any(array is other for _, other in r.arrays))

    def copy_back(self):
        """Bring the arrays up to date, as far as they can be written."""
        for region in self.arrays:
            if region.size and not region.is_read_only:
                raw(region.origin, region.size)[:] = self.memory[region.first : region.first + region.size]

    def held(self, origins: frozenset[str]) -> tuple[int, list]:
        """(the only region that an address of these origins may reach, arrays there); (0, []) where there is none."""
        if not origins <= self.given.keys():  # a variable, or a window, is among them
            return 0, []
        arrays = [each for name in sorted(origins) if (each := self.given[name])]
        numbers = {number for number, _ in arrays}
        return (numbers.pop(), [named for _, named in arrays]) if len(numbers) == 1 else (0, [])

    def freed_text(self, address: int) -> str:
        """Where memory was freed that an address lies in; nothing, as arrays of NumPy live as long as they are used."""
        return ""

    def region_near(self, offset: int) -> Region | None:
        """What lies at an offset; else what it is taken to have been meant for, the nearest by half a gap."""
        far = [(max(r.first - offset, offset - r.first - r.size + 1, 0), n) for n, r in enumerate(self.regions)]
        distance, number = min(far, default=(GAP, 0))
        return self.regions[number] if distance <= GAP // 2 else None
