"""At which step something went wrong."""

from dataclasses import dataclass

from kernels.gpu.interpreter.errors import DataRace, InvalidIndex, ReadOnly, Undefined, Uninitialised


@dataclass(frozen=True)
class Fault:
    """What the interpreter refused. The recording ends with the step at which it happened."""

    kind: str
    """The name of the error, as OutOfBounds."""
    text: str
    """What the interpreter says."""
    step: int | None
    """None where it happened before the first step, or after those that are kept."""
    file: str | None
    line: int | None
    thread: int | None
    array: int | None
    cell: int | None
    """Of that array, if it has such an element."""


OF_A_THREAD = (InvalidIndex, ReadOnly, Undefined, Uninitialised)


def fault_of(error, recording, recorder) -> Fault:
    """The fault that an error is, with its step; later steps are taken away."""
    thread = None
    if error.thread is not None:
        x, y, z = error.thread
        thread = x + recording.block[0] * (y + recording.block[1] * z)
    array, cell = element(error, recording)
    step = None
    if recorder is not None and recorder.is_whole:
        if isinstance(error, DataRace):
            step = of_race(error, recording.steps, thread, array, cell)
        elif isinstance(error, OF_A_THREAD):
            step = of_thread(recorder, thread)
        if step is None and recording.steps:
            step = len(recording.steps) - 1
    if step is not None:
        del recording.steps[step + 1 :]
    site = error.site
    return Fault(type(error).__name__, str(error), step, site and site.file, error.line, thread, array, cell)


def element(error, recording):
    """(array, cell) by their numbers, None where there is no such."""
    names = [known.name.split(", ") for known in recording.arrays]
    array = next((n for n, of_it in enumerate(names) if error.array in of_it), None)
    if array is None or error.index is None:
        return array, None
    index = error.index if isinstance(error.index, tuple) else (error.index,)
    shape, cell = recording.arrays[array].shape, 0
    if len(index) != len(shape) or not all(isinstance(i, int) for i in index):
        return array, None
    for i, extent in zip(index, shape, strict=True):
        if not 0 <= i < extent:
            return array, None
        cell = cell * extent + int(i)
    return array, cell


def of_thread(recorder, thread):
    """The step in which a thread was last."""
    visits = [frame.visit for frame in recorder.frames.get(thread, ()) if frame.visit]
    return max((visit.step for visit in visits if visit.step is not None), default=None)


def of_race(error, steps, thread, array, cell):
    """The step by which both accesses of a race have happened."""
    touches = [
        (access.order, number, step.interval, access)
        for number, step in enumerate(steps)
        for access in step.accesses
        if (access.array, access.cell) == (array, cell)
    ]
    touches.sort(key=lambda touch: touch[0])
    for place, (_, step, interval, access) in enumerate(touches):
        if access.thread == thread and (access.file, access.line) == (error.site.file, error.site.line):
            for _, other_step, other_interval, other in touches[:place]:
                is_conflict = "store" in (access.kind, other.kind) or access.kind != other.kind
                if other.thread != thread and other_interval == interval and is_conflict:
                    return max(step, other_step)
    return None
