"""Data races: two accesses of one address in no fixed order, at least one of them a write, not both atomic.

Within a block barriers fix an order, and syncwarp does among the lanes it joins. Between the blocks of a launch
nothing does. Both searches sort a batch of accesses by address and look at the group of accesses of each cell.
"""

from dataclasses import dataclass

import numpy as np

from kernels.gpu.interpreter.errors import DataRace, indexed
from kernels.gpu.interpreter.trace import NOTHING, SITE_BITS

READ, WRITE, ATOMIC = 1, 2, 4
KINDS = {"sync": 0, "load": READ, "store": WRITE, "atomic": ATOMIC}
VERBS = {READ: "reads", WRITE: "writes", ATOMIC: "atomically changes"}
THREAD_BITS = 10


def suspicious(first_actor, last_actor, kinds):
    """Where several actors touch a cell that is written, or that is both read and changed atomically."""
    return (first_actor != last_actor) & ((kinds & WRITE > 0) | (kinds == READ | ATOMIC))


@dataclass(frozen=True)
class Touch:
    """One access of a cell, the `order`-th of its batch. A race is two of them."""

    order: int
    thread: int
    block: int
    site: int
    kind: int
    knowledge: tuple = NOTHING

    def conflicts(self, other):
        return bool((self.kind | other.kind) & WRITE) or self.kind != other.kind

    def comes_after(self, other):
        """Whether a warp's meeting lies between the other access and this one, see Trace.syncwarp."""
        stamp, _ = other.knowledge
        _, known = self.knowledge
        return known.get(other.thread, 0) > stamp


def stable_order(key):
    """np.argsort(key, kind="stable"), faster: sorts integers with their position in the low bits."""
    bits = len(key).bit_length()
    if int(key.max()) >> 63 - bits:
        return np.argsort(key, kind="stable")
    return np.sort(key << bits | np.arange(len(key))) & (1 << bits) - 1


class Groups:
    """Accesses grouped by a key, in the order they were made within each group."""

    def __init__(self, key, actor, kind):
        self.order = stable_order(key)
        ordered = key[self.order]
        self.starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
        self.ends = np.append(self.starts[1:], len(ordered))
        self.first_actor = np.minimum.reduceat(actor[self.order], self.starts)
        self.last_actor = np.maximum.reduceat(actor[self.order], self.starts)
        self.kinds = np.bitwise_or.reduceat(kind[self.order], self.starts)

    def members(self, number):
        return self.order[self.starts[number] : self.ends[number]]


class Races:
    """Observes a trace and raises DataRace. `memory` knows the arrays, `sites` the source places."""

    def __init__(self, memory, sites, blocks, threads):
        self.memory, self.sites, self.blocks, self.threads = memory, sites, blocks, threads
        # By global cell. Zero means untouched: memory that is zero costs nothing before it is used.
        cells = memory.global_cells if len(blocks) > 1 else 0
        self.first_block = np.zeros(cells, np.int64)  # less the number of blocks
        self.last_block = np.zeros(cells, np.int64)  # plus 1
        self.kinds = np.zeros(cells, np.int64)
        self.examples = np.zeros((3, cells), np.int64)  # codes: the first access, the last, the last that changed it

    def observe(self, batch):
        tables = [(KINDS[site.kind], max(site.nbytes // self.memory.cell_size, 1)) for site in self.sites]
        kinds, widths = np.array(tables).T
        width, cell = widths[batch.site], batch.cell
        position = np.arange(len(cell))
        if width.max() > 1:  # an element as wide as several cells touches each of them
            position = np.repeat(position, width)
            cell = cell[position] + np.arange(len(position)) - np.repeat(np.cumsum(width) - width, width)
        kind = kinds[batch.site[position]]
        self.within_blocks(batch, position, cell, kind)
        is_global = np.flatnonzero(cell < len(self.kinds))
        if len(is_global):
            self.between_blocks(batch, position[is_global], cell[is_global], kind[is_global])

    def within_blocks(self, batch, position, cell, kind):
        """Accesses of one cell in one interval between barriers of one block."""
        groups = Groups(batch.interval[position] * (cell.max() + 1) + cell, batch.thread[position], kind)
        is_suspect = suspicious(groups.first_actor, groups.last_actor, groups.kinds)
        races = []
        for members in map(groups.members, np.flatnonzero(is_suspect)):
            pair = unordered_pair(self.access(batch, position[i]) for i in members)
            if pair:
                races.append((*pair, cell[members[0]]))
        self.refuse_first(races)

    def between_blocks(self, batch, position, cell, kind):
        """Accesses of one cell by several blocks, in this batch and those before."""
        groups = Groups(cell, batch.block[position], kind)
        cells = cell[groups.order[groups.starts]]
        count = len(self.blocks)
        self.first_block[cells] = np.minimum(self.first_block[cells], groups.first_actor - count)
        self.last_block[cells] = np.maximum(self.last_block[cells], groups.last_actor + 1)
        self.kinds[cells] |= groups.kinds
        is_race = suspicious(self.first_block[cells] + count, self.last_block[cells] - 1, self.kinds[cells])
        races = []
        for number in np.flatnonzero(is_race):
            before = [self.decoded(code) for code in self.examples[:, cells[number]] if code]
            now = [self.access(batch, position[i]) for i in groups.members(number)]
            races.append((*pair_of_blocks(before + now), cells[number]))
        self.refuse_first(races)
        codes = 1 + ((batch.block << THREAD_BITS | batch.thread) << SITE_BITS | batch.site)
        codes = codes[position[groups.order]]
        is_new = self.examples[0, cells] == 0
        self.examples[0, cells[is_new]] = codes[groups.starts[is_new]]
        self.examples[1, cells] = codes[groups.ends - 1]
        changes = np.flatnonzero(kind[groups.order] != READ)
        self.examples[2, cell[groups.order[changes]]] = codes[changes]

    def access(self, batch, i):
        site = int(batch.site[i])
        knowledge = batch.knowledge[batch.segment[i]]
        return Touch(int(i), int(batch.thread[i]), int(batch.block[i]), site, KINDS[self.sites[site].kind], knowledge)

    def decoded(self, code):
        code, site = divmod(int(code) - 1, 1 << SITE_BITS)
        block, thread = divmod(code, 1 << THREAD_BITS)
        return Touch(-1, thread, block, site, KINDS[self.sites[site].kind])

    def refuse_first(self, races):
        """Raise the error for the race that happened first, of several (earlier access, later access, cell)."""
        if races:
            raise self.race(*min(races, key=lambda race: race[1].order))

    def race(self, earlier, later, cell):
        """The error that describes two accesses of a cell."""
        site, other = self.sites[later.site], self.sites[earlier.site]
        name, shape, index = self.memory.element(int(cell), site.what)
        if earlier.block == later.block:
            who, missing = f"thread {self.threads[earlier.thread]}", "no barrier lies between them"
        else:
            who, missing = f"block {self.blocks[earlier.block]}", "blocks run in any order"
        problem = (
            f"{VERBS[later.kind]} {indexed(name, index)} of shape {shape}, "
            f"which {who} {VERBS[earlier.kind]} at line {other.line}: {missing}"
        )
        block, thread = self.blocks[later.block], self.threads[later.thread]
        return DataRace(problem, block=block, thread=thread, array=name, index=index, site=site)


def unordered_pair(accesses):
    """The first two accesses of one cell, by threads of one block, that nothing orders; None if there are none."""
    latest: dict = {}  # by thread and kind: if any access of a thread is unordered to a later one, its latest is
    for later in accesses:
        for earlier in latest.values():
            if earlier.thread != later.thread and earlier.conflicts(later) and not later.comes_after(earlier):
                return earlier, later
        latest[later.thread, later.kind] = later
    return None


def pair_of_blocks(accesses):
    """Two accesses of one cell by two blocks, if possible two that conflict: older examples may be missing."""
    fallback = None
    for i, later in enumerate(accesses):
        for earlier in accesses[:i]:
            if earlier.block != later.block:
                if earlier.conflicts(later):
                    return earlier, later
                fallback = fallback or (earlier, later)
    return fallback
