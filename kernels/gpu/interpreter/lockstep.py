"""Threads of a block in lockstep: each runs until it must wait, then the next, until all wait or are done.

A thread that waits has yielded the number of its barrier's place in the source, or a tuple (intrinsic, place,
mask, operands...). Once everybody it waits for has yielded the same, all of them go on.
"""

from kernels.gpu.interpreter.errors import BarrierDivergence
from kernels.gpu.interpreter.warp import BLOCK_WIDE, WARP_SIZE, answer

DONE = None


class Lockstep:
    """The threads of one block, as generators. `execution` is told whose turn it is and who has met."""

    def __init__(self, execution, threads, generators):
        self.execution, self.threads, self.generators = execution, threads, generators
        self.waiting = [DONE] * len(threads)
        self.answers = {}

    def run(self):
        everybody = range(len(self.threads))
        ready = everybody
        while True:
            self.resume(ready)
            first = self.waiting[0]
            if (first is DONE or type(first) is int) and self.waiting.count(first) == len(self.waiting):
                if first is DONE:
                    return
                self.execution.met_block()
                ready = everybody
            else:
                ready = self.meet_warps() or self.meet_active() or self.meet_block() or self.diverged()

    def resume(self, ready):
        """Let threads run until they wait again or are done."""
        waiting, generators, threads, begin = self.waiting, self.generators, self.threads, self.execution.begin
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

    def meet_warps(self):
        """Answer each warp intrinsic at which all lanes of its mask have arrived; who may go on."""
        groups: dict[tuple, list[int]] = {}
        for i, event in enumerate(self.waiting):
            if type(event) is tuple and event[0] not in BLOCK_WIDE and event[0] != "activemask":
                groups.setdefault((i // WARP_SIZE, *event[:3]), []).append(i)
        ready = []
        for (warp, what, site, mask), members in groups.items():
            first = warp * WARP_SIZE
            expected = [first + lane for lane in range(WARP_SIZE) if mask >> lane & 1]
            if not set(members) <= set(expected):
                outsider = next(i for i in members if i not in expected)
                self.refuse(outsider, site, f"calls {what} with mask {mask:#010x}, which leaves out its own lane")
            if expected[-1] >= len(self.threads):
                lanes = len(self.threads) - first
                self.refuse(members[0], site, f"calls {what} with mask {mask:#010x}, but its warp has {lanes} lanes")
            if members == expected:
                self.answer(what, site, mask, members)
                if what == "syncwarp":
                    self.execution.met_warp(members)
                ready += members
        return ready

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
        if any(type(event) is not tuple or event[:2] != first[:2] for event in self.waiting):
            return []
        result = BLOCK_WIDE[first[0]]([bool(event[2]) for event in self.waiting])
        self.execution.met_block()
        self.answers = dict.fromkeys(range(len(self.threads)), result)
        return range(len(self.threads))

    def diverged(self):
        """Nobody can go on: say who waits for whom."""
        waiter = next(i for i, event in enumerate(self.waiting) if event is not DONE)
        here = place(self.waiting[waiter])
        what, site, *mask = here
        members = list(range(len(self.threads)))
        if mask:
            first = waiter // WARP_SIZE * WARP_SIZE
            members = [first + lane for lane in range(WARP_SIZE) if mask[0] >> lane & 1]
        missing = [i for i in members if place(self.waiting[i]) != here]
        example = place(self.waiting[missing[0]])
        does = f"waits at line {self.execution.program.sites[example[1]].line}" if example else "has returned"
        problem = (
            f"{what} waits for {len(missing)} of {len(members)} threads; "
            f"thread {self.threads[waiter].index} waits, thread {self.threads[missing[0]].index} {does}"
        )
        self.refuse(missing[0], site, problem)

    def refuse(self, i, site, problem):
        self.execution.current = self.threads[i]
        raise BarrierDivergence(problem, site=self.execution.program.sites[site])


def place(event):
    """Where a thread waits: (intrinsic, place), for warp intrinsics with the mask; nothing if it is done."""
    if event is DONE:
        return ()
    if type(event) is tuple:
        return event[:2] if event[0] in BLOCK_WIDE else event[:3]
    return "syncthreads", event
