"""Threads of a block in lockstep: each runs until it must wait, then the next, until all wait or are done.

A thread that waits has yielded the number of its barrier's place in the source, or a tuple: (barrier, place, turns of
the loops around it, predicate) or (intrinsic, place, mask, operands...). Once everybody it waits for has yielded the
same, but for predicates and operands, all of them go on; from a barrier of the whole grid blocks.py lets them. A thread
that loops where another's doing may end its loop yields ("loop", place, turn) once in a while: it goes on when the
others have run.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kernels.gpu.interpreter.errors import BarrierDivergence, EndlessLoop
from kernels.gpu.interpreter.standstill import state
from kernels.gpu.interpreter.warp import BLOCK_WIDE, WARP_SIZE, answer

DONE = None

# A loop in which a thread may wait for another lets others run once in so many turns, a power of two.
PAUSE = 32

# Turns that the threads of a launch may make altogether while none of them ends or leaves its loop; and what each
# thread of a block may in any case.
TURNS, TURNS_EACH = 2**22, 2**14


class Lockstep:
    """The threads of one block, as generators. `execution` is told whose turn it is and who has met."""

    def __init__(self, execution, block):
        self.execution, self.block, self.generators = execution, block, block.generators
        self.threads = block.threads
        self.waiting: list[Any] = [DONE] * len(self.threads)
        self.answers: dict[int, Any] = {}
        self.ready: Sequence[int] = range(len(self.threads))
        self.loops: dict[int, list[int]] = {}  # by thread: where it looped last, and on which turn
        self.state = None
        self.is_patient = True
        self.grid_barrier = None  # at which the whole block waits for all others

    def run(self):
        """Let the threads run. True once all are done; False if all that are left wait, or loop and change nothing."""
        if self.grid_barrier:
            return False
        everybody: Sequence[int] = range(len(self.threads))
        ready, rounds, seen = self.ready, 0, None
        while True:
            self.resume(ready)
            first = self.waiting[0]
            is_plain = first is DONE or type(first) is int or first[0] == "syncthreads"
            if is_plain and self.waiting.count(first) == len(self.waiting):
                if first is DONE:
                    return True
                self.execution.met_block(self.block)
                ready, rounds = everybody, 0
                continue
            if type(first) is tuple and first[0] == GRID_BARRIER and {*self.waiting} <= {first, DONE}:
                self.grid_barrier = first
                self.ready = [i for i in everybody if self.waiting[i] is not DONE]
                return False
            met = self.meet_warps() or self.meet_active() or self.meet_block()
            self.ready = [i for i, event in enumerate(self.waiting) if type(event) is tuple and event[0] == "loop"]
            if not met and not self.ready:
                self.diverged()
            if self.is_progress() or met:
                rounds = 0
            else:
                rounds += 1
                if rounds > 1 and rounds & rounds - 1 == 0:
                    before, seen = seen, state(self.waiting, self.generators)
                    if seen == before or self.is_long():
                        self.state = seen
                        return False
            ready = [*met, *self.ready]

    def resume(self, ready):
        """Let threads run until they wait again or are done."""
        waiting, generators, threads, begin = self.waiting, self.generators, self.threads, self.execution.begin
        ready = self.execution.in_order(ready)
        if not self.answers:
            for i in ready:
                begin(threads[i])
                waiting[i] = next(generators[i], DONE)
            return
        for i in ready:
            begin(threads[i])
            try:
                waiting[i] = generators[i].send(self.answers.get(i))
            except StopIteration:
                waiting[i] = DONE
        self.answers = {}

    # Loops

    def is_progress(self):
        """Whether a thread has ended or left a loop since the last round; else their turns are counted."""
        if not self.loops and not self.ready:
            return True
        went_on = 0
        for i in self.ready:
            _, *now = self.waiting[i]
            site, turn = self.loops.get(i, now)
            went_on += site == now[0] and turn <= now[1]
            self.loops[i] = now
        ended = [i for i in self.loops if self.waiting[i] is DONE]
        for i in ended:
            del self.loops[i]
        if ended or went_on < len(self.ready):
            self.execution.idle_turns = 0
            return True
        self.execution.idle_turns += PAUSE * went_on
        if self.execution.idle_turns > max(self.execution.turns, TURNS_EACH * len(self.threads)):
            self.refuse_to_loop(f"{self.execution.idle_turns:,} turns were made in which no thread left its loop")
        return False

    def is_long(self):
        """Whether half of the turns are gone: time, once, to let other blocks run, which this one may wait for."""
        limit = max(self.execution.turns, TURNS_EACH * len(self.threads))
        if self.is_patient and self.execution.idle_turns > limit // 2:
            self.is_patient = False
            return True
        return False

    def refuse_to_loop(self, why):
        """Raise the error of the first thread that loops."""
        i = self.ready[0]
        self.execution.current = self.threads[i]
        raise EndlessLoop(f"loops for ever: {why}", site=self.execution.program.sites[self.waiting[i][1]])

    def doings(self, but):
        """What the threads do, without one of them, and how many do so."""
        return Counter(self.doing(i) for i in range(len(self.threads)) if i != but)

    def doing(self, i):
        """What a thread does, in words."""
        event = self.waiting[i]
        if event is DONE:
            return "returned"
        what, site, *_ = place(event)
        line = self.execution.program.sites[site].line
        return f"loop at line {line}" if what == "loop" else f"wait for {what} at line {line}"

    # Where threads meet

    def meet_warps(self):
        """Answer each warp intrinsic at which all lanes of its mask have arrived; who may go on."""
        groups: dict[tuple, list[int]] = {}
        for i, event in enumerate(self.waiting):
            if type(event) is tuple and event[0] not in NOT_OF_WARPS:
                groups.setdefault((i // WARP_SIZE, *event[:3]), []).append(i)
        ready = []
        for (warp, what, site, mask), members in groups.items():
            first = warp * WARP_SIZE
            expected = self.expected(what, first, mask)
            if not set(members) <= set(expected):
                outsider = next(i for i in members if i not in expected)
                self.refuse(outsider, site, f"calls {what} with mask {mask:#010x}, which leaves out its own lane")
            if expected[-1] >= len(self.threads):
                lanes = len(self.threads) - first
                self.refuse(members[0], site, f"calls {what} with mask {mask:#010x}, but its warp has {lanes} lanes")
            if members == expected:
                self.answer(what, site, mask, members)
                if what == "syncwarp":
                    self.execution.met_warp([self.threads[i] for i in members])
                ready += members
        return ready

    def expected(self, what, first, mask):
        """The threads of a mask for which a warp intrinsic waits. Lanes that are done, or never were, miss no syncwarp.

        CUDA waits for such lanes nowhere; where values are exchanged, what they would have given is missing.
        """
        named = [first + lane for lane in range(WARP_SIZE) if mask >> lane & 1]
        if what != "syncwarp":
            return named
        return [i for i in named if i < len(self.waiting) and self.waiting[i] is not DONE]

    def answer(self, what, site, mask, members):
        operands = [self.waiting[i][3:] for i in members]
        lanes = [i % WARP_SIZE for i in members]
        try:
            self.answers.update(zip(members, answer(what, lanes, operands), strict=True))
        except LookupError as error:
            lane, source = error.args
            i = members[lanes.index(lane)]
            self.refuse(i, site, f"{what} reads from lane {source}, which is not in its mask {mask:#010x}")

    def meet_active(self):
        """activemask: the lanes of a warp that are at the same place when nobody can go on."""
        groups: dict[tuple, list[int]] = {}
        for i, event in enumerate(self.waiting):
            if type(event) is tuple and event[0] == "activemask":
                groups.setdefault((i // WARP_SIZE, event[1]), []).append(i)
        for members in groups.values():
            mask = sum(1 << i % WARP_SIZE for i in members)
            self.answers.update(dict.fromkeys(members, mask))
        return [i for members in groups.values() for i in members]

    def meet_block(self):
        """Barriers that count their threads' predicates."""
        first = self.waiting[0]
        if not (type(first) is tuple and first[0] in BLOCK_WIDE):
            return []
        if any(type(event) is not tuple or event[:3] != first[:3] for event in self.waiting):
            return []
        result = BLOCK_WIDE[first[0]]([bool(event[3]) for event in self.waiting])
        self.execution.met_block(self.block)
        self.answers = dict.fromkeys(range(len(self.threads)), result)
        return range(len(self.threads))

    def diverged(self):
        """Nobody can go on: say who waits for whom."""
        waiter = next(i for i, event in enumerate(self.waiting) if event is not DONE)
        here = place(self.waiting[waiter])
        what, site, operand = here
        members = list(range(len(self.threads)))
        if what == GRID_BARRIER:
            members = [i for i in members if i == 0 or self.waiting[i] is not DONE]
        if what not in OF_BLOCKS:  # the operand is a mask
            members = self.expected(what, waiter // WARP_SIZE * WARP_SIZE, operand)
        missing = [i for i in members if place(self.waiting[i]) != here]
        waits, does = self.differing(here, place(self.waiting[missing[0]]))
        problem = (
            f"{what} waits for {len(missing)} of {len(members)} threads; "
            f"thread {self.threads[waiter].index} {waits}, thread {self.threads[missing[0]].index} {does}"
        )
        self.refuse(missing[0], site, problem)

    def differing(self, here, there):
        """What two threads do that should wait at one place, in words."""
        if not there:
            return "waits", "has returned"
        sites = self.execution.program.sites
        one, other = sites[here[1]], sites[there[1]]
        if here[:2] == there[:2] and here[0] in OF_BLOCKS:
            (line, turn), (_, other_turn) = next(
                pair for pair in zip(here[2], there[2], strict=True) if len({*pair}) > 1
            )
            return f"waits on turn {turn + 1} of the loop at line {line}", f"on turn {other_turn + 1}"
        if (one.file, one.line) == (other.file, other.line):
            for (line, _), (other_line, _) in zip(one.path, other.path, strict=False):
                if line != other_line:
                    return f"waits in the function called at line {line}", f"in that called at line {other_line}"
        return "waits", f"waits at line {other.line}"

    def refuse(self, i, site, problem):
        self.execution.current = self.threads[i]
        raise BarrierDivergence(problem, site=self.execution.program.sites[site])


# Threads that have returned are not waited for there, as a GPU does since Volta; but for the first of a block, which
# arrives for all of it.
GRID_BARRIER = "this_grid().sync"
OF_BLOCKS = {*BLOCK_WIDE, "syncthreads", GRID_BARRIER}
NOT_OF_WARPS = {*OF_BLOCKS, "activemask", "loop"}


def place(event):
    """Where a thread waits: (intrinsic, place, mask; of a barrier turns); nothing if it is done."""
    if event is DONE:
        return ()
    return ("syncthreads", event, ()) if type(event) is int else event[:3]


def endless(thread, site):
    """Called by rewritten code: a loop has made all the turns that it may."""
    sites, turns = thread.block.sites, len(thread.turns)
    raise EndlessLoop(f"loops for ever: {turns:,} turns of one loop were made", site=sites[site])
