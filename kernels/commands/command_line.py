"""What all command lines have in common, of kernels, apps, benchmarks and figures: arguments, one-line errors, --json.

A program of one command is a parser made by `command`; one of several is `Commands`. Either is carried out by `run`:

    def main(arguments: list[str] | None = None) -> int:
        return run(parser(), arguments)
"""

import argparse
import importlib
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kernels.debugging import is_debugging
from kernels.files import write_whole
from kernels.interrupts import Interrupt, answered, interrupt
from kernels.modules import OperationError
from kernels.operation import unknown

Errors = tuple[type[Exception], ...]
Late = Callable[[], Errors]
Run = Callable[[argparse.Namespace], int | None]
Tell = Callable[[BaseException, str], None]


class CommandError(ValueError):
    """What a user asked for and cannot have: one line that names it and says what is allowed."""


# A bar on standard error while something takes its time: seen on a terminal only, and gone when that is done.
progress = partial(tqdm, disable=None, leave=False, dynamic_ncols=True)

USER_ERRORS: Errors = (CommandError, MemoryError, OSError, OperationError)


def on_standard_error(error: BaseException, line: str) -> None:
    """How a user is told of an error, or of an interrupt."""
    print(line, file=sys.stderr)


def run(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None = None,
    errors: Errors | Late = (),
    tell: Tell = on_standard_error,
) -> int:
    """Run the command that the arguments name, by default those of the process; returns the exit code.

    It is 0 unless the command gives another, 1 after an error, and after an interrupt 130; after SIGTERM or SIGHUP,
    which are answered alike, 143 or 129. Errors a user can cause, the program's own `errors` among them, are one line
    on standard error, and so are warnings; the traceback is above it where HANDWRITTEN_DEBUG asks for it. Arguments
    that cannot be are one line too, and leave with code 2 by SystemExit.

    errors    or a function that is asked for them where there is an error, as some stand in modules that load slowly
    tell      what becomes of an error and its line
    """
    options = parser.parse_args(arguments)
    logging.getLogger("numba").setLevel(logging.WARNING)
    try:
        with answered(interrupt), warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: note(str(message))
            code = options.run(options) or 0
            sys.stdout.flush()
            return code
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes when it ends
        return 1
    except Exception as error:
        if not isinstance(error, USER_ERRORS + (errors() if callable(errors) else errors)):
            raise
        if is_debugging():
            traceback.print_exc()
        tell(error, f"{called(options.prog)}: {one_line(error)}")
        return 1
    except KeyboardInterrupt as stop:
        after = "\n" if sys.stderr.isatty() else ""  # the ^C that a terminal shows
        tell(stop, f"{after}{called(options.prog)}: {str(stop) or 'interrupted'}")
        return stop.status if isinstance(stop, Interrupt) else 130


def one_line(error: Exception) -> str:
    """What an error says, without a number that only the operating system knows."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def note(text: str) -> None:
    """What a user should know, beside the result."""
    print(f"note    {text}", file=sys.stderr)


def called(prog: str) -> str:
    """How errors call a program or a command of it: benchmarks.overfit, or kernels check."""
    return prog.removeprefix("python -m ")


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments.

    fill    adds what only those need to wait for who ask for this parser
    """

    def __init__(self, *arguments, fill: Callable[["Parser"], None] | None = None, **named):
        super().__init__(*arguments, **named)
        self._fill = fill

    def parse_known_args(self, args=None, namespace=None):
        """argparse's own method, by which it hands a command the arguments that are its own."""
        if self._fill:
            fill, self._fill = self._fill, None
            fill(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str):
        """One line, also of words in which there are control characters."""
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
        self.exit(2, f"{called(self.prog)}: {shown}\n")

    def _check_value(self, action, value):
        """argparse's own method, which says it otherwise than all else here."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(None, unknown(action.dest, value, action.choices))


class Version(argparse.Action):
    """Prints name and version, which are looked up when they are asked for."""

    def __call__(self, parser, namespace, values, option=None):
        from kernels.version import NAME, version  # here, because it loads slowly and is seldom needed

        print(NAME, version())
        parser.exit()


def command(prog: str, run: Run, text: str, example: str = "") -> Parser:
    """A program that is one command and calls `run(options)`, with what its help says and an example of arguments."""
    return _runs(run, Parser(prog=prog, description=text, epilog=f"example: {prog} {example}".rstrip()))


class Commands:
    """A program of several commands, each with what its help says and an example.

    options    parsers whose options may stand before or after the name of any command
    """

    def __init__(self, prog: str, text: str, example: str, options: Sequence[Parser] = ()):
        self._options = options
        epilog = f"example: {prog} {example}".rstrip()
        self.parser = Parser(prog=prog, description=text, epilog=epilog, parents=options)
        self._commands = self.parser.add_subparsers(metavar="COMMAND", dest="command", required=True)

        self.parser.add_argument("--version", action=Version, nargs=0, help="show the version and exit")

    def add(self, name: str, run: Run, text: str, example: str) -> argparse.ArgumentParser:
        """A command that calls `run(options)`."""
        return _runs(run, self._add(name, text, example))

    def add_late(self, name: str, module: str, text: str, example: str) -> None:
        """A command that calls `run(options)` of a module, which is imported when the command is asked for.

        It then has its options from the module's `add(parser)`.
        """

        def fill(parser: Parser) -> None:
            found = importlib.import_module(module)
            found.add(_runs(found.run, parser))

        self._add(name, text, example, fill=fill)

    def _add(self, name: str, text: str, example: str, **more) -> Parser:
        example = f"example: {self.parser.prog} {example}"
        parents = self._options
        return self._commands.add_parser(name, help=text, description=text, epilog=example, parents=parents, **more)


def late(module: str, name: str) -> Run:
    """The function `name(options)` of a module, which is imported when it is called, as whoever asks for help is not
    to wait for it.
    """
    return lambda options: getattr(importlib.import_module(module), name)(options)


def _runs(run: Run, parser: Parser) -> Parser:
    parser.set_defaults(run=run, prog=parser.prog)
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """For argparse: a whole number, not below the least."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


count, positive = at_least(0), at_least(1)


def positive_float(text: str) -> float:
    """For argparse: a number above 0."""
    value = _float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def fraction(text: str) -> float:
    """For argparse: a number from 0 to 1."""
    value = _float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def add_json(c: argparse.ArgumentParser, text: str = "also write the result to this file") -> None:
    c.add_argument("--json", type=json_file, metavar="FILE", help=text)


def output_file(*suffixes: str) -> Callable[[str], Path]:
    """For argparse: the name of a file to be written, in a folder that is there, so that no work is lost in the end."""

    def file(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes or os.path.isdir(path):
            raise argparse.ArgumentTypeError(f"{text!r} is not the name of a file that ends in {' or '.join(suffixes)}")
        if not os.path.isdir(path.parent):
            raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise argparse.ArgumentTypeError(f"{text!r}: nothing can be written in {path.parent}")
        return path

    return file


json_file, picture_file = output_file(".json", ".jsonl"), output_file(".png")


def write_json(path: Path | None, result: Any) -> None:
    """Write what --json asks for, if it does. What is no number of JSON's, NaN or infinite, is null."""
    if path:
        result = json.loads(json.dumps(result), parse_constant=lambda _: None)
        write_whole(path, (json.dumps(result, indent=2) + "\n").encode())


def make_folder(option: str, folder: Path) -> None:
    """Make the folder if it is not there. Raises CommandError, before any work is done that could not be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{option}: {folder} cannot be made a folder ({error.strerror})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"{option}: nothing can be written in {folder}")
