"""Kernels from the command line: python -m kernels"""

import argparse
import importlib
import logging
import pkgutil
import sys

from kernels import commands
from kernels.commands.common import CommandError
from kernels.gpu.report import ReportError
from kernels.operation import ShapeError

USER_ERRORS = (CommandError, OSError, ReportError, ShapeError)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    options = parser().parse_args(arguments)
    logging.getLogger("numba").setLevel(logging.WARNING)
    try:
        return options.run(options) or 0
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = None
        return 1
    except USER_ERRORS as error:
        print(f"kernels: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nkernels: interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m kernels",
        description="Take a kernel apart: what it is, whether it is right, how fast it is, and why. "
        "No command needs a GPU; with one, check runs on it and profile measures it.",
        epilog="example: python -m kernels show conv2d.forward --rung 2",
    )
    subparsers = p.add_subparsers(metavar="COMMAND", required=True)
    for found in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"kernels.commands.{found.name}")
        if hasattr(module, "add"):
            module.add(subparsers)
    return p


if __name__ == "__main__":
    sys.exit(main())
