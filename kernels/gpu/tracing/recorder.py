"""What each thread of a block did, line by line, as the interpreter comes by; at each meeting it becomes steps."""

from dataclasses import dataclass, field
from typing import Any

from kernels.gpu.interpreter.lockstep import place
from kernels.gpu.interpreter.warp import WARP_SIZE
from kernels.gpu.tracing.lines import Line, Lines
from kernels.gpu.tracing.steps import Access, End, Step, Visit, side_by_side

AFTER_CALL = (1, 0, 0)  # of a key: the rest of a line, behind the functions that it calls or its wait
IN_CALL = 0


@dataclass
class Frame:
    """Where a thread is in a function: the line, the turns of its loops, and how far that is, as a key."""

    path: tuple
    turns: dict[int, int] = field(default_factory=dict)
    line: Any = None
    key: tuple = ()
    visit: Visit | None = None
    begins: bool = False
    """A loop has begun, and its first turn has not."""


class Recorder:
    """Listens to one block. `limit` is how many steps are kept; what comes after these is not."""

    def __init__(self, program, limit):
        self.lines, self.sites, self.limit = Lines(program), program.sites, limit
        self.steps: list[Step] = []
        self.frames: dict[int, list[Frame]] = {}
        self.visits: dict[int, list[Visit]] = {}  # of the chunk: threads of one warp, each from one wait to the next
        self.ends: dict[int, End] = {}
        self.chunk = self.interval = self.order = 0
        self.waiting: dict[int, End] = {}
        self.is_on, self.is_whole = True, True

    # What the interpreter tells

    def begin(self, thread):
        """It is this thread's turn."""
        if not self.is_on:
            return
        number = thread.number
        if number in self.visits or any(other // WARP_SIZE != number // WARP_SIZE for other in self.visits):
            self.close()
        self.visits[number] = []
        self.waiting.pop(number, None)

    def come_by(self, thread, number):
        """A thread begins a line, or a turn of a loop."""
        if not self.is_on:
            return
        line, frames = self.lines.at(number), self.frames.setdefault(thread.number, [])
        depth = len(line.path)
        if len(frames) <= depth or frames[depth].path != line.path:
            frames[depth:] = [Frame(line.path)]
        del frames[depth + 1 :]
        frame = frames[depth]
        if line.is_turn:
            frame.turns[line.line] += not frame.begins
            if frame.begins:  # which the visit that began the loop shows
                frame.begins = False
                return
        elif line.is_loop:
            frame.turns[line.line], frame.begins = 0, True
        caller = (*frames[depth - 1].key, (IN_CALL, 0, line.path[-1][1])) if depth else ()
        turns = frame.turns
        frame.key = (*caller, *((n, turns[n], 0) for n in line.loops), (line.line, turns.get(line.line, 0), 0))
        frame.line, frame.visit = line, self.visit(thread.number, frame.key, line)

    def visit(self, thread: int, key: tuple, line: Line) -> Visit | None:
        """A thread is at a line: None if there would be more steps than are kept."""
        visits = self.visits[thread]
        if len(self.steps) + len(visits) > self.limit:
            return None
        visits.append(Visit(key, line.file, line.line, self.chunk))
        return visits[-1]

    def access(self, thread, array, cell, site, kind, value):
        """A thread has accessed an element."""
        if not self.is_on:
            return
        place, frames = self.sites[site], self.frames[thread.number]
        while len(frames) > 1 and not covers(frames[-1].line, place):
            frames.pop()  # a function that has returned
            frames[-1].visit = None
        frame = frames[-1]
        if frame.visit is None or frame.visit.chunk != self.chunk:
            frame.visit = self.visit(thread.number, (*frame.key, AFTER_CALL), frame.line)
        if frame.visit:
            self.order += 1
            found = Access(self.order, thread.number, array, cell, kind, value, place.file, place.line)
            frame.visit.accesses.append(found)

    def wait(self, thread, event):
        """A thread waits; or has returned, if the event is None."""
        if not self.is_on:
            return
        what, site, *_ = place(event) or ("", None)
        end = End(thread.number, what, self.sites[site].line if site is not None else 0)
        self.ends[thread.number] = end
        if what:
            self.waiting[thread.number] = end

    def meet(self):
        """All threads of the block have met at a barrier, or have returned."""
        if not self.is_on:
            return
        self.close()
        self.interval += 1
        if self.is_on and self.waiting:
            file, end = self.steps[-1].file if self.steps else "", next(iter(self.waiting.values()))
            self.add(Step("meet", file, end.line, 0, self.interval))
            self.waiting.clear()
        elif self.is_on and self.steps:
            self.add(Step("end", self.steps[-1].file, self.steps[-1].line, 0, self.interval))

    def stop(self):
        """Nothing more is recorded."""
        if self.is_on:
            self.close()
        self.is_on = False

    # What becomes of it

    def add(self, step):
        """Keep a step, unless there are too many."""
        if len(self.steps) < self.limit:
            self.steps.append(step)
        else:
            self.is_on = self.is_whole = False

    def close(self):
        """What the threads of a warp did since each waited last becomes steps."""
        lanes, ends = self.visits, self.ends
        self.visits, self.ends = {}, {}
        self.chunk += 1
        last = {thread: visits[-1] for thread, visits in lanes.items() if visits}
        for group in side_by_side(lanes):
            visit = group[0][1]
            step = Step("line", visit.file, visit.line, group[0][0] // WARP_SIZE, self.interval)
            for thread, each in group:
                each.step = len(self.steps)
                step.threads.append(thread)
                step.accesses += each.accesses
                if thread in ends and each is last[thread]:
                    step.ends.append(ends.pop(thread))
            self.add(step)
            if not self.is_on:
                return
        if self.steps:
            self.steps[-1].ends += ends.values()  # of threads that came by no line


def covers(line, site):
    """Whether an access stands on a line."""
    return line.file == site.file and line.line <= site.line <= line.last
