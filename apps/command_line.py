"""What the command lines of the apps share, beside what all command lines do: errors, devices, runs."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from itertools import chain
from itertools import count as counted
from pathlib import Path
from typing import TypeVar

from apps.errors import DataError
from framework import DeviceError, GraphError
from framework.checkpoint import CheckpointError
from framework.compiling import when_compiling
from framework.loading import WorkerError
from framework.parameters import ParameterError
from framework.program import NonFinite
from framework.recipe import SCHEDULES, Recipe, RecipeError
from framework.trainer import CHECKPOINT, Trainer
from kernels.commands import command_line
from kernels.commands.command_line import Errors, count, make_folder, note, positive, positive_float
from kernels.device import DEVICES, Device
from kernels.operation import unknown

ERRORS: Errors = (
    CheckpointError,
    DataError,
    DeviceError,
    GraphError,
    NonFinite,
    ParameterError,
    RecipeError,
    WorkerError,
)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """As kernels.commands.command_line.run, of a command that builds and runs networks."""
    return command_line.run(parser, arguments, ERRORS)


def add_device(c: argparse.ArgumentParser) -> None:
    c.add_argument("--device", choices=("auto", *DEVICES), default="auto", help="auto: cuda where found, else cpu")


def telling_of_compiling(device: Device) -> AbstractContextManager[None]:
    """Whoever sits at a terminal is told, once, where what is inside compiles kernels."""

    @cache
    def tell() -> None:
        if sys.stderr.isatty():
            note("compiling kernels, which takes a moment")

    return when_compiling(device, lambda what: tell())


def free_folder(parent: Path, name: str) -> Path:
    """The first of name-1, name-2 ... that does not exist yet."""
    return next(path for number in counted(1) if not (path := parent / f"{name}-{number}").exists())


def free_file(path: Path) -> Path:
    """The path, or the first of name-2, name-3 ..., that does not exist yet."""
    names = (path.with_stem(f"{path.stem}-{number}") for number in counted(2))
    return next(name for name in chain([path], names) if not name.exists())


# --- train: a recipe from options, a run that is new or resumed

R = TypeVar("R", bound=Recipe)

# Options whose names are not those of the fields of a recipe.
OPTIONS = {"batch": "--batch-size", "rate": "--learning-rate"}

# Beside a recipe, what only a new run can be given.
FOR_NEW_RUNS = ("backbone", "output")


def add_recipe(c: argparse.ArgumentParser, default: Recipe, models: Iterable[str], example: str) -> None:
    """Options for what all recipes have; what is not given is None. `example` is what a batch consists of."""

    def own(name: str) -> str:
        return f"(default: the model's own, {getattr(default, name)} for {default.model})"

    c.add_argument("--model", choices=models, help=f"which model (default: {default.model})")
    c.add_argument("--iterations", type=positive, metavar="STEPS", help=f"training steps {own('iterations')}")
    c.add_argument("--batch-size", dest="batch", type=positive, metavar="N", help=f"{example} a step {own('batch')}")
    what = f"learning rate at its highest {own('rate')}"
    c.add_argument("--learning-rate", dest="rate", type=positive_float, metavar="RATE", help=what)
    what = f"sgd has momentum {default.momentum} {own('optimizer')}"
    c.add_argument("--optimizer", choices=("sgd", "adam"), help=what)
    c.add_argument("--schedule", choices=SCHEDULES, help=f"how the rate falls {own('schedule')}")
    what = f"of weights and batches: same seed, same bits (default: {default.seed})"
    c.add_argument("--seed", type=count, metavar="N", help=what)


def add_run(c: argparse.ArgumentParser, evaluate_every: int) -> None:
    """Where a run is written, or found, and when it is looked at."""
    what = f"look at what is held out every so often, and at the end (default: {evaluate_every})"
    c.add_argument("--evaluate-every", type=positive, default=evaluate_every, metavar="STEPS", help=what)
    c.add_argument("--output", type=Path, metavar="FOLDER", help="of the run (default: a new one in runs/)")
    c.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder, as it was begun")


def choose_run(
    options: argparse.Namespace, app: str, default: R, recipe: Callable[..., R], models: Iterable[str]
) -> tuple[R, Path]:
    """How to train, and where: as the options say, or as the run that is resumed was begun.

    default   the recipe when no option is given
    recipe    (model, options) -> the model's recipe with these options

    Raises RecipeError for an option that cannot be given with --resume, CheckpointError for a run of another kind.
    """
    names = (field.name for field in dataclasses.fields(default))
    given = {name: value for name in names if (value := getattr(options, name, None)) is not None}
    if not options.resume:
        chosen = recipe(**{"model": default.model, **given})
        return chosen, options.output or free_folder(Path("runs"), f"{app}-{chosen.model}")
    for name in (*given, *(name for name in FOR_NEW_RUNS if getattr(options, name, None))):
        option = OPTIONS.get(name, f"--{name}")
        raise RecipeError(f"{option}: cannot be given with --resume, which goes on with a run as it was begun")
    chosen = type(default).of_run(options.resume / CHECKPOINT)
    if chosen.model not in models:
        raise CheckpointError(f"{options.resume / CHECKPOINT}: {unknown('model', chosen.model, models)}")
    return chosen, options.resume


def open_run(folder: Path, resume: bool) -> None:
    """Make the folder of a run, unless it is resumed. Raises CommandError, and CheckpointError for that of another."""
    if not resume and (folder / CHECKPOINT).exists():
        raise CheckpointError(f"--output: {folder} holds a run already; resume it or choose another folder")
    make_folder("--resume" if resume else "--output", folder)


def carry_out(run: Trainer, iterations: int, resume: bool) -> dict[str, float]:
    """Train up to the last step, in a new run or on from the checkpoint; returns what the last evaluation found.

    It is empty where no step was left. Raises CheckpointError, and KeyboardInterrupt that says how to go on.
    """
    if resume:
        run.resume()
        print(f"resumed at step {run.step}")
    try:
        return run.run(iterations)
    except KeyboardInterrupt:
        if not run.checkpoint_path.exists():
            raise
        raise KeyboardInterrupt(f"interrupted at step {run.step}; train --resume {run.folder} goes on") from None
