"""A launch, executed: block after block, the threads of each in lockstep."""

import traceback
import weakref

import numpy as np

from kernels.gpu.interpreter.checked import CheckedMemory
from kernels.gpu.interpreter.errors import KernelError, LaunchError, OutOfBounds, Site
from kernels.gpu.interpreter.intrinsics import LARGEST_BLOCK, LARGEST_GRID
from kernels.gpu.interpreter.lockstep import Lockstep
from kernels.gpu.interpreter.memory import LARGEST_SHARED, Memory
from kernels.gpu.interpreter.program import Program, describe, largest_in, plain
from kernels.gpu.interpreter.races import Races
from kernels.gpu.interpreter.trace import NOTHING, Trace
from kernels.gpu.interpreter.warp import WARP_SIZE

_programs = weakref.WeakKeyDictionary()


def program_for(launch, checked):
    """The kernel rewritten for the types of the launch's arguments; rewritten once."""
    known = _programs.setdefault(launch.kernel, {})
    largest = largest_in(launch)
    arguments = tuple(describe(argument, largest) for argument in launch.args)
    key = arguments, largest, checked
    if key not in known:
        known[key] = Program(launch.kernel, arguments, largest, checked)
    return known[key]


class Thread:
    """A thread of the block that is being executed. The same objects serve all blocks."""

    __slots__ = ("block", "index", "known", "lane", "number", "thread_x", "thread_y", "thread_z")

    def __init__(self, number, index, block):
        self.number, self.index, self.block = number, index, block
        self.thread_x, self.thread_y, self.thread_z = index
        self.lane = number % WARP_SIZE
        self.known = NOTHING


class Block:
    """The block that is being executed: its index, the sizes of block and grid, its memory."""

    def __init__(self, launch, memory):
        self.memory = memory
        self.dim_x, self.dim_y, self.dim_z = launch.block
        self.grid_x, self.grid_y, self.grid_z = launch.grid
        self.warp_size = WARP_SIZE

    def enter(self, number, index):
        self.number, self.index = number, index
        self.x, self.y, self.z = index


def indices(size):
    """All (x, y, z) within a size, x fastest."""
    return [(x, y, z) for z in range(size[2]) for y in range(size[1]) for x in range(size[0])]


class Execution:
    """One launch being executed."""

    def __init__(self, launch, checked):
        self.name = launch.kernel.name
        self.check_limits(launch)
        self.program = program_for(launch, checked)
        self.trace = None
        used = [launch.args[i] for i in self.program.arguments_used]
        names = [launch.kernel.source.arguments[i] for i in self.program.arguments_used]
        if checked:
            self.trace = Trace([])
            arrays = [argument for argument in used if is_array(argument)]
            memory = CheckedMemory(self.program, launch.shared_bytes, arrays, self.trace)
            self.begin = self.begin_checked
        else:
            memory = Memory(self.program.declarations, launch.shared_bytes)
        self.arguments = [memory.argument(a, n) if is_array(a) else plain(a) for a, n in zip(used, names, strict=True)]
        self.block = Block(launch, memory)
        self.blocks = indices(launch.grid)
        self.threads = [Thread(n, index, self.block) for n, index in enumerate(indices(launch.block))]
        self.current = None
        if checked:
            self.trace.observers.append(Races(memory, self.program.sites, self.blocks, self.threads))

    def check_limits(self, launch):
        threads = launch.block[0] * launch.block[1] * launch.block[2]
        problem = None
        if not 1 <= threads <= LARGEST_BLOCK or min(launch.block) < 1 or launch.block[2] > 64:
            problem = f"a block of {launch.block} has {threads} threads, it may have {LARGEST_BLOCK} (and 64 along z)"
        elif min(launch.grid) < 1 or launch.grid[0] > LARGEST_GRID or max(launch.grid[1:]) > 65535:
            problem = f"a grid of {launch.grid} is none, it may have ({LARGEST_GRID}, 65535, 65535) blocks"
        elif launch.shared_bytes > LARGEST_SHARED:
            problem = f"{launch.shared_bytes} bytes of shared memory are too many, a block has {LARGEST_SHARED}"
        if problem:
            raise LaunchError(problem, kernel=self.name)

    def run(self):
        run = self.run_lockstep if self.program.is_generator else self.run_plain
        try:
            with np.errstate(all="ignore"):
                for number, index in enumerate(self.blocks):
                    self.block.enter(number, index)
                    self.block.memory.begin_block(self.block)
                    run()
                    if self.trace:
                        self.met_block()
                if self.trace:
                    self.trace.flush()
        except Exception as error:
            raise self.located(error) from (None if isinstance(error, KernelError) else error)

    def run_plain(self):
        run, begin, arguments = self.program.run, self.begin, self.arguments
        for thread in self.threads:
            begin(thread)
            run(thread, *arguments)

    def run_lockstep(self):
        generators = [self.program.run(thread, *self.arguments) for thread in self.threads]
        Lockstep(self, self.threads, generators).run()

    # What the threads in lockstep tell

    def begin(self, thread):
        """It is this thread's turn."""
        self.current = thread

    def begin_checked(self, thread):
        self.current = thread
        self.trace.begin(thread)

    def met_block(self):
        if self.trace:
            self.trace.barrier(self.threads)

    def met_warp(self, members):
        if self.trace:
            self.trace.syncwarp([self.threads[i] for i in members])

    def site(self, number):
        return self.program.sites[number]

    def located(self, error):
        """The error with kernel, block, thread and source line, where it does not say them yet."""
        if not isinstance(error, KernelError):
            kind = OutOfBounds if isinstance(error, IndexError) else KernelError
            error = kind(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
        error.kernel = error.kernel or self.name
        if error.block is None and self.current:
            error.block, error.thread = self.block.index, self.current.index
        if error.site is None:
            frames = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename in self.program.files]
            if lines:
                error.site = Site(next(iter(self.program.files)), lines[-1], "", "")
                error.line = error.site.line
        return error


def is_array(argument):
    return isinstance(argument, np.ndarray) and argument.ndim > 0
