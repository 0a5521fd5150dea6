"""What other libraries make of the operations, to be timed beside ours.

numpy    reference.py in float32
torch    torch.py, and autograd backward

A library that has no function for an operation is left out.
"""

import importlib

from kernels.bench.timing import CudaClock, HostClock
from kernels.bench.trial import Trial
from kernels.commands.command_line import CommandError
from kernels.device import Call
from kernels.operation import unknown

NAMES = ("numpy", "torch")


def require(names: list[str]) -> None:
    """Raises CommandError for a library that is unknown here or not installed."""
    for name in names:
        if name not in NAMES:
            raise CommandError(unknown("library", name, NAMES))
        try:
            importlib.import_module(name)
        except ImportError:
            raise CommandError(f"--against: {name} is not installed") from None


def call(library: str, trial: Trial, direction: str, clock: HostClock) -> Call | None:
    """The library's way to compute a trial on the clock's device, or None where it has none."""
    return {"numpy": _numpy, "torch": _torch}[library](trial, direction, clock)


def _numpy(trial, direction, clock):
    if clock.device.name != "cpu":
        return None
    function = getattr(trial.operation.implementation("reference"), direction)
    given = trial.arguments(clock.device, direction)
    arguments = {name: given[name] for name in trial.operation.arguments(direction)}
    return lambda: function(**arguments)


def _torch(trial, direction, clock):
    operation = trial.operation
    run = operation.in_torch()
    if run is None:
        return None
    import torch

    device = "cpu"
    if isinstance(clock, CudaClock):
        torch.cuda.set_stream(torch.cuda.ExternalStream(clock.stream.ptr))
        device = "cuda"
    tensors = {n: None if a is None else torch.tensor(a, device=device) for n, a in trial.arrays.items()}
    arguments = {name: tensors[name] for name in (*operation.inputs, *operation.state)} | trial.settings
    if direction == "forward":

        def forward():
            with torch.no_grad():
                return run(**arguments)

        return forward
    wanted = [t.requires_grad_() for name in operation.gradients if (t := tensors[name]) is not None]
    (delta,) = operation.deltas
    outputs = run(**arguments)
    first = outputs[0] if len(operation.outputs) > 1 else outputs
    return lambda: torch.autograd.grad(first, wanted, tensors[delta], retain_graph=True)
