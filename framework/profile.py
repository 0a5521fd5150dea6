"""Where the time of a program's run goes: each call by itself, and the whole."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from framework.device import CudaDevice, Device
from framework.program import Program
from kernels.bench.timing import CudaClock, clock


def profile(program: Program, seconds: float = 1.0, **inputs: np.ndarray) -> dict:
    """Times of each call of a program ("calls": layer, operation, direction) and of a whole run ("step").

    Calls and runs are timed in turns, in order, so that each finds the caches as the one before left them. On a GPU
    each call is timed as a CUDA graph with a cold cache, and "launched" is a run whose calls are launched one by one.
    """
    program(**inputs)  # compiles; inputs stay on the device
    device = program.device
    timer = clock(device.name)
    bind: Callable = device.sequence
    if isinstance(timer, CudaClock):
        assert isinstance(device, CudaDevice)
        timer.stream = device.stream
        bind = timer.captured
    runs = {str(number): bind(calls) for number, (_, calls) in enumerate(program.calls)}
    whole = [call for _, calls in program.calls for call in calls]
    extra = {"step": bind(whole)}
    if isinstance(timer, CudaClock):
        extra["launched"] = Device("cuda").sequence(whole)
    timings = timer.timings({**runs, **extra}, seconds)
    rows = []
    for number, ((layer, operation, direction), _) in enumerate(program.calls):
        row = {"layer": layer, "operation": operation, "direction": direction}
        rows.append(row | asdict(timings[str(number)]))
    return {"calls": rows, **{name: asdict(timings[name]) for name in extra}}
