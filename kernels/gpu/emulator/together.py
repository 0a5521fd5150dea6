"""Blocks that wait for each other, run in turns.

A GPU has many blocks under way at once: one may spin on a flag that another sets, or all meet at a barrier of the grid.
Here a block runs alone as long as it gets on. Where its threads only wait for memory that somebody writes (spins.py),
it is parked with its memory, the next one begins, and then all that are parked get their turns. Those whose threads all
wait for the whole grid go on when every block has come there.
"""

from collections import Counter

import numpy as np

from kernels.gpu.emulator import schedule
from kernels.gpu.emulator.errors import EmulatorError

# Turns of a block without getting on after which it is the next block's: first, and when all have waited for long.
SOON, LATE = 8, 1024
SLICE = 10_000  # turns after which it is in any case
# When nobody has got on for so many turns or steps of threads, nobody ever will.
TURNS, STEPS = 500_000, 50_000_000
LEAST = 1000  # turns, however many threads there are
# Barriers that a block may pass, and meetings of a warp between them: more are a loop without end.
MEETINGS = 10_000_000
MEETINGS_OF_GRID = 1_000_000
INSTRUCTIONS = (
    4_000_000_000  # of loops that nobody knows to end (endings.py), which a thread may execute without a stop
)
MEMORY = 2**30  # bytes that blocks under way may take


def alone():
    """How long a block that cannot wait for others may wait for itself, and loop: see schedule.py."""
    return np.array([TURNS, 2**62, MEETINGS])


class Together:
    """The blocks `order` of a Loaded kernel; make() gives memory for one. `run` raises EmulatorError, with a title."""

    watch = 0  # address of what checked mode remembers (shadow.py), or 0

    def __init__(self, kernel, make, order, lanes, title=None):
        self.kernel, self.make, self.order, self.lanes, self.title = kernel, make, order, lanes, title
        self.position = {int(number): n for n, number in enumerate(order)}
        # How many have begun, and (linear number, memory) of those under way: parked, or waiting for the grid.
        self.begun, self.parked, self.met = 0, [], []
        self.spare = [make()]
        self.most = max(MEMORY // self.spare[0].bytes, 2)
        self.idle, self.patience, self.meetings = 0, SOON, 0

    def run(self):
        while self.begun < len(self.order) or self.parked or self.met:
            self.turn()

    def turn(self):
        """Begin as many blocks as are parked, and let all those go on."""
        got_on = False
        for _ in range(max(len(self.parked), 1)):
            got_on |= self.begin()
        parked, self.parked = self.parked, []
        for number, place in parked:
            before = place.progress()
            code = self.go_on(number, place)
            got_on |= code != schedule.PARKED or place.progress() != before
        if self.met and self.begun == len(self.order) and not self.parked:
            self.pass_grid()
            got_on = True
        if got_on:
            self.idle, self.patience = 0, SOON
            return
        self.idle += self.patience
        self.patience = min(2 * self.patience, LATE)
        threads = sum(np.count_nonzero(place.state != schedule.OVER) for _, place in self.under_way())
        if self.idle > max(min(TURNS, STEPS // max(threads, 1)), LEAST):
            raise self.refusal(*self.endless())

    def under_way(self):
        return [*self.parked, *self.met]

    def begin(self):
        """Run blocks that have not begun until one has to wait; whether there was one, and memory for it."""
        if self.begun == len(self.order):
            return False
        if not self.spare and len(self.under_way()) < self.most:
            self.spare.append(self.make())
        if not self.spare:
            return False
        place, failure = self.spare.pop(), np.zeros(4, np.int64)
        self.enter(place)
        code = schedule.run_blocks(
            self.kernel.step, self.begun, len(self.order), self.order, place.threads, place.block, place.shared,
            place.local, *self.common(place, failure),
        )  # fmt: skip
        self.begun = len(self.order) if code == schedule.DONE else self.position[int(failure[1])] + 1
        self.ran(code, int(failure[1]), place, failure)
        return True

    def go_on(self, number, place):
        failure = np.zeros(4, np.int64)
        self.enter(place)
        code = schedule.run_block(self.kernel.step, place.threads, place.block, *self.common(place, failure))
        failure[0], failure[1] = code, number
        self.ran(code, number, place, failure)
        return code

    def common(self, place, failure):
        kernel, patience = self.kernel, np.array([self.patience, SLICE, MEETINGS])
        return kernel.kinds, kernel.details, self.lanes, self.watch, place.state, place.arrived, patience, failure

    def ran(self, code, number, place, failure):
        """What becomes of a block, or of the last of several, by how its turn has ended."""
        if code == schedule.DONE:
            self.spare.append(place)
        elif code in (schedule.PARKED, schedule.MET):
            (self.parked if code == schedule.PARKED else self.met).append((number, place))
            self.leave(place)
        else:
            raise self.refusal(failure, place)

    def pass_grid(self):
        """Let all go on that have met. Raises EmulatorError where blocks have ended that would have to come."""
        number, place = self.met[0]
        self.meetings += 1
        too_often = self.meetings > MEETINGS_OF_GRID
        if too_often or len(self.met) < len(self.order):
            code = schedule.LOOPING if too_often else schedule.STUCK
            raise self.refusal(np.array([code, number, 0, place.state[0]]), place)
        for _, place in self.met:
            place.state[place.state != schedule.OVER] = schedule.READY
        self.parked, self.met = self.met, []

    def endless(self):
        """(failure, place) of the first that waits where everybody waits for what nobody writes."""
        number, place = self.under_way()[0]
        thread = schedule.first_waiting(place.state)
        state = place.threads[thread, schedule.AT_RESUME]
        is_grid = self.kernel.translation.stops[state - 1].kind == "grid"
        return np.array([schedule.STUCK if is_grid else schedule.ENDLESS, number, thread, state]), place

    def others(self, failure, place):
        """Where all others wait, and how many blocks have not begun."""
        places = {id(each): each for each in (place, *(each for _, each in self.under_way()))}
        said = others(self.kernel.translation.stops, list(places.values()), place, failure)
        left = len(self.order) - self.begun
        if not left or failure[0] == schedule.LOST:
            return said
        return f"{said}; {left} blocks have not begun, as no more have room at once"

    # What checked mode does otherwise.

    def refusal(self, failure, place):
        """The error that says what went wrong."""
        said = self.kernel.explained(failure, place.size, place.grid, self.title)
        return EmulatorError(said if failure[0] == schedule.TRAP else said + self.others(failure, place))

    def enter(self, place):
        """Before a block has its turn."""

    def leave(self, place):
        """After a turn of a block that has not ended."""


def others(stops, places, place, failure) -> str:
    """Where the other threads of blocks under way wait, or what they do, in words; "" where there are none."""
    waiting: Counter[str] = Counter()
    for each in places:
        for state, resume in zip(each.state.tolist(), each.threads[:, schedule.AT_RESUME].tolist(), strict=True):
            if state == schedule.OVER:
                continue
            waits = resume > 0 and (state > 0 or stops[resume - 1].kind == "yield")
            begun = "would go on" if resume else "have not begun"
            waiting[f"wait at {named(stops[resume - 1].instruction)}" if waits else begun] += 1
    state = int(failure[3])
    if place.state[failure[2]] != schedule.OVER and 0 < state <= len(stops):
        waiting[f"wait at {named(stops[state - 1].instruction)}"] -= 1
    found = [f"{count} {what}" for what, count in waiting.most_common(4) if count > 0]
    return f"; of the other threads {', '.join(found)}" if found else ""


def met(stop) -> str:
    """What a thread did whose block is LOOPING, at a stop."""
    return f"has met others {MEETINGS_OF_GRID if stop and stop.kind == 'grid' else MEETINGS:,} times"


def named(instruction) -> str:
    """An instruction with its line of the PTX and of the source, where that is known."""
    file, line = instruction.source or ("", 0)
    source = f", {file.rpartition('/')[2]}:{line}" if file else ""
    return f"{instruction} (PTX line {instruction.line}{source})"
