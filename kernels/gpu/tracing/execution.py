"""The interpreter, listened to while it executes one block: its lines, its accesses with their values, its waits."""

import copy
from collections.abc import Sequence

import numpy as np

from kernels.gpu.interpreter.checked import CheckedMemory
from kernels.gpu.interpreter.errors import KernelError
from kernels.gpu.interpreter.launch import CheckedExecution
from kernels.gpu.tracing.faults import fault_of
from kernels.gpu.tracing.recorder import Recorder
from kernels.gpu.tracing.recording import Recording, Traced, listings

STEPS = 3000  # of a longer block the first so many are kept


def trace(launch, block: int | Sequence[int] = 0, steps: int = STEPS) -> Recording:
    """Execute one block of a launch and record it. A fault is kept in the recording, and not raised.

    block    its number, x fastest, or its index (x, y, z)
    steps    that are kept; the block is executed to its end in any case

    The arrays hold afterwards what they held before. Raises ValueError for a block that is not there.
    """
    number = block if isinstance(block, int) else _number(block, launch.grid)
    count = int(np.prod(launch.grid))
    if not 0 <= number < count:
        raise ValueError(f"there is no block {block}: the grid has {count}, numbered from 0")
    arrays = [a for a in launch.args if isinstance(a, np.ndarray) and a.flags.writeable]
    before = [a.copy() for a in arrays]
    execution, fault = None, None
    try:
        execution = RecordingExecution(launch, number, steps)
        execution.run()
    except KernelError as error:
        error.kernel, fault = launch.kernel.name, error
    finally:
        for array, content in zip(arrays, before, strict=True):
            array[...] = content
    return _recording(launch, number, execution, fault)


def _number(index, grid):
    index = (*index, 0, 0)[:3]
    if any(not 0 <= i < n for i, n in zip(index, grid, strict=True)):
        return -1
    return int(index[0] + grid[0] * (index[1] + grid[1] * index[2]))


def _recording(launch, number, execution, error):
    """What has been recorded; of a kernel that was refused before it ran, nothing but why."""
    found = Recording(launch, index_at(number, launch.grid), listings(launch, execution))
    if execution is not None:
        found.steps, found.is_whole = execution.recorder.steps, execution.recorder.is_whole
        found.arrays = execution.memory.traced
    if error is not None:
        found.fault = fault_of(error, found, execution and execution.recorder)
    return found


def index_at(number, grid):
    """The index of a block of that number."""
    return number % grid[0], number // grid[0] % grid[1], number // (grid[0] * grid[1])


class RecordingExecution(CheckedExecution):
    """One block of a launch being executed, checked, and told to a recorder."""

    traced = True

    def __init__(self, launch, number, steps):
        self.number = number
        super().__init__(launch)
        self.memory.recorder = self.recorder = Recorder(self.program, steps)
        self.program = copy.copy(self.program)
        self.program.run = self.listened(self.program.run)

    def new_memory(self, launch, arrays):
        return RecordingMemory(self, launch.shared_bytes, arrays, self.trace, self.order)

    def listened(self, run):
        """The rewritten kernel, whose waits and returns the recorder is told."""
        recorder = self.recorder
        if self.program.is_generator:
            return lambda thread, *arguments: Listened(run(thread, *arguments), thread, recorder)

        def run_to_end(thread, *arguments):
            run(thread, *arguments)
            recorder.wait(thread, None)

        return run_to_end

    def blocks_in_order(self):
        return [(self.number, self.blocks[self.number])]

    def begin(self, thread):
        super().begin(thread)
        self.recorder.begin(thread)

    def met_block(self, block):
        self.recorder.meet()
        super().met_block(block)

    def located(self, error):
        self.recorder.stop()  # what the interpreter lets others do now, to see what is missing, is no part of it
        return super().located(error)


class Listened:
    """A thread that waits for others now and then, as the generator that it is."""

    def __init__(self, generator, thread, recorder):
        self.generator, self.thread, self.recorder = generator, thread, recorder

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, answer):
        try:
            event = self.generator.send(answer)
        except StopIteration:
            self.recorder.wait(self.thread, None)
            raise
        self.recorder.wait(self.thread, event)
        return event

    # For standstill.py, which asks whether threads get anywhere.

    @property
    def gi_frame(self):
        return self.generator.gi_frame

    @property
    def gi_yieldfrom(self):
        return self.generator.gi_yieldfrom


class RecordingMemory(CheckedMemory):
    """Memory of which every access is told with its value. `traced` has the arrays, in the order in which they came."""

    recorder: Recorder

    def __init__(self, execution, *arguments):
        self.execution = execution
        super().__init__(execution.program, *arguments)
        self.traced: list[Traced] = []

    def come_by(self, thread, site):
        self.recorder.come_by(thread, site)

    def argument(self, array, name):
        made = super().argument(array, name)
        place = (array.__array_interface__["data"][0], array.shape, array.strides)
        for number, known in enumerate(self.traced):
            if known.place == place:
                known.name = f"{known.name}, {name}"
                return self.listened(made, number)
        self.traced.append(Traced(name, "global", array.shape, array.dtype, array.copy(), place))
        return self.listened(made, len(self.traced) - 1)

    def new_shared(self, number, data, block):
        made = super().new_shared(number, data, block)
        self.traced.append(Traced(self.declarations[number].name, "shared", made.shape, data.dtype, None))
        return self.listened(made, len(self.traced) - 1)

    def viewed(self, view):
        is_local = not hasattr(view.origin, "number")  # memory of a thread is not shown
        return view if is_local else self.listened(view, view.origin.number)

    def listened(self, array, number):
        """An array, every access of which the recorder is told; of a view as one of the array that it is a view of."""
        execution, load, store, atomic = self.execution, array.load, array.store, array.atomic
        array.number, shape, is_view = number, array.origin.shape, array.origin is not array
        steps = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]

        def tell(kind, index, site, value):
            if is_view:  # perhaps of a field, or of another type: what is shown is the element that it lies in
                _, _, index = array.element(index, site)
                value = array.origin.data[index].copy()
            cell = index if len(steps) == 1 else sum(i * step for i, step in zip(index, steps, strict=True))
            self.recorder.access(execution.current, number, int(cell), site, kind, value)

        def told_load(index, site):
            value = load(index, site)
            tell("load", index, site, value)
            return value

        def told_store(index, value, site):
            store(index, value, site)
            tell("store", index, site, value)

        def told_atomic(index, operation, site, *operands):
            old = atomic(index, operation, site, *operands)
            values = getattr(array, "values", None)
            tell("atomic", index, site, array.data[index] if values is None else values[index])
            return old

        array.load, array.store, array.atomic = told_load, told_store, told_atomic
        return array
