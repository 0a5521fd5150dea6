"""The blocks of a launch whose threads wait: each runs to its end before the next begins, unless it waits for another.

A block whose threads all wait, or loop and change nothing, is left as it stands, and the next begins. When all have
begun, those that are left run in turn, so that a lock is passed on and a flag is seen. If a whole turn changes nothing,
nothing ever will. When all wait at one barrier of the grid, all go on.
"""

from collections import Counter

from kernels.gpu.interpreter.errors import BarrierDivergence, EndlessLoop
from kernels.gpu.interpreter.lockstep import Lockstep


class Blocks:
    """The blocks of one launch that have begun and not ended: `left`."""

    def __init__(self, execution):
        self.execution = execution
        self.left, self.free, self.begun = [], [], 0

    def run(self):
        """Execute all blocks. Raises EndlessLoop if threads would loop for ever."""
        try:
            for number, index in self.execution.blocks_in_order():
                self.begin(number, index)
                self.resume(self.left[-1])
            while self.left:
                self.meet_grid()
                before = [lockstep.state for lockstep in self.left]
                for lockstep in self.execution.in_order(self.left[:]):
                    self.resume(lockstep)
                looping = [lockstep for lockstep in self.left if not lockstep.grid_barrier]
                if looping and [lockstep.state for lockstep in self.left] == before:
                    looping[0].refuse_to_loop("nothing changes any more")
        except EndlessLoop as error:
            error.problem += self.others(self.execution.current)
            raise

    def begin(self, number, index):
        execution = self.execution
        block = self.free.pop() if self.free else execution.new_block()
        execution.enter(block, number, index)
        block.generators = [execution.program.run(thread, *execution.arguments) for thread in block.threads]
        self.left.append(Lockstep(execution, block))
        self.begun += 1

    def resume(self, lockstep):
        if lockstep.run():
            self.left.remove(lockstep)
            self.free.append(lockstep.block)
            self.execution.met_block(lockstep.block)

    def meet_grid(self):
        """Let all blocks go on if they wait for each other. Raises BarrierDivergence if some never will."""
        if not all(lockstep.grid_barrier for lockstep in self.left):
            return
        here = self.left[0].grid_barrier
        elsewhere = next((lockstep for lockstep in self.left if lockstep.grid_barrier != here), None)
        ended = self.begun - len(self.left)
        if elsewhere or ended:
            first = self.left[0].threads[0]
            waits, does = self.left[0].differing(here, elsewhere.grid_barrier) if elsewhere else ("waits", "")
            other = f"block {elsewhere.block.index} {does}" if elsewhere else f"{listed({'have ended': ended})}"
            self.execution.current = first
            problem = f"{here[0]} waits for all {self.begun} blocks; block {first.block.index} {waits}, {other}"
            raise BarrierDivergence(problem, site=self.execution.program.sites[here[1]])
        self.execution.met_grid([lockstep.block for lockstep in self.left])
        for lockstep in self.left:
            lockstep.grid_barrier = None

    def others(self, thread):
        """What all other threads and blocks do, in words, while this thread loops."""
        here = next(lockstep for lockstep in self.left if lockstep.block is thread.block)
        texts = []
        if doings := here.doings(but=thread.number):
            texts.append(f"of the other threads of its block {listed(doings)}")
        doings = Counter(lockstep.doing(lockstep.ready[0]) for lockstep in self.left if lockstep is not here)
        doings["have ended"] = self.begun - len(self.left)
        doings["have not begun"] = len(self.execution.blocks) - self.begun
        if len(self.execution.blocks) > 1:
            texts.append(f"of the other blocks {listed(doings)}")
        return "".join(f"; {text}" for text in texts)


def listed(doings):
    return ", ".join(f"{count} {doing}" for doing, count in doings.items() if count)
