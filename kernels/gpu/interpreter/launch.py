"""A launch, executed: block after block, the threads of each in lockstep."""

import random
import traceback
from contextlib import suppress
from typing import Any

import numpy as np

from kernels.gpu.interpreter.blocks import Blocks
from kernels.gpu.interpreter.checked import CheckedMemory
from kernels.gpu.interpreter.errors import KernelError, LaunchError, OutOfBounds, ReadOnly, Site, Uninitialised
from kernels.gpu.interpreter.intrinsics import LARGEST_BLOCK, LARGEST_GRID
from kernels.gpu.interpreter.lockstep import TURNS
from kernels.gpu.interpreter.memory import LARGEST_SHARED, Memory, SharedMemory
from kernels.gpu.interpreter.order import Order, forget
from kernels.gpu.interpreter.races import Races
from kernels.gpu.interpreter.rewritten import flat, in_memory, plain, rewritten_for
from kernels.gpu.interpreter.trace import Trace
from kernels.gpu.interpreter.warp import WARP_SIZE


class Thread:
    """A thread of a block that is being executed."""

    __slots__ = (
        "block", "fence", "fenced", "index", "known", "lane", "learnt", "number", "path",
        "thread_x", "thread_y", "thread_z", "told", "turns",
    )  # fmt: skip

    def __init__(self, number, index, block, turns):
        self.number, self.index, self.block, self.turns = number, index, block, turns
        self.thread_x, self.thread_y, self.thread_z = index
        self.lane = number % WARP_SIZE
        self.path = 0  # see trace.py
        forget(self)


class Block:
    """A block that is being executed: its index, the sizes of block and grid, its memory and its threads.

    When it has ended, the same object serves for another block of the launch.
    """

    warp_size = WARP_SIZE
    interval = 0

    def __init__(self, launch, memory, sites, turns):
        self.memory, self.sites = memory, sites
        self.dim_x, self.dim_y, self.dim_z = launch.block
        self.grid_x, self.grid_y, self.grid_z = launch.grid
        self.threads = [Thread(number, index, self, turns) for number, index in enumerate(indices(launch.block))]

    def enter(self, number, index):
        self.number, self.index = number, index
        self.x, self.y, self.z = index
        self.shared = SharedMemory(self.memory, self)


class Execution:
    """One launch being executed, unchecked."""

    checked = counted = traced = False

    def __init__(self, launch, seed=None, turns=TURNS):
        self.launch, self.turns = launch, turns
        self.random = None if seed is None else random.Random(seed)
        self.current: Any = None
        self.idle_turns = 0
        self.program = rewritten_for(launch, self.checked, self.counted, self.traced)
        arguments = [(launch.kernel.source.arguments[i], launch.args[i]) for i in self.program.arguments_used]
        arrays = [in_memory(argument) for argument in flat(argument for _, argument in arguments)]
        self.memory = self.new_memory(launch, [array for array in arrays if array is not None])
        self.arguments = [self.given(name, argument) for name, argument in arguments]
        self.blocks = indices(launch.grid)

    def given(self, name, argument):
        """An argument as the rewritten code is to see it."""
        if isinstance(argument, tuple):
            return tuple(self.given(f"{name}[{i}]", item) for i, item in enumerate(argument))
        array = in_memory(argument)
        return plain(argument) if array is None else self.memory.argument(array, name)

    def new_memory(self, launch, arrays):
        return Memory(self.program.declarations, launch.shared_bytes)

    def new_block(self):
        return Block(self.launch, self.memory, self.program.sites, range(self.turns))

    def run(self):
        try:
            with np.errstate(all="ignore"):
                if self.program.is_generator:
                    Blocks(self).run()
                else:
                    self.run_one_by_one()
                self.finish()
        except Exception as error:
            raise self.located(error) from (None if isinstance(error, KernelError) else error)

    def run_one_by_one(self):
        """Threads that never wait need no lockstep."""
        run, begin, arguments = self.program.run, self.begin, self.arguments
        block = self.new_block()
        for number, index in self.blocks_in_order():
            self.enter(block, number, index)
            for thread in self.in_order(block.threads):
                begin(thread)
                run(thread, *arguments)
            self.met_block(block)

    def blocks_in_order(self):
        """Numbers and indices of the blocks, in the order in which they begin."""
        return self.in_order(list(enumerate(self.blocks)))

    def in_order(self, those):
        """Threads or blocks that may go on in any order, in that in which they shall."""
        return those if self.random is None else self.random.sample(those, len(those))

    # What the execution is told

    def enter(self, block, number, index):
        """A block begins."""
        block.enter(number, index)

    def begin(self, thread):
        """It is this thread's turn."""
        self.current = thread

    def met_block(self, block):
        """All threads of a block have met at a barrier, or are done."""

    def met_grid(self, blocks):
        """All blocks have met."""

    def met_warp(self, threads):
        """Some threads of a warp have met at a syncwarp."""

    def finish(self):
        """All blocks are done."""

    def located(self, error):
        """An error with kernel, block, thread and source line, as far as it does not say them itself."""
        if isinstance(error, UnboundLocalError):
            variable = str(error).split("'")[1]
            problem = f"{variable} is read, but this thread came by no line that assigns it"
            error = Uninitialised(problem).with_traceback(error.__traceback__)
        if not isinstance(error, KernelError):
            kind = OutOfBounds if isinstance(error, IndexError) else KernelError
            kind = ReadOnly if "read-only" in str(error) else kind  # of records, which Sealed does not see
            error = kind(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
        if error.block is None and self.current:
            error.block, error.thread = self.current.block.index, self.current.index
        if error.site is None:
            for frame in traceback.extract_tb(error.__traceback__):
                if frame.filename in self.program.files and frame.lineno:
                    error.site = Site(frame.filename, frame.lineno, "", "")
        return error


class CheckedExecution(Execution):
    """One launch being executed, with every access of memory checked and traced."""

    checked = True

    def __init__(self, launch, seed=None, turns=TURNS, allow_same_value=False, marks=None):
        self.allow_same_value, self.marks = allow_same_value, marks
        self.trace = Trace(may_split=not self.counted)
        self.order = Order(self.trace)
        super().__init__(launch, seed, turns)
        self.trace.observers.append(self.observer())

    def observer(self):
        """Who looks at the trace."""
        return Races(self.memory, self.program, self.blocks, indices(self.launch.block), self.allow_same_value)

    def new_memory(self, launch, arrays):
        return CheckedMemory(self.program, launch.shared_bytes, arrays, self.trace, self.order, self.marks)

    def begin(self, thread):
        self.current = thread
        self.trace.begin(thread)

    def enter(self, block, number, index):
        super().enter(block, number, index)
        self.order.enter(block)
        self.trace.barrier(block)

    def met_block(self, block):
        self.order.meet_block(block)
        self.trace.barrier(block)

    def met_grid(self, blocks):
        self.trace.meet_grid()
        for block in blocks:
            self.met_block(block)

    def met_warp(self, threads):
        self.order.meet_warp(threads)

    def finish(self):
        self.trace.flush()

    def located(self, error):
        error = super().located(error)
        if isinstance(error, Uninitialised) and error.is_written:
            self.let_others_run()
            if error.is_written():  # by a thread that a barrier would have waited for
                error.problem += " (is a barrier missing?)"
        return error

    def let_others_run(self):
        """Threads whose turn has not come since the last barrier run up to the next, whatever becomes of them."""
        assert self.current is not None
        block, turns = self.current.block, self.trace.turns
        had = {number for number, at in zip(turns[1::4], turns[3::4], strict=True) if at == block.interval}
        for thread in block.threads:
            if thread.number not in had:
                with suppress(Exception):
                    self.begin(thread)
                    if self.program.is_generator:
                        next(block.generators[thread.number], None)
                    else:
                        self.program.run(thread, *self.arguments)


def check_limits(launch):
    """Raise LaunchError for what no GPU would launch."""
    name = launch.kernel.name
    threads = launch.block[0] * launch.block[1] * launch.block[2]
    if min(launch.block) < 1 or threads > LARGEST_BLOCK or launch.block[2] > 64:
        raise LaunchError(
            f"a block of {launch.block} cannot be: it has 1 to {LARGEST_BLOCK} threads, at most 64 along z",
            kernel=name,
        )
    if min(launch.grid) < 1 or launch.grid[0] > LARGEST_GRID or max(launch.grid[1:]) > 65535:
        raise LaunchError(
            f"a grid of {launch.grid} cannot be: it has 1 to ({LARGEST_GRID}, 65535, 65535) blocks", kernel=name
        )
    if launch.shared_bytes > LARGEST_SHARED:
        problem = f"{launch.shared_bytes} bytes of shared memory are too many, a block has {LARGEST_SHARED}"
        raise LaunchError(problem, kernel=name)


def indices(size):
    """All (x, y, z) within a size, x fastest."""
    return [(x, y, z) for z in range(size[2]) for y in range(size[1]) for x in range(size[0])]
