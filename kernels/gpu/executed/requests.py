"""From the accesses that compiled code made to requests of warps, and what these cost: as the x-ray counts the source.

Threads of a warp access memory together if they do it by the same instruction, on the same turn of every loop around
it. Addresses become those of a GPU: each array that was given begins at a multiple of 256.
"""

from dataclasses import dataclass

import numpy as np

from kernels.gpu.emulator.loaded import Loaded
from kernels.gpu.executed.kinds import element
from kernels.gpu.executed.touches import ACCESS, ADDRESS, THREAD, TURNS, Touches
from kernels.gpu.interpreter.errors import Site
from kernels.gpu.interpreter.warp import WARP_SIZE
from kernels.gpu.xray.counts import Counts, Subject, Xray
from kernels.gpu.xray.execution import ALIGNMENT
from kernels.gpu.xray.requests import INACTIVE, Group

Arrays = list[tuple[str, np.ndarray]]


def requests(
    subject: Subject, arrays: Arrays, loaded: Loaded, touches: Touches, blocks, barriers: float, architecture: str
) -> Xray:
    """What the accesses of some blocks cost, by place in the PTX. The arrays that can be accessed have names."""
    addresses = Addresses(arrays, loaded)
    accesses = loaded.translation.accesses
    counts = Counts([site_of(access) for access in accesses], addresses)
    wanted = announced_first(accesses)
    for number, rows, shared in touches.blocks:
        addresses.shared = shared
        for n in np.intersect1d(rows[:, ACCESS], wanted):
            add(counts, addresses, int(n), accesses[n].bytes, number, rows[rows[:, ACCESS] == n])
    return counts.result(subject, blocks, barriers, architecture)


def announced_first(accesses) -> list[int]:
    """Numbers of accesses. A copy that is waited for announces its store twice, when it begins and when it is done."""
    places = [(access.block, access.instruction, access.what) for access in accesses]
    return [n for n, place in enumerate(places) if places.index(place) == n]


def site_of(access) -> Site:
    file, line = access.instruction.source or ("", 0)
    return Site(file, line, "", access.what, min(element(access.instruction), access.bytes))


def add(counts, addresses, site, width, block, rows) -> None:
    """The requests of one access in one block."""
    for space in ("global", "shared"):
        chosen, found = addresses.of(rows[:, ADDRESS], space)
        if not chosen.any():
            continue
        warp, lane = np.divmod(rows[chosen, THREAD], WARP_SIZE)
        turns = np.unique(rows[chosen, TURNS], return_inverse=True)[1]
        again = repeated(rows[chosen, THREAD], turns)
        keys = np.stack([warp, turns, again], axis=1)
        _, first, row = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        address = np.full((len(first), WARP_SIZE), INACTIVE, np.int64)
        address[row.ravel(), lane] = found
        number = np.full(len(first), block)
        counts.add(Group(site, space == "shared", width, address, number, warp[first]))


def repeated(thread, turns):
    """How often the thread was there before on the same turns: never, but where control flow has no proper loops."""
    order = np.lexsort((np.arange(len(thread)), turns, thread))
    is_new = (np.diff(thread[order], prepend=-1) != 0) | (np.diff(turns[order], prepend=-1) != 0)
    here = np.arange(len(order))
    found = np.empty_like(here)
    found[order] = here - np.maximum.accumulate(np.where(is_new, here, 0))
    return found


@dataclass(frozen=True)
class Region:
    """Memory of this process, and where it would begin on a GPU."""

    low: int
    high: int
    base: int


class Addresses:
    """Where the memory of a launch would lie on a GPU. `shared` is that of the block: (first, last) address."""

    def __init__(self, arrays: Arrays, loaded: Loaded):
        given = [(name, array) for name, array in arrays if array.size]
        given.append(("constants", loaded.statics))
        self.regions: list[Region] = []
        base = ALIGNMENT
        for low, high in sorted({whole(array) for _, array in given}):
            self.regions.append(Region(low, high, base))
            base += -(-(high - low) // ALIGNMENT) * ALIGNMENT
        self.shared = (0, 0)
        self.arrays = []
        for name, array in given:
            low, high = np.lib.array_utils.byte_bounds(array)
            (region,) = (r for r in self.regions if r.low <= low < r.high)
            self.arrays.append((name, low - region.low + region.base, high - low))

    def of(self, address, space):
        """(which addresses are of a space, global or shared; what they are on a GPU). Local ones are of neither."""
        if space == "shared":
            low, high = self.shared
            chosen = (address >= low) & (address < high)
            return chosen, address[chosen] - low
        moved, chosen = np.zeros_like(address), np.zeros(len(address), bool)
        for region in self.regions:
            here = (address >= region.low) & (address < region.high)
            moved[here] = address[here] - region.low + region.base
            chosen |= here
        return chosen, moved[chosen]

    def array_at(self, address, is_shared, alias=""):
        """(name, first address) of the array at an address; shared memory has one name."""
        if is_shared:
            return "shared memory", 0
        return next((name, base) for name, base, nbytes in self.arrays if base <= address < base + nbytes)


def whole(array):
    """(first, last) address of the memory that an array is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return np.lib.array_utils.byte_bounds(array)
