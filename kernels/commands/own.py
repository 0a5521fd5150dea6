"""How a user names kernels of their own, and on what to launch them: my.py:scale --grid 4 --block 256 --shape x=1024.

What stands after the colon is a kernel, which needs --grid, --block and --shape; or a launch, or a function that takes
nothing and returns launches, which need none of them.
"""

import argparse
import math
import shlex
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from kernels.bench.loading import FileError
from kernels.bench.memory import memory
from kernels.bench.program import Given, Program, array_arguments, make, program_of
from kernels.commands.command_line import CommandError
from kernels.commands.targets import GIB, sizes_of
from kernels.gpu import Kernel
from kernels.gpu.interpreter import KernelError
from kernels.operation import unknown

# So often check may hold an array: as it was, as drawn, as interpreted, and as expected twice, in float64.
COPIES = 16

DTYPES = ("float32", "float64", "bool", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)))


def is_own(text: str | None) -> bool:
    """Whether the text names something of a user's file, and no operation."""
    return text is not None and (":" in text or text.endswith(".py"))


def add_launch(c: argparse._ActionsContainer) -> None:
    what = "to launch a kernel of FILE.py with so many blocks; --shape gives its arguments, as x=1024 factor=0.5"
    c.add_argument("--grid", type=sizes, metavar="N[,N[,N]]", help=what)
    c.add_argument("--block", type=sizes, metavar="N[,N[,N]]", help="and with so many threads in each")


def refuse(options, *names: str) -> None:
    """Raises CommandError where an option is given to an operation that only a kernel of one's own takes."""
    for name in names:
        if getattr(options, name):
            raise CommandError(f"--{name}: is for a kernel of your own, as my.py:scale, and not for an operation")


def sizes(text: str) -> tuple[int, ...]:
    """For argparse: one to three whole numbers of at least 1."""
    with suppress(ValueError):
        if len(found := sizes_of(text)) <= 3:
            return found
    raise argparse.ArgumentTypeError(f"{text!r} is not one to three whole numbers of at least 1, as 4,2")


def own_program(options) -> Program:
    """What the options name. Raises CommandError."""
    launched = {"--grid": options.grid, "--block": options.block, "--shape": options.shape}
    try:
        found = program_of(options.ladder)
        if isinstance(found, Program):
            for option, value in launched.items():
                if value:
                    raise CommandError(f"{option}: {options.ladder} says itself what it launches")
            return found
        if missing := [option for option, value in launched.items() if not value]:
            need = ", ".join(found.source.arguments)
            raise CommandError(f"{options.ladder}: is a kernel: it needs {', '.join(missing)} ({need})")
        specialised, given = arguments(found, options.shape)
        return Program(options.ladder, [make(specialised, options.grid, options.block, given)])
    except (FileError, KernelError) as error:
        raise CommandError(str(error)) from error


def arguments(kernel: Kernel, words: Sequence[str]) -> tuple[Kernel, dict[str, Any]]:
    """What --shape gives to a kernel: the kernel with its compile-time parameters, and its arguments by name.

    x=32,8 is a float32 array where the kernel indexes x, x=int32:32,8 one of int32; n=5, n=int32:5 and factor=0.5 are
    numbers where it does not. Raises CommandError.
    """
    of_arrays = array_arguments(kernel.source)
    given: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        known = (*kernel.source.arguments, *kernel.source.constants)
        if not equals:
            raise CommandError(f"--shape: {word!r} is not NAME=VALUE")
        if name not in known:
            raise CommandError(f"--shape: {unknown('argument', name, known)}")
        if name in given or name in constants:
            raise CommandError(f"--shape: {name} is given twice")
        if name in kernel.source.constants:
            constants[name] = number(name, text)
        else:
            given[name] = array(name, text) if name in of_arrays else number(name, text)
    if missing := [name for name in kernel.source.arguments if name not in given]:
        example = " ".join(f"{name}={'1024' if name in of_arrays else '0.5'}" for name in missing)
        raise CommandError(f"--shape: {kernel.name} needs {', '.join(missing)}, as in {example}")
    refuse_too_large(kernel, given)
    return kernel(**constants), given


def refuse_too_large(kernel: Kernel, given: dict[str, Any]) -> None:
    """Raises CommandError for arrays that do not fit several times into memory: at the start, drawn, and compared."""
    arrays = [value for value in given.values() if isinstance(value, Given)]
    needed = sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays)
    if needed > memory() / COPIES:
        what = f"{needed / GIB:,.1f} GiB, and at most {memory() / COPIES / GIB:,.1f} GiB are allowed on this machine"
        raise CommandError(f"--shape: the arrays of {kernel.name} take {what}")


def array(name: str, text: str) -> Given:
    """An array that --shape describes: its sizes, after its type and a colon where that is not float32."""
    dtype, text = typed(text)
    try:
        return Given(sizes_of(text), dtype or "float32")
    except ValueError as error:
        raise CommandError(
            f"--shape: {name} is an array: {text!r} is not its sizes, as in {name}=32,8: {error}"
        ) from None


def number(name: str, text: str) -> Any:
    """A number that --shape gives: float32 where it has a point, an integer or a bool as Python has it otherwise."""
    dtype, text = typed(text)
    try:
        value: Any = {"True": True, "False": False}.get(text)
        if value is None:
            value = int(text) if text.removeprefix("-").isdecimal() else np.float32(text)
        return np.dtype(dtype).type(value) if dtype else value
    except (ValueError, OverflowError):
        kind = f"a number of {dtype}" if dtype else "a number"
        raise CommandError(f"--shape: {text!r} is not {kind}, as {name} is in the kernel") from None


def typed(text: str) -> tuple[str | None, str]:
    """The type before the colon, if there is one, and what follows."""
    dtype, colon, value = text.rpartition(":")
    if colon and dtype not in DTYPES:
        raise CommandError(f"--shape: {unknown('type', dtype, DTYPES)}")
    return dtype or None, value


def words(options) -> list[str]:
    """The arguments that name a program again."""
    found = [options.ladder]
    for name in ("grid", "block"):
        if value := getattr(options, name):
            found += [f"--{name}", ",".join(map(str, value))]
    if options.shape:
        found += ["--shape", *options.shape]
    return [shlex.quote(word) for word in found]
