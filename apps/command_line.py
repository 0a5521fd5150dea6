"""What the command lines of the apps share, beside what all command lines do: the framework's errors, devices, runs."""

import argparse
from collections.abc import Sequence
from itertools import chain
from itertools import count as counted
from pathlib import Path

from framework import DeviceError, GraphError
from framework.checkpoint import CheckpointError
from framework.loading import WorkerError
from framework.parameters import ParameterError
from framework.program import NonFinite
from framework.trainer import CHECKPOINT, Trainer
from kernels.commands import command_line
from kernels.commands.command_line import Errors, make_folder
from kernels.device import DEVICES

FRAMEWORK_ERRORS: Errors = (CheckpointError, DeviceError, GraphError, NonFinite, ParameterError, WorkerError)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None, errors: Errors = ()) -> int:
    """As kernels.commands.command_line.run, of a command that builds and runs networks."""
    return command_line.run(parser, arguments, FRAMEWORK_ERRORS + errors)


def add_device(c: argparse.ArgumentParser) -> None:
    c.add_argument("--device", choices=("auto", *DEVICES), default="auto", help="auto: cuda where found, else cpu")


def free_folder(parent: Path, name: str) -> Path:
    """The first of name-1, name-2 ... that does not exist yet."""
    return next(path for number in counted(1) if not (path := parent / f"{name}-{number}").exists())


def free_file(path: Path) -> Path:
    """The path, or the first of name-2, name-3 ..., that does not exist yet."""
    names = (path.with_stem(f"{path.stem}-{number}") for number in counted(2))
    return next(name for name in chain([path], names) if not name.exists())


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
