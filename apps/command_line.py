"""What the command lines of all apps have in common: types of arguments, options, errors in one line."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework import DeviceError, GraphError, checkpoint
from framework.checkpoint import CheckpointError
from framework.device import NAMES
from framework.loading import WorkerError
from framework.parameters import ParameterError
from framework.program import NonFinite

Errors = tuple[type[Exception], ...]

USER_ERRORS: Errors = (
    CheckpointError,
    DeviceError,
    GraphError,
    NonFinite,
    OSError,
    ParameterError,
    WorkerError,
)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str], errors: Errors = ()) -> int:
    """Run the command that the arguments name; returns the exit code.

    Errors a user can cause, `errors` of the app among them, are one line on standard error.
    """
    options = parser.parse_args(arguments)
    logging.getLogger("numba").setLevel(logging.WARNING)
    name = parser.prog.removeprefix("python -m ")
    try:
        options.run(options)
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = None
        return 1
    except USER_ERRORS + errors as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; `train --resume FOLDER` goes on from the checkpoint", file=sys.stderr)
        return 130
    return 0


class Commands:
    """The commands of an app, each with a description and an example."""

    def __init__(self, prog: str, description: str, example: str):
        self.parser = argparse.ArgumentParser(
            prog=prog, description=description, epilog=f"example: {prog} {example}".rstrip()
        )
        self._commands = self.parser.add_subparsers(metavar="COMMAND", required=True)

    def add(self, name: str, run, text: str, example: str) -> argparse.ArgumentParser:
        """A command that calls `run(options)`."""
        c = self._commands.add_parser(
            name, help=text, description=text, epilog=f"example: {self.parser.prog} {example}"
        )
        c.set_defaults(run=run)
        return c


def count(text: str) -> int:
    """A whole number of at least 0."""
    return 0 if text == "0" else positive(text)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


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
    c.add_argument("--device", choices=("auto", *NAMES), default="auto", help="auto: cuda where found, else cpu")


def add_json(c: argparse.ArgumentParser) -> None:
    c.add_argument("--json", type=Path, metavar="FILE", help="also write the result to this file")


def write_json(path: Path | None, result: Any) -> None:
    """Write what --json asks for, if it does."""
    if path:
        checkpoint.write_whole(path, (json.dumps(result, indent=2) + "\n").encode())


def free_folder(parent: Path, name: str) -> Path:
    """The first of name-1, name-2 ... that does not exist yet."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"
