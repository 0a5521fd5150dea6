"""Where the time of a program's run goes: each call by itself, and the whole."""

from dataclasses import asdict

import numpy as np

from framework.program import Program
from kernels.bench.timing import clock
from kernels.device import CudaDevice


def profile(program: Program, seconds: float = 1.0, **inputs: np.ndarray) -> dict:
    """Times of each call of a program ("calls": layer, operation, direction, algorithm) and of a whole run ("step").

    Calls and runs are timed in turns, in order, so that each finds the caches as the one before left them. On a GPU
    each call is timed as a CUDA graph with a cold cache, and "launched" is a run whose calls are launched one by one.
    """
    program(**inputs)  # compiles; inputs stay on the device
    device = program.device
    timer = clock(device)
    runs = {str(number): timer.sequence(calls) for number, (_, calls) in enumerate(program.calls)}
    whole = [call for _, calls in program.calls for call in calls]
    extra = {"step": timer.sequence(whole)}
    if isinstance(device, CudaDevice):
        extra["launched"] = device.one_by_one(whole)
    timings = timer.timings({**runs, **extra}, seconds)
    rows = []
    for number, ((layer, operation, direction), _) in enumerate(program.calls):
        row = {"layer": layer, "operation": operation, "direction": direction}
        row["algorithm"] = program.algorithms.get(f"{layer} {direction}", "")
        rows.append(row | asdict(timings[str(number)]))
    return {"calls": rows, **{name: asdict(timings[name]) for name in extra}}
