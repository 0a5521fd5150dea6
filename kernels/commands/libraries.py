"""What other libraries call the operations, to be timed beside ours: NumPy, PyTorch, CuPy.

NumPy's side is reference.py in float32. A library that has no function for an operation is left out.
"""

import importlib
from collections.abc import Callable

from kernels.bench.timing import CudaClock, HostClock
from kernels.bench.trial import Trial
from kernels.commands.command_line import CommandError
from kernels.device import Call
from kernels.operation import unknown

NAMES = ("numpy", "torch", "cupy")


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
    if library == "numpy":
        return _numpy(trial, direction, clock) if clock.device.name == "cpu" else None
    if library == "torch":
        return _torch(trial, direction, clock)
    return _cupy(trial, direction, clock) if isinstance(clock, CudaClock) else None


def _numpy(trial, direction, clock):
    function = getattr(trial.operation.implementation("reference"), direction)
    arguments = trial.arguments(clock.device, direction)
    return lambda: function(**arguments)


def _torch(trial, direction, clock):
    import torch

    name = trial.operation.name
    settings = trial.settings
    if (
        name not in TORCH
        or (name == "l2pool2d" and any(settings["padding"]))
        or (name == "loss" and settings["function"] not in TORCH_LOSSES)
    ):
        return None
    names = (*trial.operation.inputs, *trial.operation.state)
    arrays = {n: trial.arrays[n] for n in names}
    tensors = {n: None if a is None else torch.tensor(a, device=clock.device.name) for n, a in arrays.items()}
    if isinstance(clock, CudaClock):
        torch.cuda.set_stream(torch.cuda.ExternalStream(clock.stream.ptr))
    wanted = [tensor for n in trial.operation.gradients if (tensor := tensors[n]) is not None]
    run = TORCH[name]
    if direction == "forward":

        def forward():
            with torch.no_grad():
                return run(torch, trial.settings, **tensors)

        return forward
    for tensor in wanted:
        tensor.requires_grad_()
    y = run(torch, trial.settings, **tensors)
    dy = torch.tensor(trial.arrays["dy"], device=clock.device.name)
    return lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)


def _cupy(trial, direction, clock):
    import cupy

    if direction != "forward" or trial.operation.name not in CUPY:
        return None
    arrays = {n: None if trial.arrays[n] is None else cupy.asarray(trial.arrays[n]) for n in trial.operation.inputs}

    def run():
        with clock.stream:
            return CUPY[trial.operation.name](cupy, trial.settings, **arrays)

    return run


def _activation(torch, s, x):
    named = {"leaky_relu": torch.nn.functional.leaky_relu, "arctan": torch.arctan}
    return (named.get(s["function"]) or getattr(torch, s["function"]))(x)


def _loss(torch, s, prediction, target):
    function = getattr(torch.nn.functional, TORCH_LOSSES[s["function"]])
    return function(prediction, target, reduction="none").mean(1)


def _reduce(xp, s, x):
    return (xp.linalg.norm(x.reshape(-1)) if s["how"] == "norm" else getattr(xp, s["how"])(x)).reshape(1)


TORCH_LOSSES = {"mse": "mse_loss", "mae": "l1_loss", "bce": "binary_cross_entropy"}
TORCH: dict[str, Callable] = {
    "activation": _activation,
    "add": lambda torch, s, a, b: a + b,
    "avgpool2d": lambda torch, s, x: torch.nn.functional.avg_pool2d(x, s["window"], s["stride"], s["padding"]),
    "batchnorm": lambda torch, s, x, gamma, beta, running_mean, running_var: torch.nn.functional.batch_norm(
        x, running_mean, running_var, gamma, beta, s["training"], s["momentum"], s["epsilon"]
    ),
    "conv2d": lambda torch, s, x, w, b: torch.nn.functional.conv2d(x, w, b, s["stride"], s["padding"]),
    "cross_entropy": lambda torch, s, p, target: -(target * p.log()).sum(1),
    "l2pool2d": lambda torch, s, x: torch.nn.functional.lp_pool2d(x, 2.0, s["window"], s["stride"]),
    "linear": lambda torch, s, x, w, b: x @ w if b is None else torch.addmm(b, x, w),
    "loss": _loss,
    "maxpool2d": lambda torch, s, x: torch.nn.functional.max_pool2d(x, s["window"], s["stride"], s["padding"]),
    "reduce": _reduce,
    "softmax": lambda torch, s, x: torch.softmax(x, 1),
    "softmax_cross_entropy": lambda torch, s, x, target: torch.nn.functional.cross_entropy(x, target, reduction="none"),
}
CUPY: dict[str, Callable] = {
    "add": lambda cupy, s, a, b: a + b,
    "linear": lambda cupy, s, x, w, b: x @ w if b is None else x @ w + b,
    "reduce": _reduce,
}
