"""Where a training step of a model goes: python -m apps.profile"""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

import apps.faces.models
import apps.mnist.models
from apps.command_line import add_device, run, telling_of_compiling
from apps.faces.crowds import Crowds
from apps.faces.training import Crops, recipe
from framework import Model, Optimizer
from framework.profile import profile as profile_program
from kernels.commands.command_line import CommandError, add_json, command, positive, positive_float, write_json
from kernels.table import table

MODELS = {**apps.mnist.models.MODELS, **apps.faces.models.MODELS}
SIZED = apps.faces.models.MODELS

# Digits a step, unless something else is asked; detectors have recipes of their own.
DIGITS = 50


def main(arguments: list[str] | None = None) -> int:
    """Profile a model; returns the exit code. Errors a user can cause are one line on standard error."""
    return run(parser(), arguments)


def parser() -> argparse.ArgumentParser:
    c = command(
        "python -m apps.profile",
        show,
        "Find where a training step of a model goes: the time of each kernel, and the calls that take longest.",
        "lenet5 --device cpu --seconds 3",
    )
    c.add_argument("model", metavar="MODEL", choices=MODELS, help=", ".join(MODELS))
    add_device(c)
    c.add_argument("--batch-size", type=positive, metavar="N", help="pictures a step (default: the model's own)")
    what = "side of a detector's pictures (default: the model's own)"
    c.add_argument("--size", type=positive, metavar="PIXELS", help=what)
    c.add_argument("--seconds", type=positive_float, metavar="S", default=1.0, help="how long to time (default: 1)")
    c.add_argument("--top", type=positive, metavar="N", default=40, help="calls to show (default: 40)")
    add_json(c)
    return c


def show(options) -> None:
    """Print a table of kernels, each with all of its calls, and one of the calls that take longest."""
    if options.size and options.model not in SIZED:
        raise CommandError(f"--size: {options.model} takes pictures of one size, unlike {', '.join(SIZED)}")
    result = profile(options.model, options.batch_size, options.size, options.device, options.seconds)
    whole, calls = result["step"]["median"], result["calls"]
    what = f"{result['model']}, batch {result['batch']}, {result['size']} pixels, on {result['device']}"
    print(f"a training step of {what}: {whole * 1e3:.2f} ms")
    print(table([("kernel", "calls", "median ms, summed", "share"), *kernel_lines(calls)], left=1))
    print()
    lines = call_lines(calls, options.top, whole)
    print(table([("layer", "kernel", "median ms", "10 % to 90 %", "share"), *lines], left=2))
    if "launched" in result:
        alone = result["launched"]["median"]
        print(f"launched one by one: {alone * 1e3:.2f} ms, of which launching {1 - whole / alone:.0%}")
    write_json(options.json, result)


def kernel_lines(calls: Iterable[dict]) -> list[tuple]:
    """Of each kernel: its calls, their times added up, and its share of all; the longest first."""
    times: dict[str, list[float]] = {}
    for call in calls:
        times.setdefault(kernel(call), []).append(call["median"])
    total = sum(map(sum, times.values()))
    longest = sorted(times.items(), key=lambda item: -sum(item[1]))
    return [(name, len(each), f"{sum(each) * 1e3:.3f}", f"{sum(each) / total:.1%}") for name, each in longest]


def call_lines(calls: list[dict], top: int, whole: float) -> list[tuple]:
    """Of the calls that take longest, in the order in which they run: layer, kernel and times; then sums.

    whole    seconds of the step
    """
    longest = sorted(calls, key=lambda call: -call["median"])[:top]
    shown = [call for call in calls if call in longest]
    total = sum(call["median"] for call in calls)
    rest = total - sum(call["median"] for call in shown)
    lines = [
        (
            call["layer"],
            f"{kernel(call)} {call['algorithm']}".rstrip(),
            f"{call['median'] * 1e3:.3f}",
            f"{call['fast'] * 1e3:.3f} to {call['slow'] * 1e3:.3f}",
            f"{call['median'] / total:.1%}",
        )
        for call in shown
    ]
    if shorter := len(calls) - len(shown):
        lines.append((f"{shorter} shorter calls", "", f"{rest * 1e3:.3f}", "", f"{rest / total:.1%}"))
    return [*lines, ("sum of the calls", "", f"{total * 1e3:.3f}", f"{total / whole:.0%} of the step", "100.0%")]


def kernel(call: dict) -> str:
    """As a user names it."""
    return f"{call['operation']}.{call['direction']}"


def profile(name: str, batch: int | None, size: int | None, device: str, seconds: float = 1.0) -> dict:
    """Where a training step of a model goes: see `framework.profile`. None stands for the model's own.

    size    side of the pictures in pixels, of the models in SIZED
    """
    if name in SIZED:
        model, inputs, options = _crowds(name, batch, size, device)
    else:
        model, inputs, options = _digits(name, batch, device)
    optimizer = Optimizer("sgd", momentum=0.9)
    with telling_of_compiling(model.device):
        program = model.training(len(inputs["image"]), optimizer, **options)
        optimizer.set_rate(0.01, 0)
        program(**inputs)
    facts = {
        "model": name,
        "batch": len(inputs["image"]),
        "size": inputs["image"].shape[-2],
        "device": program.device.name,
    }
    return facts | profile_program(program, seconds, **inputs)


def _digits(name: str, batch: int | None, device: str):
    """Random pictures and labels."""
    model, generator = Model(MODELS[name], device), np.random.default_rng(0)
    graph = MODELS[name](batch or DIGITS)
    image, target = (graph.values[value].shape for value in ("image", "target"))
    labels = generator.integers(0, target[1], target[0])
    inputs = {
        "image": generator.integers(0, 256, image, np.uint8),
        "target": np.eye(target[1], dtype=np.float32)[labels],
    }
    return model, inputs, {}


def _crowds(name: str, batch: int | None, size: int | None, device: str):
    """Crops of composed crowds: how long matching takes depends on how many faces there are."""
    chosen = recipe(name, batch=batch, sizes=None if size is None else (size,))
    inputs: dict[str, Any] = Crops(Crowds(chosen.batch, seed=0), chosen)(0)
    return chosen.make_model(device), inputs, {"size": inputs["image"].shape[1:3]}


if __name__ == "__main__":
    sys.exit(main())
