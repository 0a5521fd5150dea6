"""The course from the command line: python -m lessons"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from kernels.commands.command_line import (
    Commands,
    Errors,
    Parser,
    Run,
    add_json,
    count,
    late,
    output_file,
    run,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if find_spec("rich") is None:
        print("lessons: rich is not installed: pip install -e '.[learn]', or make learn", file=sys.stderr)
        return 1
    is_bare = not given or (given[0] == "--folder" and len(given) == 2)
    return run(parser(), [*given, "where"] if is_bare else given, errors)


def errors() -> Errors:
    """What learners can cause."""
    from lessons.answer import AnswerError  # here, as it loads Numba
    from lessons.exercise import CourseError

    return AnswerError, CourseError


def parser() -> argparse.ArgumentParser:
    do = partial(late, "lessons.commands")
    commands = Commands(
        "python -m lessons",
        "Learn to write CUDA kernels and the mathematics of a convolutional network, on any laptop. "
        "Without a command: where you are, and what is next.",
        "start",
        [_folder()],
    )
    commands.add("where", do("where"), "say where you are, and what is next", "where")
    commands.add("start", do("start"), "copy the exercises into a folder of yours; nothing is overwritten", "start")

    c = commands.add("show", do("show"), "print the page of an exercise", "show guard")
    _name(c)

    commands.add("next", do("go_on"), "go on to the next exercise that is not solved, and print its page", "next")

    c = commands.add("check", do("check"), "judge your answer; exit code 1 until it is solved", "check guard")
    _name(c)
    c.add_argument("--seed", type=count, metavar="N", help="of the cases (default: drawn anew each time)")
    add_json(c)

    c = commands.add("watch", do("watch"), "check the current exercise each time its file is saved", "watch")
    _name(c)

    c = commands.add("hint", do("hint"), "print a hint; asked again, the next of three", "hint")
    _name(c)

    c = commands.add("solution", do("solution"), "print the solution, explained; noted if you look early", "solution")
    _name(c)

    _more(commands, do)
    return commands.parser


def _more(commands: Commands, do: Callable[[str], Run]) -> None:
    """What one needs now and then."""
    c = commands.add("reset", do("reset"), "bring an exercise back; what you wrote is kept beside it", "reset guard")
    c.add_argument("name", metavar="NAME")

    c = commands.add("list", do("show_list"), "list all exercises, and which are solved", "list --json progress.json")
    add_json(c)

    commands.add("kinds", do("kinds"), "list the kinds of faults that a kernel may have", "kinds")

    c = commands.add(
        "ladder", do("ladder"), "where one is to climb: each rung of yours and of ours, counted", "ladder transpose"
    )
    _name(c)

    c = commands.add(
        "trace",
        do("trace"),
        "your kernel, step by step, as a page: of the smallest case on which it fails, if it does",
        "trace --html guard.html",
    )
    _name(c)
    c.add_argument("--html", type=output_file(".html"), metavar="FILE.html", required=True)
    c.add_argument("--seed", type=count, metavar="N", help="of the cases, as `check` prints it")

    c = commands.add("book", do("book"), "write the course and the documents as static pages", "book --to site")
    what = "the folder, which is made if it is not there (default: site)"
    c.add_argument("--to", type=Path, metavar="DIR", default=Path("site"), help=what)

    c = commands.add(
        "report", do("report"), "what you have done, as a page with your code", "report --html report.html"
    )
    c.add_argument("--html", type=output_file(".html"), metavar="FILE.html", required=True)


def _folder() -> Parser:
    c = Parser(add_help=False)
    what = "where your exercises are (default: my-lessons, or here if they are here)"
    c.add_argument("--folder", type=Path, metavar="DIR", default=argparse.SUPPRESS, help=what)
    return c


def _name(c):
    c.add_argument(
        "name", metavar="NAME", nargs="?", help="an exercise, by the name that `list` has (default: current)"
    )


if __name__ == "__main__":
    sys.exit(main())
