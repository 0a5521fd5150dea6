"""Kernels from the command line: python -m kernels"""

import argparse
import os
import sys

from kernels.commands import COMMANDS
from kernels.commands.command_line import Commands, Errors, Parser, run
from kernels.debugging import VARIABLE
from kernels.modules import OperationError
from kernels.operations import add_folder


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. Errors a user can cause are one line on standard error."""
    return run(parser(), arguments, errors)


def errors() -> Errors:
    """What users can cause with kernels and devices."""
    from kernels.device import DeviceError  # here, because these load slowly, and who is helped needs none
    from kernels.gpu.compiler import CompileError
    from kernels.gpu.interpreter import KernelError
    from kernels.gpu.report import ReportError
    from kernels.operation import ShapeError

    return CompileError, DeviceError, KernelError, ReportError, ShapeError


def parser() -> argparse.ArgumentParser:
    """Of all commands."""
    found = Commands(
        "python -m kernels",
        "Take a kernel apart: what it is, whether it is right, how fast it is, and why. "
        "No command needs a GPU; with one, check runs on it and profile measures it.",
        "show conv2d.forward --rung 2",
        [everywhere()],
    )
    for name, (text, example) in COMMANDS.items():
        found.add_late(name, f"kernels.commands.{name}", text, example)
    return found.parser


def everywhere() -> Parser:
    """What all commands take."""
    c = Parser(add_help=False)
    what = "show where in this project an error comes from, as HANDWRITTEN_DEBUG=1 in the environment does"
    c.add_argument("--debug", action=Debug, nargs=0, default=argparse.SUPPRESS, help=what)
    what = "also find the operations in this folder, as others do that HANDWRITTEN_OPERATIONS names"
    c.add_argument("--operations", action=AddFolder, metavar="FOLDER", default=argparse.SUPPRESS, help=what)
    return c


class Debug(argparse.Action):
    """Asks for tracebacks, here and in processes that are started from here."""

    def __call__(self, parser, namespace, values, option=None):
        os.environ[VARIABLE] = "1"


class AddFolder(argparse.Action):
    """Takes in the operations of a folder, for whatever the command asks for."""

    def __call__(self, parser, namespace, folder, option=None):
        try:
            add_folder(folder)
        except OperationError as error:
            raise argparse.ArgumentError(self, str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
