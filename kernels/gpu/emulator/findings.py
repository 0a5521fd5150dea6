"""What checked mode has found, in words: those of the interpreter where it finds the same."""

import numpy as np

from kernels.gpu.emulator import schedule, shadow
from kernels.gpu.emulator.errors import Endless, Freed, site_of
from kernels.gpu.emulator.named import name_at
from kernels.gpu.emulator.places import GAP
from kernels.gpu.emulator.routines import STACK_BYTES
from kernels.gpu.emulator.spans import index_in
from kernels.gpu.emulator.together import met
from kernels.gpu.emulator.types import BITS
from kernels.gpu.emulator.warp import MEMBERS
from kernels.gpu.interpreter.errors import (
    BarrierDivergence,
    DataRace,
    KernelError,
    Misaligned,
    OutOfBounds,
    ReadOnly,
    Uninitialised,
    indexed,
    writes_read_only,
)

VERBS = {"load": "reads", "store": "writes", "atomic": "atomically changes"}
WARP = 32


class Findings:
    """Errors of one run of a kernel in an arena, as the record of checked mode tells."""

    def __init__(self, kernel, record, order, place, others=""):
        self.translation, self.ptx, self.others = kernel.translation, kernel.ptx, others
        self.arena, self.words, self.starts, self.owners = record.arena, record.words, record.starts, record.owners
        self.order, self.grid, self.block, self.threads = order, place.grid, place.size, place.threads
        self.states = place.state.tolist()

    def word(self, name) -> int:
        return int(self.words[shadow.AT[name] // 8])

    def error(self, failure) -> KernelError:
        """What ended a run, by what the scheduler says of it; kernel is left to be named."""
        code, number, thread, state = (int(v) for v in failure)
        if code == schedule.FAULT:
            thread = self.word("THREAD")
            error = self.found(self.word("FOUND"), thread)
        elif code == schedule.TRAP:
            error = KernelError("trap")
        elif code == schedule.ENDLESS:
            stop = self.translation.stops[state - 1]
            problem = f"waits for memory that nobody writes{self.others}"
            error = Endless(problem, site=self.site(stop.instruction, "", "sync"))
        elif code == schedule.DEEP:
            stop = self.translation.stops[state - 1]
            problem = f"calls of functions by themselves take more than {STACK_BYTES:,} bytes of stack"
            error = Endless(problem, site=self.site(stop.instruction, "", "sync"))
        elif code == schedule.LOOPING:
            stop = self.translation.stops[state - 1]
            error = Endless(f"{met(stop)} in a loop without end", site=self.site(stop.instruction, "", "sync"))
        else:
            error, thread = self.diverged(thread, self.states)
        error.block, error.thread = three(number, self.grid), three(thread, self.block)
        return error

    def found(self, code, thread):
        if code in (shadow.LEFT_OUT, shadow.NO_SOURCE):
            return self.alone(code, thread)
        access = self.translation.accesses[self.word("ACCESS")]
        if code == shadow.ENDLESS:
            problem = f"is still in this loop after {self.word('MOST_TURNS'):,} turns{self.others}"
            return Endless(problem, site=self.site(access.instruction, "", "sync"))
        name, index, size, where = self.described(self.word("ADDRESS"), access)
        what = indexed(name, index) if index is not None else name
        kind: type[KernelError] = OutOfBounds
        problem = f"{VERBS[access.what]} {what}"
        if code == shadow.OUTSIDE:
            outside = f"is out of bounds for {size}" if index is not None else where
            problem = f"{what} {outside}"
            if index is None and self.arena.freed_text(self.word("ADDRESS")):
                kind = Freed
        elif code == shadow.FOREIGN:
            problem = f"{VERBS[access.what]} local memory of another thread"
        elif code == shadow.MISALIGNED:
            kind, problem = Misaligned, f"{problem}, at an address that is no multiple of its {access.bytes} bytes"
        elif code == shadow.SEALED_REGION:
            kind, problem = ReadOnly, writes_read_only(name, index)
        elif code == shadow.UNWRITTEN:
            who = {"local": "this thread", "array": "anybody"}.get(where, "any thread of the block")
            hint = "" if where in ("local", "array") or len(self.threads) == 1 else " (is a barrier missing?)"
            kind, problem = Uninitialised, f"{what} of {size} is read before {who} wrote it{hint}"
        elif code == shadow.RACE:
            who, where, missing = self.other()
            earlier = VERBS[self.earlier().what]
            kind, problem = DataRace, f"{problem} of {size}, which {who} {earlier} at {where}: {missing}"
        elif code == shadow.TOO_EARLY:
            who, where, _ = self.other()
            kind, problem = (
                DataRace,
                f"{problem} of {size}, to which {who} copies at {where}: nobody waited for the copy",
            )
        site = self.site(access.instruction, name, access.what, access.bytes)
        return kind(problem, array=name if index is not None else None, index=index, site=site)

    def earlier(self):
        """What is in no order with the access."""
        return self.translation.accesses[self.word("OTHER") & (1 << shadow.SITE_BITS) - 1]

    def other(self):
        """(who did that, where, what is missing between them)."""
        code, access = self.word("OTHER"), self.earlier()
        before = code >> shadow.SITE_BITS & (1 << shadow.THREAD_BITS) - 1
        time = code >> shadow.TIME_SHIFT & (1 << shadow.TIME_BITS) - 1
        where = self.site(access.instruction, "", access.what).brief
        block = self.owner_of(time)
        if block == self.word("BLOCK"):
            who, missing = f"thread {three(before, self.block)}", "no barrier lies between them"
        else:
            number = self.order[block - 1]
            who, missing = f"block {three(int(number), self.grid)}", "blocks run in any order"
        return who, where, missing

    def owner_of(self, time):
        """Which block did something at that time: a number from 1 on, as they began."""
        return int(self.owners[np.searchsorted(self.starts[: self.word("SLICES")], time, "right") - 1])

    def described(self, address, access):
        """(name, index, shape or number of elements, where that is) of what lies at an address, or near it.

        Of variables only bytes are known: they are taken for elements as large as what the instruction reads.
        """
        number, among = self.arena.held(access.origins)
        if number:
            return self.in_array(self.arena.regions[number - 1], address - self.arena.address, among)
        element = max(BITS[access.instruction.type] // 8, 1) if access.instruction.types else access.bytes
        arena, places = self.arena, self.translation.places
        offset = address - arena.address
        statics = address - self.word("STATICS")
        if -GAP <= statics < self.word("STATICS_BYTES") + GAP:
            offset = arena.extent + statics
        if access.space == "local" or 0 <= address - self.word("THREADS") < self.word("THREADS_BYTES"):
            record = self.word("THREADS") + self.word("THREAD") * self.word("STRIDE") + self.word("LOCAL_AT")
            name = self.in_source(access, "local") or next(iter(places.locals), "local memory")
            return name, (address - record) // element, elements(places.local_bytes // element), "local"
        if where := arena.freed_text(address):
            return f"address {address:#x}", None, None, where
        region = arena.region_near(offset)
        if region is None:
            return f"address {address:#x}", None, None, "lies outside every array" if address >= 4096 else NULL
        if region.arrays:
            return self.in_array(region, offset)
        name = self.in_source(access, {"static": "const"}.get(region.kind, region.kind)) or region.name
        return name, (offset - region.first) // element, elements(region.size // element), region.kind

    def in_array(self, region, offset, among=()):
        name, array = region.nearest(offset, among)
        start = array.__array_interface__["data"][0] - region.origin + region.first
        return name, index_in(array, offset - start), f"shape {array.shape}", region.kind

    def in_source(self, access, kind):
        """What an array that is no argument is called in the source, if that is known."""
        file, line = access.instruction.source or ("", 0)
        return name_at(file, line, kind) if file else None

    def alone(self, code, thread):
        """A lane that is not among those it waits for, or takes the value of one that is not."""
        stop = self.translation.stops[int(self.threads[thread, schedule.AT_RESUME]) - 1]
        if code == shadow.LEFT_OUT:
            mask = self.word("OTHER") & 0xFFFFFFFF
            problem = f"calls {stop.instruction} with mask {mask:#010x}, which leaves out its own lane"
        else:
            problem = f"{stop.instruction} reads from lane {self.word('OTHER')}, which takes no part"
        return BarrierDivergence(problem, site=self.site(stop.instruction, str(stop.instruction), "sync"))

    def diverged(self, waiter, states):
        """Nobody can go on: who waits for whom. Also which thread is missing."""
        stop = self.translation.stops[states[waiter] - 1]
        words = self.threads[waiter, schedule.AT_DEPOSIT : schedule.AT_DEPOSIT + 4]
        members = list(range(len(states)))
        if stop.kind not in ("barrier", "arrive", "grid"):
            first = waiter // WARP * WARP
            mask = int(words[MEMBERS[schedule.KINDS.index(stop.kind)]]) & 0xFFFFFFFF
            members = [first + lane for lane in range(WARP) if mask >> lane & 1 and first + lane < len(states)]
        site = self.site(stop.instruction, str(stop.instruction), "sync")
        here = [t for t in members if states[t] == states[waiter]]
        missing = [t for t in members if states[t] != states[waiter]]
        index = three(waiter, self.block)
        if stop.kind == "grid" and not missing:
            problem = f"{stop.instruction} waits for all {np.prod(self.grid)} blocks; thread {index} waits"
            return BarrierDivergence(problem, site=site), waiter
        if (stop.kind == "barrier" and words[1]) or not missing:
            wanted = int(words[1]) if stop.kind == "barrier" else WARP
            problem = f"{stop.instruction} waits for {wanted} threads, {len(here)} have come"
            return BarrierDivergence(f"{problem}; thread {index} waits", site=site), waiter
        example = missing[0]
        does = "has returned"
        if states[example] > 0:
            other = self.translation.stops[states[example] - 1]
            does = f"waits at {self.site(other.instruction, '', 'sync').brief}"
        problem = (
            f"{stop.instruction} waits for {len(missing)} of {len(members)} threads; "
            f"thread {index} waits, thread {three(example, self.block)} {does}"
        )
        return BarrierDivergence(problem, site=site), example

    def site(self, instruction, what, kind, size=0):
        return site_of(instruction, self.ptx, what, kind, size)


def elements(count):
    return f"{count} element{'' if count == 1 else 's'}"


NULL = "lies outside every array: it is taken from a null pointer"


def three(number, size):
    """(x, y, z) of a linear number."""
    return number % size[0], number // size[0] % size[1], number // (size[0] * size[1])
