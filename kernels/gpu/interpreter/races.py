"""Data races: two accesses of one address in no fixed order, at least one of them a write, not both atomic.

Within a block barriers fix an order, and syncwarp does among the lanes it joins. Between the blocks of a launch
nothing does, unless the kernel has fences: then see order.py. All searches sort a batch of accesses by address and look
at the group of accesses of each cell; the few groups that are suspicious are looked at one access after the other.
"""

from dataclasses import dataclass

import numpy as np

from kernels.gpu.interpreter.errors import DataRace, indexed
from kernels.gpu.interpreter.order import NOTHING
from kernels.gpu.interpreter.shadow import THREAD_BITS, Shadow
from kernels.gpu.interpreter.trace import PATH, RELEASE, SAME

READ, WRITE, ATOMIC = 1, 2, 4
KINDS = {"sync": 0, "line": 0, "turn": 0, "load": READ, "store": WRITE, "atomic": ATOMIC}
VERBS = {READ: "reads", WRITE: "writes", ATOMIC: "atomically changes"}
FEW = 32  # accesses that are looked at without asking whether some are equal
REMEMBERED = -1  # the order of an access of an earlier batch: it has been looked at
SAME_VALUE = (
    "both write the same value, which hardware stores whoever comes last, "
    "yet CUDA calls it a race: interpret(allow_same_value=True) allows it"
)
APART = 1 << 36  # more cells than a launch has: so far apart lie the shared memories of its blocks


def suspicious(first_actor, last_actor, kinds):
    """Where several actors touch a cell that is written, or that is both read and changed atomically."""
    return (first_actor != last_actor) & ((kinds & WRITE > 0) | (kinds == READ | ATOMIC))


@dataclass(frozen=True)
class Touch:
    """One access of a cell, the `order`-th of those at hand. A race is two of them."""

    order: int
    thread: int
    block: int
    interval: int
    site: int
    kind: int
    flags: int = 0
    knowledge: tuple = NOTHING

    @property
    def actor(self):
        return self.block, self.thread

    def repeats(self, other):
        """Whether both write, and this one what was there already."""
        return self.kind == other.kind == WRITE and self.flags & SAME > 0

    def conflicts(self, other):
        return bool((self.kind | other.kind) & WRITE) or self.kind != other.kind

    def comes_after(self, other):
        """Whether barriers, meetings or fences lie between the other access and this one, see order.py."""
        if self.block == other.block and self.interval != other.interval:
            return True
        stamp, known = other.knowledge[0], self.knowledge[1]
        return known.get(other.actor, 0) > stamp or known.get(other.block, 0) > other.interval


def stable_order(key):
    """np.argsort(key, kind="stable"), faster: sorts integers with their position in the low bits."""
    bits = len(key).bit_length()
    if int(key.max()) >> 63 - bits:
        return np.argsort(key, kind="stable")
    return np.sort(key << bits | np.arange(len(key))) & (1 << bits) - 1


class Groups:
    """Accesses grouped by a key, in the order they were made within each group."""

    def __init__(self, key):
        self.order = stable_order(key)
        ordered = key[self.order]
        self.starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
        self.ends = np.append(self.starts[1:], len(ordered))

    def suspects(self, actor, kind):
        """Numbers of the groups in which several actors touch a cell that is written, or both read and changed."""
        if len(self.starts) == len(self.order):  # nothing is touched twice
            return ()
        actor, kind = actor[self.order], kind[self.order]
        first, last = np.minimum.reduceat(actor, self.starts), np.maximum.reduceat(actor, self.starts)
        return np.flatnonzero(suspicious(first, last, np.bitwise_or.reduceat(kind, self.starts)))

    def members(self, number):
        return self.order[self.starts[number] : self.ends[number]]

    def of_each(self):
        """By access: the number of its group."""
        group = np.empty(len(self.order), np.int64)
        group[self.order] = np.repeat(np.arange(len(self.starts)), self.ends - self.starts)
        return group


class Accesses:
    """Accesses of cells, in the order they were made; an element of several cells has several. See trace.Batch."""

    def __init__(self, columns, knowledge):
        self.columns, self.knowledge = columns, knowledge
        self.cell, self.site, self.flags, self.segment, self.thread, self.block, self.interval = columns

    @classmethod
    def of(cls, batch, widths):
        """Those of a batch. `widths` has the number of cells of an element, by site."""
        cell = batch.cell
        columns = [batch.site, batch.flags, batch.segment, batch.thread, batch.block, batch.interval]
        width = widths[batch.site]
        if width.max() > 1:
            position = np.repeat(np.arange(len(cell)), width)
            cell = cell[position] + np.arange(len(position)) - np.repeat(np.cumsum(width) - width, width)
            columns = [column[position] for column in columns]
        return cls([cell, *columns], batch.knowledge)

    def __len__(self):
        return len(self.cell)

    def chosen(self, places):
        """Some of them, and no more of what their threads know than they need."""
        columns = [column[places] for column in self.columns]
        used, columns[3] = np.unique(columns[3], return_inverse=True)
        return Accesses(columns, [self.knowledge[i] for i in used])

    def then(self, later):
        """These and later ones."""
        columns = [np.concatenate(pair) for pair in zip(self.columns, later.columns, strict=True)]
        columns[3][len(self) :] += len(self.knowledge)
        return Accesses(columns, self.knowledge + later.knowledge)


class Races:
    """Observes a trace and raises DataRace. `memory` knows the arrays, `program` the source places."""

    def __init__(self, memory, program, blocks, threads, allow_same_value=False):
        self.allow_same_value = allow_same_value
        self.memory, self.sites, self.blocks, self.threads = memory, program.sites, blocks, threads
        self.has_fences = program.has_fences
        self.kinds = np.zeros(PATH + 1, np.int8)  # by site, behind the last 0
        self.kinds[: len(self.sites)] = [KINDS[site.kind] for site in self.sites]
        self.widths = np.array([max(site.nbytes // memory.cell_size, 1) for site in self.sites])
        self.forget(0)

    def forget(self, epoch):
        """All blocks have met: what comes after, comes after everything before."""
        cells = self.memory.global_cells if len(self.blocks) > 1 and not self.has_fences else 0
        self.epoch, self.shadow = epoch, Shadow(cells, self.kinds)
        self.kept: Accesses | None = None

    def observe(self, batch):
        """Look at a batch. Returns how many accesses are kept to be compared with later ones."""
        if batch.epoch != self.epoch:
            self.forget(batch.epoch)
        new = Accesses.of(batch, self.widths)
        old = 0 if self.kept is None else len(self.kept)
        accesses = self.kept.then(new) if self.kept is not None else new
        actor, kind = accesses.block << THREAD_BITS | accesses.thread, self.kinds[accesses.site]
        if self.has_fences:  # accesses of one cell in the whole launch
            is_shared = accesses.cell >= self.memory.global_cells
            groups = Groups(accesses.cell + np.where(is_shared, (accesses.block + 1) * APART, 0))
        else:  # accesses of one cell in one interval between barriers of one block
            first = accesses.interval.min()
            groups = Groups(accesses.cell * (accesses.interval.max() - first + 1) + accesses.interval - first)
            self.between_blocks(accesses, groups, kind, old)
        self.search(accesses, groups, groups.suspects(actor, kind), old)
        goes_on = self.has_fences or np.isin(accesses.interval, list(batch.going_on))
        self.kept = self.last_of_each(accesses, groups, actor, kind, goes_on) if np.any(goes_on) else None
        return 0 if self.kept is None else len(self.kept)

    def last_of_each(self, accesses, groups, actor, kind, goes_on):
        """Of accesses that later ones may race with, the last of each thread, cell and kind."""
        _, rank = np.unique(actor, return_inverse=True)
        key = (groups.of_each() * (rank.max() + 1) + rank) * 16 + kind + (accesses.flags & SAME > 0) * 8
        key[accesses.flags & RELEASE > 0] -= WRITE  # a kind of its own: 0, or 8 with the flag
        _, last = np.unique(key[::-1], return_index=True)
        last = np.sort(len(key) - 1 - last)
        return accesses.chosen(last if goes_on is True else last[goes_on[last]])

    def search(self, accesses, groups, suspects, old):
        """Refuse a race of an access with one before it, of which the first `old` have been looked at."""
        races = []
        for members in map(groups.members, suspects):
            if members[-1] < old:
                continue
            pair = unordered_pair(self.distinct(accesses, members), old, self.has_fences)
            if pair and not (self.allow_same_value and pair[1].repeats(pair[0])):
                races.append((*pair, accesses.cell[members[0]]))
        self.refuse_first(races)

    def between_blocks(self, accesses, groups, kind, old):
        """Accesses of one cell by several blocks, in this batch and those before."""
        is_new = groups.order >= old
        order = groups.order[is_new] if old else groups.order
        cell = accesses.cell[order]
        order = order[: np.searchsorted(cell, len(self.shadow.first))]  # shared memory lies behind
        if not len(order):
            return
        cell, block = cell[: len(order)], accesses.block[order]
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        cells, ends = cell[starts], np.append(starts[1:], len(order))
        codes = self.shadow.code(block, accesses.thread[order], accesses.site[order])
        known = self.shadow.known(cells)
        races = []
        for number in np.flatnonzero(suspicious(*known.with_new(block, kind[order], starts))):
            before = [self.remembered(code) for code in known.codes(number)]
            now = self.distinct(accesses, np.sort(order[starts[number] : ends[number]]))
            pair = pair_of_blocks(before + now)
            if not (self.allow_same_value and pair[1].repeats(pair[0])):
                races.append((*pair, cells[number]))
        self.refuse_first(races)
        self.shadow.add(known, cells, starts, codes)

    def distinct(self, accesses, members):
        """Accesses of one cell. A segment is a stretch of one thread alone: of equal accesses in it one is enough."""
        if len(members) > FEW:
            marks = (accesses.segment[members], accesses.site[members], accesses.flags[members])
            _, chosen = np.unique(np.stack(marks), axis=1, return_index=True)
            members = members[np.sort(chosen)]
        return [self.access(accesses, i) for i in members]

    def access(self, accesses, i):
        site, knowledge = int(accesses.site[i]), accesses.knowledge[accesses.segment[i]]
        thread, block, interval = int(accesses.thread[i]), int(accesses.block[i]), int(accesses.interval[i])
        return Touch(int(i), thread, block, interval, site, int(self.kinds[site]), int(accesses.flags[i]), knowledge)

    def remembered(self, code):
        block, thread, site = self.shadow.decoded(code)
        return Touch(REMEMBERED, thread, block, -1, site, int(self.kinds[site]))

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
            f"which {who} {VERBS[earlier.kind]} at line {other.line}: {missing}{self.ahead(earlier, later)}"
        )
        if later.repeats(earlier):
            problem += f"; {SAME_VALUE}"
        block, thread = self.blocks[later.block], self.threads[later.thread]
        return DataRace(problem, block=block, thread=thread, array=name, index=index, site=site)

    def ahead(self, earlier, later):
        """Which of two threads of a block is on a later turn of a loop than the other, in words."""
        if earlier.block != later.block:
            return ""
        for (line, turn), (other_line, other_turn) in zip(earlier.knowledge[2], later.knowledge[2], strict=False):
            if line != other_line:
                break
            if turn != other_turn:
                first, turns = (earlier, turn - other_turn) if turn > other_turn else (later, other_turn - turn)
                how_far = "a turn" if turns == 1 else f"{turns} turns"
                return f", and thread {self.threads[first.thread]} is {how_far} of the loop at line {line} ahead"
        return ""


def unordered_pair(accesses, old, has_fences):
    """The first two accesses of one cell that conflict and that nothing orders; None if there are none.

    Those before the `old`-th have been compared with each other. Two that write the same value are returned only where
    there are no others.
    """
    # By kind, of each thread: if any access is unordered to a later one of another thread, its latest of the kind is.
    latest: dict = {READ: {}, WRITE: {}, ATOMIC: {}}
    changed: dict = {}  # by thread: its last atomic
    repeated = None

    def is_race(earlier, later):
        if earlier.actor == later.actor or not earlier.conflicts(later) or later.comes_after(earlier):
            return False
        return not (has_fences and are_locking(earlier, later, changed))

    for later in accesses:
        if later.order >= old:
            for earlier in candidates(latest, later, repeated):
                if is_race(earlier, later):
                    if not later.repeats(earlier):
                        return earlier, later
                    repeated = repeated or (earlier, later)
        latest[later.kind][later.actor, later.flags] = later
        if later.kind == ATOMIC:
            changed[later.actor] = later.order
    return repeated


def candidates(latest, later, repeated):
    """Earlier accesses that one may race with. Once two are known that write the same value, no more such."""
    for kind in (READ, WRITE, ATOMIC):
        is_repeat = kind == WRITE == later.kind and later.flags & SAME
        if not (kind == READ == later.kind or (repeated and is_repeat)):
            yield from latest[kind].values()


def are_locking(earlier, later, changed):
    """Whether two accesses of a cell, an atomic and a store say, work a lock or a flag, or count down to one thread.

    A cell has one order of atomics, of which each sees the one before. A thread that has changed it atomically after
    another did, or after its release, comes after that one in all it does to this cell. A release may meet atomics that
    change nothing, and those of others who find the cell as they may if its thread takes part in changing it.
    """
    is_atomic = earlier.kind == ATOMIC or earlier.flags & RELEASE
    if is_atomic and changed.get(later.actor, -1) > earlier.order:
        return True
    if earlier.flags & RELEASE and later.kind == ATOMIC:
        return bool(later.flags & SAME) or earlier.actor in changed
    return earlier.kind == ATOMIC and bool(earlier.flags & SAME) and bool(later.flags & RELEASE)


def pair_of_blocks(accesses):
    """Two accesses of one cell by two blocks that conflict; if possible, not two that write the same value."""
    repeated = None
    first: dict = {READ: {}, WRITE: {}, ATOMIC: {}}  # by kind, of each block
    for later in accesses:
        for earlier in candidates(first, later, repeated) if later.order != REMEMBERED else ():
            if earlier.block != later.block and earlier.conflicts(later):
                if not later.repeats(earlier):
                    return earlier, later
                repeated = repeated or (earlier, later)
        first[later.kind].setdefault(later.block, later)
    assert repeated, "a cell is suspicious without two accesses that conflict"
    return repeated
