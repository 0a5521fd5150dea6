"""Blocks that wait for each other, run in turns.

A GPU has many blocks under way at once: one may spin on a flag that another sets, or all meet at a barrier that they
make of atomics. Here a block runs alone as long as it gets on. Where its threads only wait for memory that somebody
writes (spins.py), it is parked with its memory, the next one begins, and then all that are parked get their turns.
"""

from collections import Counter

import numpy as np

from kernels.gpu.emulator import schedule
from kernels.gpu.emulator.errors import EmulatorError
from kernels.gpu.emulator.syntax import Instruction

# Turns of a block without getting on after which it is the next block's: first, and when all have waited for long.
SOON, LATE = 8, 1024
SLICE = 10_000  # turns after which it is in any case
# When nobody has got on for so many turns or steps of threads, nobody ever will.
TURNS, STEPS = 500_000, 50_000_000
LEAST = 1000  # turns, however many threads there are
# Barriers that a block may pass, and meetings of a warp between them: more are a loop without end.
MEETINGS = 10_000_000
MEMORY = 2**30  # bytes that blocks under way may take


def alone():
    """How long a block that cannot wait for others may wait for itself, and loop: see schedule.py."""
    return np.array([TURNS, 2**62, MEETINGS])


def run_together(kernel, make, order, lanes, title=None):
    """Run the blocks `order` of a Loaded kernel; make() gives memory for one. Raises EmulatorError, with a title."""
    blocks = Together(kernel, make, order, lanes, title)
    while blocks.begun < len(order) or blocks.parked:
        blocks.turn()


class Together:
    def __init__(self, kernel, make, order, lanes, title):
        self.kernel, self.make, self.order, self.lanes, self.title = kernel, make, order, lanes, title
        self.position = {int(number): n for n, number in enumerate(order)}
        self.begun, self.parked = 0, []  # how many have begun; (linear number, memory) of each that is under way
        self.spare = [make()]
        self.most = max(MEMORY // self.spare[0].bytes, 2)
        self.idle, self.patience = 0, SOON

    def turn(self):
        """Begin as many blocks as are parked, and let all those go on."""
        got_on = False
        for _ in range(max(len(self.parked), 1)):
            got_on |= self.begin()
        still = []
        for number, place in self.parked:
            before = place.progress()
            code = self.checked(schedule.run_block, number, place)
            got_on |= code == schedule.DONE or place.progress() != before
            if code == schedule.DONE:
                self.spare.append(place)
            else:
                still.append((number, place))
        self.parked = still
        if got_on:
            self.idle, self.patience = 0, SOON
            return
        self.idle += self.patience
        self.patience = min(2 * self.patience, LATE)
        threads = sum(np.count_nonzero(place.state != schedule.OVER) for _, place in still)
        if self.idle > max(min(TURNS, STEPS // max(threads, 1)), LEAST):
            raise EmulatorError(self.endless())

    def begin(self):
        """Run blocks that have not begun until one is parked; whether there was one, and memory for it."""
        if self.begun == len(self.order):
            return False
        if not self.spare and len(self.parked) < self.most:
            self.spare.append(self.make())
        if not self.spare:
            return False
        place = self.spare.pop()
        if self.checked(schedule.run_blocks, None, place) == schedule.DONE:
            self.begun = len(self.order)
            self.spare.append(place)
        return True

    def checked(self, run, number, place):
        kernel, failure = self.kernel, np.zeros(4, np.int64)
        patience = np.array([self.patience, SLICE, MEETINGS])
        common = (kernel.kinds, kernel.details, self.lanes, 0, place.state, place.arrived, patience, failure)
        if run is schedule.run_block:
            code = run(kernel.step, place.threads, place.block, *common)
            failure[0], failure[1] = code, number
        else:
            memory = (place.threads, place.block, place.shared, place.local)
            code = run(kernel.step, self.begun, len(self.order), self.order, *memory, *common)
            if code == schedule.PARKED:
                self.begun = self.position[int(failure[1])] + 1
                self.parked.append((int(failure[1]), place))
        if code not in (schedule.DONE, schedule.PARKED):
            raise EmulatorError(kernel.explained(failure, place.size, place.grid, self.title))
        return code

    def endless(self):
        """What is said of a kernel in which everybody waits for what nobody writes."""
        stops = self.kernel.translation.stops
        waiting: Counter[Instruction] = Counter()
        for _, place in self.parked:
            states = place.threads[place.state != schedule.OVER, schedule.AT_RESUME]
            waiting.update(stops[state - 1].instruction for state in states.tolist() if state > 0)
        number, place = self.parked[0]
        thread = schedule.first_waiting(place.state)
        state = place.threads[thread, schedule.AT_RESUME]
        failure = schedule.ENDLESS, number, thread, state
        said = self.kernel.explained(failure, place.size, place.grid, self.title)
        waiting[stops[state - 1].instruction] -= 1
        others = [f"{count} wait at {named(instruction)}" for instruction, count in waiting.most_common(4) if count]
        said += f"; of the other threads {', '.join(others)}" if others else ""
        left = len(self.order) - self.begun
        return said + (f"; {left} blocks have not begun, as no more have room at once" if left else "")


def met() -> str:
    """What a thread did whose block is LOOPING."""
    return f"has met others {MEETINGS:,} times"


def named(instruction) -> str:
    """An instruction with its line of the PTX and of the source, where that is known."""
    file, line = instruction.source or ("", 0)
    source = f", {file.rpartition('/')[2]}:{line}" if file else ""
    return f"{instruction} (PTX line {instruction.line}{source})"
