"""From the accesses of threads to the requests of warps.

The threads of a warp access memory together if they do it at the same place in the source, on the same turn of every
loop around it, and for the same time on that turn. Lanes that are elsewhere, or nowhere, are inactive.
"""

from dataclasses import dataclass, replace

import numpy as np

from kernels.gpu.interpreter.races import stable_order
from kernels.gpu.interpreter.trace import PATH
from kernels.gpu.interpreter.warp import WARP_SIZE

INACTIVE = -1


@dataclass
class Group:
    """Requests of one place in one space (global or shared). `address` has a row for each, a column for each lane."""

    site: int
    is_shared: bool
    width: int
    """Bytes of a lane: one element, or several that one wide instruction moves."""
    address: np.ndarray
    block: np.ndarray
    warp: np.ndarray

    def chosen(self, rows):
        """The same of some requests."""
        return Group(self.site, self.is_shared, self.width, self.address[rows], self.block[rows], self.warp[rows])


class Requests:
    """Observes a trace and tells `counts`, group by group, what the warps requested."""

    def __init__(self, sites, addresses, wide, counts):
        self.sites, self.addresses, self.wide, self.counts = sites, addresses, wide, counts

    def observe(self, batch):
        here = np.arange(len(batch.cell))
        is_path = batch.site == PATH
        path = batch.cell[np.maximum.accumulate(np.where(is_path, here, 0))]
        chosen = np.flatnonzero(~is_path)
        if not len(chosen):
            return
        cell, site, thread, block = (a[chosen] for a in (batch.cell, batch.site, batch.thread, batch.block))
        row, first = instructions(site, thread, block, path[chosen])
        cells = np.full((len(first), WARP_SIZE), INACTIVE, np.int64)
        cells[row, thread % WARP_SIZE] = cell
        for number in np.unique(site[first]):
            rows = np.flatnonzero(site[first] == number)
            warps = block[first[rows]], thread[first[rows]] // WARP_SIZE
            if self.sites[number].kind == "flops":
                self.counts.add_flops(number, cells[rows])
            else:
                self.memory(int(number), cells[rows], *warps)

    def memory(self, number, cells, block, warp):
        """Requests of one place, by the time at which they were made."""
        is_active = cells != INACTIVE
        address, is_shared = self.addresses.of(cells[is_active])
        addresses = np.full_like(cells, INACTIVE)
        addresses[is_active] = address
        shared = np.zeros_like(is_active)
        shared[is_active] = is_shared
        for space in np.unique(is_shared):
            rows = np.flatnonzero(shared.any(axis=1) == space)
            self.place(Group(number, bool(space), self.sites[number].nbytes, addresses[rows], block[rows], warp[rows]))

    def place(self, group):
        space = "shared" if group.is_shared else "global"
        most = self.wide.get((space, self.sites[group.site].kind), 0)
        for part in joined(group, most // group.width):
            self.counts.add(part)


def instructions(site, thread, block, path):
    """(number of the warp's instruction that each access belongs to, first access of each instruction).

    Instructions are numbered by block, warp, place and time.
    """
    warp, most_threads, most_warps = thread // WARP_SIZE, thread.max() + 1, thread.max() // WARP_SIZE + 1
    place = (block * (path.max() + 1) + path) * (site.max() + 1) + site
    order = stable_order(place * most_threads + thread)
    again = np.empty_like(order)  # how often the thread was here on this path before
    again[order] = count_up((place * most_threads + thread)[order])
    key = (place * most_warps + warp) * (again.max() + 1) + again
    order = stable_order(key)
    ordered = key[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    first = order[starts]
    rank = np.lexsort((first, site[first], warp[first], block[first]))
    number = np.empty_like(rank)
    number[rank] = np.arange(len(rank))
    row = np.empty_like(order)
    row[order] = np.repeat(number, np.diff(starts, append=len(order)))
    return row, first[rank]


def count_up(ordered):
    """0, 1, 2 ... along each run of equal values."""
    here = np.arange(len(ordered))
    is_start = np.diff(ordered, prepend=ordered[0] - 1) != 0
    return here - np.maximum.accumulate(np.where(is_start, here, 0))


def joined(group, most):
    """The requests with runs of up to `most` neighbours joined to wide ones: groups of one width each.

    Neighbours are requests of one warp that follow each other, of which each lane goes on where it stopped.
    """
    if most < 2 or len(group.address) < 2:
        return [group]
    before, after = group.address[:-1], group.address[1:]
    is_active = before != INACTIVE
    goes_on = ((after != INACTIVE) == is_active) & (~is_active | (after - before == group.width))
    same_warp = (np.diff(group.block) == 0) & (np.diff(group.warp) == 0)
    follows = np.concatenate([[False], goes_on.all(axis=1) & same_warp])
    run = np.cumsum(~follows) - 1
    place = count_up(run)
    aligned = ((group.address % (most * group.width) == 0) | (group.address == INACTIVE)).all(axis=1)
    head_aligned = aligned[~follows][run]
    length = np.bincount(run)[run]
    is_whole = head_aligned & (place < length // most * most)
    parts = [(group.width, ~is_whole), (most * group.width, is_whole & (place % most == 0))]
    return [replace(group.chosen(rows), width=width) for width, rows in parts if rows.any()]
