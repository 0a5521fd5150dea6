"""What the command lines of the apps share, beside what all command lines do: errors, devices, runs."""

import argparse
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import chain
from itertools import count as counted
from pathlib import Path
from typing import TypeVar

from apps.errors import DataError
from apps.together import together
from framework import DeviceError, GraphError, Model
from framework.checkpoint import CheckpointError
from framework.compiling import when_compiling
from framework.interval import Interval
from framework.loading import WorkerError
from framework.mpi import find_ranks
from framework.parameters import ParameterError
from framework.program import NonFinite
from framework.ranks import Ranks, RanksError
from framework.recipe import SCHEDULES, Recipe, RecipeError
from framework.run_folder import FolderError, locked, new_folder
from framework.run_state import RunState
from framework.trainer import CHECKPOINT, Trainer
from kernels.commands import command_line
from kernels.commands.command_line import Errors, Run, count, fraction, make_folder, note, positive, positive_float
from kernels.device import DEVICES, Device
from kernels.interrupts import Interrupt
from kernels.operation import unknown

ERRORS: Errors = (
    CheckpointError,
    DataError,
    DeviceError,
    FolderError,
    GraphError,
    NonFinite,
    ParameterError,
    RanksError,
    RecipeError,
    WorkerError,
)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """As kernels.commands.command_line.run, of a command that builds and runs networks.

    `options.ranks` says who works on it together, where a launcher started several ranks.
    """
    try:
        ranks = find_ranks()
    except RanksError as error:
        print(f"{command_line.called(parser.prog)}: {error}", file=sys.stderr)
        return 1
    parser.set_defaults(ranks=ranks)
    if ranks.size == 1:
        return command_line.run(parser, arguments, errors)
    return together(ranks, lambda tell: command_line.run(parser, arguments, errors, tell))


def errors() -> Errors:
    """What users can cause, those with kernels of their own among them."""
    from kernels.bench.loading import FileError  # here, because these load Numba, and who is helped needs none
    from kernels.gpu.compiler import CompileError
    from kernels.gpu.interpreter import KernelError

    return *ERRORS, CompileError, FileError, KernelError


def say_run(ranks: Ranks, data: str, model: Model, recipe: Recipe, memory: str, folder: Path) -> None:
    """Print what learns what, how, where it is written, and which process is which rank, where there are several."""
    print(f"data    {data}")
    print(f"model   {model.name}, {model.parameters.count:,} parameters, on {model.device}")
    print(f"recipe  {recipe}")
    if ranks.size > 1:
        print(f"ranks   {ranks.who()}")
    print(f"memory  {memory}")
    print(f"output  {folder}")


def on_first(run: Run) -> Run:
    """Of a command that ranks do not share: the first does it."""
    return lambda options: run(options) if options.ranks.first else 0


def add_device(c: argparse.ArgumentParser) -> None:
    c.add_argument("--device", choices=("auto", *DEVICES), default="auto", help="auto: cuda where found, else cpu")


def telling_of_compiling(device: Device) -> AbstractContextManager[None]:
    """Whoever sits at a terminal is told, once, where what is inside compiles kernels."""

    @cache
    def tell() -> None:
        if sys.stderr.isatty():
            note("compiling kernels, which takes a moment")

    return when_compiling(device, lambda what: tell())


def free_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """For each name its file in the folder, or the first of name-2, name-3 ..., that is neither there nor another's."""
    found: dict[Path, None] = {}
    for name in names:
        path = folder / name
        numbered = (path.with_stem(f"{path.stem}-{number}") for number in counted(2))
        found[next(free for free in chain([path], numbered) if free not in found and not free.exists())] = None
    return list(found)


# --- train: a recipe from options, a run that is new or resumed

R = TypeVar("R", bound=Recipe)

# Options whose names are not those of the fields of a recipe.
OPTIONS = {"batch": "--batch-size", "rate": "--learning-rate"}

# Beside a recipe, what only a new run can be given.
FOR_NEW_RUNS = ("backbone", "start", "output")

# What a run remembers, so that it goes on as it was begun where nothing else is asked for.
REMEMBERED = ("data", "validation", "device", "workers", "evaluate_every", "checkpoint_every", "bucket", "own")


def add_recipe(c: argparse.ArgumentParser, default: Recipe, models: Iterable[str], example: str) -> None:
    """Options for what all recipes have; what is not given is None. `example` is what a batch consists of."""

    def own(name: str) -> str:
        return f"(default: the model's own, {getattr(default, name)} for {default.model})"

    c.add_argument("--model", choices=models, help=f"which model (default: {default.model})")
    longer = "with --resume more than before, to go on at the rates that so long a run has from there on"
    what = f"training steps {own('iterations')}; {longer}"
    c.add_argument("--iterations", type=positive, metavar="STEPS", help=what)
    c.add_argument("--batch-size", dest="batch", type=positive, metavar="N", help=f"{example} a step {own('batch')}")
    what = f"learning rate at its highest {own('rate')}"
    c.add_argument("--learning-rate", dest="rate", type=positive_float, metavar="RATE", help=what)
    what = f"sgd has momentum {default.momentum} {own('optimizer')}"
    c.add_argument("--optimizer", choices=("sgd", "adam"), help=what)
    c.add_argument("--schedule", choices=SCHEDULES, help=f"how the rate falls {own('schedule')}")
    what = "leave moving averages of the weights, which keep so much of themselves a step, as 0.999; 0 for none"
    c.add_argument("--average", type=fraction, metavar="DECAY", help=f"{what} {own('average')}")
    what = f"of weights and batches: same seed, same bits (default: {default.seed})"
    c.add_argument("--seed", type=count, metavar="N", help=what)


def add_run(c: argparse.ArgumentParser, evaluate_every: int) -> None:
    """Where a run is written, or found, and when it is looked at and kept. It comes after all that a run remembers."""
    what = f"look at what is held out every so often, and at the end (default: {evaluate_every})"
    c.add_argument("--evaluate-every", type=positive, default=evaluate_every, metavar="STEPS", help=what)
    what = "write a checkpoint every so many steps, or minutes as in 10m, and at the end (default: 500)"
    c.add_argument("--checkpoint-every", type=interval, default="500", metavar="STEPS|MINUTESm", help=what)
    what = "of ranks that mpirun started: add gradients up in parts of at least so many, as soon as they are there"
    c.add_argument("--bucket", type=positive, metavar="NUMBERS", help=f"{what} (default: all in the end)")
    c.add_argument("--output", type=Path, metavar="FOLDER", help="of the run (default: a new one in runs/)")
    what = "go on with the run in this folder, as it was begun but for what is given here"
    c.add_argument("--resume", type=Path, metavar="FOLDER", help=what)
    usual = {name: value for name in REMEMBERED if (value := c.get_default(name)) is not None}
    c.set_defaults(usual=usual, **dict.fromkeys(usual))  # so that what is given can be told from what is not


def own_file(text: str) -> str:
    """For argparse: a file that is there, by a name under which it is found from anywhere."""
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no file")
    return os.path.abspath(text)


def take_own_kernels(options: argparse.Namespace) -> None:
    """Put kernels of the user's in the place of ours, and say so. Raises FileError and UnknownOperation."""
    from kernels.bench.instead import put_instead  # here, as it loads Numba

    for file in options.own or ():
        operation = put_instead(Path(file))
        if options.ranks.first:
            print(f"with    {file} in the place of {operation.name}")


def interval(text: str) -> str:
    """For argparse: text of which an Interval can be made."""
    try:
        Interval(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def choose_run(options: argparse.Namespace, default: R, recipe: Callable[..., R], models: Iterable[str]) -> R:
    """As `_choose_run` on the first rank, which tells all others."""
    ranks, chosen = options.ranks, None
    if ranks.first:
        chosen = _choose_run(options, default, recipe, models)
    if ranks.size == 1 and chosen:
        return chosen
    found, remembered = ranks.broadcast(chosen and (dataclasses.asdict(chosen), remembered_of(options)))
    _fill(options, remembered)
    return type(default).of_settings(found)


def remembered_of(options: argparse.Namespace) -> dict:
    """Those of the options that a run remembers."""
    return {name: value for name in REMEMBERED if (value := getattr(options, name, None)) is not None}


def _choose_run(options: argparse.Namespace, default: R, recipe: Callable[..., R], models: Iterable[str]) -> R:
    """How to train: as the options say, or as the run that is resumed was begun. What it remembers is put into options.

    default   the recipe when no option is given
    recipe    (model, options) -> the model's recipe with these options

    Raises RecipeError for an option that cannot be given with --resume, CheckpointError for a run of another kind, and
    FolderError for one that is going on.
    """
    names = (field.name for field in dataclasses.fields(default))
    given = {name: value for name in names if (value := getattr(options, name, None)) is not None}
    if not options.resume:
        _fill(options, options.usual)
        return recipe(**{"model": default.model, **given})
    longer = given.pop("iterations", None)
    for name in (*given, *(name for name in FOR_NEW_RUNS if getattr(options, name, None))):
        option = OPTIONS.get(name, f"--{name}")
        raise RecipeError(f"{option}: cannot be given with --resume, which goes on with a run as it was begun")
    path = options.resume / CHECKPOINT
    with locked(options.resume):
        chosen = type(default).of_run(path)
        _fill(options, options.usual | RunState.read(path).choices)
    if chosen.model not in models:
        raise CheckpointError(f"{path}: {unknown('model', chosen.model, models)}")
    if longer is None:
        return chosen
    if longer < chosen.iterations:
        expected = f"at least the {chosen.iterations} of the run expected"
        raise RecipeError(f"--iterations: {longer} found with --resume, {expected}")
    return dataclasses.replace(chosen, iterations=longer)


def _fill(options: argparse.Namespace, values: dict) -> None:
    """Give the options that were not given these values."""
    for name in REMEMBERED:
        if getattr(options, name, None) is None and name in values:
            setattr(options, name, values[name])


@contextmanager
def open_run(options: argparse.Namespace, name: str) -> Iterator[Path]:
    """The folder of the run, made unless it is resumed, and locked until the context ends; `name` is for a new one.

    The first rank makes and locks it for all. Raises CommandError, FolderError where another run has it, and
    CheckpointError where it holds one that has ended.
    """
    ranks: Ranks = options.ranks
    if not ranks.first:
        yield Path(ranks.broadcast(None))
        return
    folder = options.resume or options.output
    if folder is None:
        make_folder("--output", Path("runs"))
        folder = new_folder(Path("runs"), name)
    make_folder("--resume" if options.resume else "--output", folder)
    with locked(folder):
        if not options.resume and (folder / CHECKPOINT).exists():
            raise CheckpointError(f"--output: {folder} holds a run already; resume it or choose another folder")
        ranks.broadcast(str(folder))
        yield folder


def carry_out(run: Trainer, iterations: int, options: argparse.Namespace) -> dict[str, float]:
    """Train up to the last step, in a new run or on from the checkpoint; returns what the last evaluation found.

    It is empty where no step was left. Raises CheckpointError, and Interrupt that says how to go on.
    """
    run.choices, run.bucket = remembered_of(options), options.bucket
    run.checkpoint_every = Interval(options.checkpoint_every)
    if options.resume:
        run.resume()
        print(f"resumed at step {run.step}")
    try:
        return run.run(iterations)
    except Interrupt as stop:
        if not run.checkpoint_path.exists():
            raise
        command = f"{options.prog} --resume {shlex.quote(str(run.folder))}"
        said = f"interrupted at step {run.step}; go on with: {command}"
        raise Interrupt(stop.number, said, stop.everywhere) from None
