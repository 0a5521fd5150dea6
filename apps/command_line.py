"""What the command lines of all apps have in common: types of arguments, options, errors in one line."""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import chain
from itertools import count as counted
from pathlib import Path
from typing import Any

from framework import DeviceError, GraphError, checkpoint
from framework.checkpoint import CheckpointError
from framework.loading import WorkerError
from framework.parameters import ParameterError
from framework.program import NonFinite
from framework.trainer import CHECKPOINT, Trainer
from kernels.device import DEVICES

Errors = tuple[type[Exception], ...]


class OutputError(ValueError):
    """A place where nothing can be written: one line that names the option."""


USER_ERRORS: Errors = (
    CheckpointError,
    DeviceError,
    GraphError,
    MemoryError,
    NonFinite,
    OSError,
    OutputError,
    ParameterError,
    WorkerError,
)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str], errors: Errors = ()) -> int:
    """Run the command that the arguments name; returns the exit code, which is 0 unless the command gives another.

    Errors a user can cause, `errors` of the app among them, are one line on standard error, and so are warnings.
    """
    options = parser.parse_args(arguments)
    logging.getLogger("numba").setLevel(logging.WARNING)
    name = called(parser)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: note(str(message))
            if getattr(options, "json", None):
                make_folder("--json", options.json.parent)
            return options.run(options) or 0
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = None
        return 1
    except USER_ERRORS + errors as error:
        print(f"{name}: {one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        after = "\n" if sys.stderr.isatty() else ""  # the ^C that a terminal shows
        print(f"{after}{name}: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130


def one_line(error: Exception) -> str:
    """What an error says, without a number that only the operating system knows."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def note(text: str) -> None:
    """What a user should know, beside the result."""
    print(f"note    {text}", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str):
        self.exit(2, f"{called(self)}: {message}\n")


def called(parser: argparse.ArgumentParser) -> str:
    """apps.faces, or apps.faces train"""
    return parser.prog.removeprefix("python -m ")


class Commands:
    """The commands of an app, each with a description and an example."""

    def __init__(self, prog: str, description: str, example: str):
        self.parser = Parser(prog=prog, description=description, epilog=f"example: {prog} {example}".rstrip())
        self._commands = self.parser.add_subparsers(metavar="COMMAND", required=True)

    def add(self, name: str, run, text: str, example: str) -> argparse.ArgumentParser:
        """A command that calls `run(options)`."""
        c = self._commands.add_parser(
            name, help=text, description=text, epilog=f"example: {self.parser.prog} {example}"
        )
        c.set_defaults(run=run)
        return c


def at_least(least: int) -> Callable[[str], int]:
    """A whole number, not below the least."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


count, positive = at_least(0), at_least(1)


def positive_float(text: str) -> float:
    """A number above 0."""
    value = _float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = _float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def add_device(c: argparse.ArgumentParser) -> None:
    c.add_argument("--device", choices=("auto", *DEVICES), default="auto", help="auto: cuda where found, else cpu")


def json_file(text: str) -> Path:
    """The name of a file, which no picture has, nor a device."""
    path = Path(text)
    if path.suffix.lower() not in (".json", ".jsonl") or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a file that ends in .json or .jsonl")
    return path


def add_json(c: argparse.ArgumentParser, text: str = "also write the result to this file") -> None:
    c.add_argument("--json", type=json_file, metavar="FILE", help=text)


def write_json(path: Path | None, result: Any) -> None:
    """Write what --json asks for, if it does. What could not be measured, NaN in Python, is null."""
    if path:
        result = json.loads(json.dumps(result), parse_constant=lambda _: None)
        checkpoint.write_whole(path, (json.dumps(result, indent=2) + "\n").encode())


def make_folder(option: str, folder: Path) -> None:
    """Make the folder if it is not there. Raises OutputError, before any work is done that could not be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{option}: {folder} cannot be made a folder ({error.strerror})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{option}: nothing can be written in {folder}")


def free_folder(parent: Path, name: str) -> Path:
    """The first of name-1, name-2 ... that does not exist yet."""
    return next(path for number in counted(1) if not (path := parent / f"{name}-{number}").exists())


def free_file(path: Path) -> Path:
    """The path, or the first of name-2, name-3 ..., that does not exist yet."""
    names = (path.with_stem(f"{path.stem}-{number}") for number in counted(2))
    return next(name for name in chain([path], names) if not name.exists())


def open_run(folder: Path, resume: bool) -> None:
    """Make the folder of a run, unless it is resumed. Raises OutputError, and CheckpointError for that of another."""
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
