"""How a user names a kernel, a rung and a case: conv2d.forward, --rung 2, --shape x=50,32,24,24 stride=2,2."""

import argparse
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.bench.memory import arrays_of, memory
from kernels.bench.trial import Trial
from kernels.commands.command_line import CommandError
from kernels.cpu import ladder as cpu
from kernels.gpu import Ladder, Launch
from kernels.gpu.occupancy import LIMITS
from kernels.modules import OperationError
from kernels.operation import Operation, UnknownOperation, all_operations, find_operation, left_out, unknown

GIB = 2**30
KNOWN_ARCHITECTURES = tuple(f"sm_{major}{minor}" for major, minor in LIMITS)


@dataclass(frozen=True)
class Target:
    """A direction of an operation: "conv2d.backward"; or where it has several ladders, one of them: "conv2d.dx"."""

    operation: Operation
    direction: str
    part: str | None = None

    def __str__(self):
        return f"{self.operation.name}.{self.name}"

    @property
    def name(self) -> str:
        """Its own, without the operation's."""
        return self.part or self.direction

    @property
    def ladders(self) -> list[Ladder]:
        """Of a direction all of its ladders, of a part the one; none of an operation without cuda.py."""
        if not self.operation.has("cuda"):
            return []
        whole = getattr(self.operation.implementation("cuda"), self.direction)
        return [ladder for ladder in whole.parts if self.part in (None, ladder.name)]

    @property
    def cpu_ladder(self) -> cpu.Ladder | None:
        """Of a whole direction, the ladder in cpu.py; None where that has one way to compute it, or is not there."""
        if self.part or not self.operation.has("cpu"):
            return None
        found = getattr(self.operation.implementation("cpu"), self.direction)
        return found if isinstance(found, cpu.Ladder) else None

    @property
    def rungs(self) -> range:
        """Numbers of the rungs, from 1."""
        return range(1, 1 + max((len(ladder) for ladder in self.ladders), default=0))

    @property
    def adds(self) -> list[str]:
        """Of a single ladder, what each rung adds: the first line of what it says of itself."""
        (ladder,) = self.ladders
        return [(inspect.getdoc(rung) or "").partition("\n")[0] for rung in ladder.rungs]

    def require_rung(self, rung: int | None) -> int:
        """The number of a rung, by default the highest. Raises CommandError."""
        if rung is None:
            return self.rungs[-1]
        if rung not in self.rungs:
            raise CommandError(f"{self}: {unknown('rung', rung, self.rungs)}")
        return rung

    def choose_rungs(self, text: str) -> list[int]:
        """The numbers of the rungs that "all", "last" or a number names. Raises CommandError."""
        if text == "all":
            return list(self.rungs)
        if text != "last" and not text.isdecimal():
            raise CommandError(f"{self}: {unknown('rung', text, (*self.rungs, 'all', 'last'))}")
        return [self.require_rung(None if text == "last" else int(text))]

    def choose_cpu_rungs(self, text: str) -> list[int | None]:
        """As choose_rungs, of the ladder in cpu.py; a name will do, too, and "last" is None: the highest that suits."""
        ladder = self.require_cpu_ladder()
        if text == "last":
            return [None]
        names = [name for each in ladder.rungs for name in (str(each.number), each.name)]
        if text not in ("all", *names):
            raise CommandError(f"{self}: {unknown('rung', text, (*names, 'all', 'last'))}")
        return [each.number for each in ladder.rungs if text in ("all", str(each.number), each.name)]

    def require_cpu_ladder(self) -> cpu.Ladder:
        """The ladder in cpu.py. Raises CommandError."""
        if (ladder := self.cpu_ladder) is None:
            raise CommandError(f"{self}: has no ladder for the CPU; choose from {', '.join(map(str, cpu_ladders()))}")
        return ladder

    def functions(self, rung: int) -> list[Callable]:
        """The functions that a rung calls: one for each ladder."""
        return [ladder.rungs[min(rung, len(ladder)) - 1] for ladder in self.ladders]

    def launches(self, trial: Trial, rung: int | None = None, tiny: bool = False) -> list[Launch]:
        """What a rung would launch on the arrays of a trial."""
        return trial.launches(self.direction, rung, tiny, self.part)


def operations() -> dict[str, Operation]:
    """Every operation that runs kernels: all but the views."""
    return {name: o for name, o in all_operations().items() if not o.view}


def all_ladders() -> list[Target]:
    """The ladders of every operation, each by itself. One whose cuda.py cannot be used is left out, with a warning."""
    found = []
    for operation in operations().values():
        try:
            found += single_ladders(operation)
        except OperationError as error:
            left_out(error)
    return found


def cpu_ladders() -> list[Target]:
    """Every direction that has a ladder in cpu.py. What cannot be used is left out, with a warning."""
    found = []
    for operation in operations().values():
        try:
            found += [t for direction in operation.directions if (t := Target(operation, direction)).cpu_ladder]
        except OperationError as error:
            left_out(error)
    return found


def find_cpu_ladders(text: str) -> list[Target]:
    """Those that "linear" or "linear.forward" names. Raises CommandError."""
    name, _, direction = text.partition(".")
    operation = require_operation(name)
    if direction and direction not in operation.directions:
        raise CommandError(f"{name}: {unknown('direction', direction, operation.directions)}")
    found = [Target(operation, each) for each in operation.directions if direction in ("", each)]
    for target in found[:1]:
        target.require_cpu_ladder()
    return [target for target in found if target.cpu_ladder]


def require_operation(name: str) -> Operation:
    """The operation of that name that runs kernels. Raises CommandError, and OperationError where it cannot be used."""
    try:
        operation = find_operation(name)
    except UnknownOperation:
        operation = None
    if operation is None or operation.view:
        raise CommandError(unknown("operation", name, operations()))
    return operation


def require_ladders(name: str) -> Operation:
    """The operation of that name, which has CUDA kernels. Raises CommandError, and OperationError where it has none."""
    operation = require_operation(name)
    operation.implementation("cuda")
    return operation


def targets(operation: Operation) -> dict[str, Target]:
    """What a user can name of an operation: "forward" and "backward", and where these have several ladders, each."""
    found = {}
    for direction in operation.directions:
        whole = Target(operation, direction)
        found[direction] = whole
        if len(whole.ladders) > 1:
            found |= {ladder.name: Target(operation, direction, ladder.name) for ladder in whole.ladders}
    return found


def single_ladders(operation: Operation) -> list[Target]:
    """The ladders of an operation, each by itself."""
    return [target for target in targets(operation).values() if len(target.ladders) == 1]


def find_target(text: str) -> Target:
    """The ladder that "conv2d.forward" or "conv2d.dx" names; "conv2d" alone means forward. Raises CommandError."""
    name, _, part = text.partition(".")
    found = targets(require_ladders(name))
    if (part or "forward") not in found:
        raise CommandError(f"{name}: {unknown('ladder', part, found)}")
    return found[part or "forward"]


def find_targets(text: str | None) -> list[Target]:
    """All ladders, each by itself: of everything, of an operation, or of what "conv2d.backward" names."""
    if text is None:
        return all_ladders()
    if "." not in text:
        return single_ladders(require_ladders(text))
    wanted = find_target(text)
    if len(wanted.ladders) == 1:
        return [wanted]
    return [t for t in single_ladders(wanted.operation) if t.direction == wanted.direction]


def architectures_of(text: str) -> list[str]:
    """For argparse: the architectures that "sm_80,sm_90" names."""
    for name in text.split(","):
        if name not in KNOWN_ARCHITECTURES:
            raise argparse.ArgumentTypeError(unknown("architecture", name, KNOWN_ARCHITECTURES))
    return text.split(",")


def case_of(operation: Operation, words: Sequence[str] | None) -> dict[str, Any]:
    """The case that --shape describes: ["x=50,32,24,24", "stride=2,2"]; the typical one where there are no words.

    Raises CommandError for unknown names and unreadable values. Whether these fit together, the operation itself says.
    """
    case: dict[str, Any] = {} if words else dict(operation.typical)
    for word in words or ():
        name, equals, text = word.partition("=")
        known = (*operation.inputs, *operation.settings)
        if not equals:
            raise CommandError(f"--shape: {word!r} is not NAME=VALUE")
        if name not in known:
            raise CommandError(f"--shape: {unknown('array or setting', name, known)}")
        if name in case:
            raise CommandError(f"--shape: {name} is given twice, as {text_of({name: case[name]})} and as {word}")
        like = operation.settings.get(name)
        try:
            case[name] = sizes_of(text) if name in operation.inputs else _setting(text, like)
        except ValueError as error:
            example = text_of({name: operation.typical.get(name, like)})
            raise CommandError(f"--shape: {text!r} is not a value for {name}, as in {example}: {error}") from None
    missing = [n for n in operation.inputs if n not in case and n not in operation.optional]
    if missing:
        example = f", as in {text_of(operation.typical)}" if operation.typical else ""
        raise CommandError(f"--shape: {operation.name} needs {', '.join(missing)}{example}")
    return case


def sizes_of(text: str) -> tuple[int, ...]:
    """The sizes of an array. Raises ValueError, which says what is allowed."""
    sizes = tuple(_whole(size) for size in text.split(","))
    if min(sizes) < 1:
        raise ValueError("sizes are at least 1")
    return sizes


def _setting(text: str, like):
    """A setting's value is written as its default is. Raises ValueError, which says what is allowed."""
    if isinstance(like, bool):
        if text not in ("True", "False"):
            raise ValueError("choose from True, False")
        return text == "True"
    if isinstance(like, tuple):
        return tuple(_setting(part, like[0] if like else 0) for part in text.split(","))
    if isinstance(like, int):
        return _whole(text)
    return _finite(text) if isinstance(like, float) else text


def _whole(text: str) -> int:
    """A number that the index arithmetic of a kernel can hold."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or abs(int(digits[:20])) >= 2**31:
        raise ValueError("whole numbers below 2**31, with commas between them where there are several")
    return int(text)


def _finite(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
    raise ValueError("finite numbers, with commas between them where there are several")


def text_of(case: Mapping[str, Any]) -> str:
    """A case as --shape takes it."""
    words = {n: ",".join(map(str, v)) if isinstance(v, tuple) else v for n, v in case.items() if v is not None}
    return " ".join(f"{n}={v}" for n, v in words.items())


def text_of_trial(trial: Trial) -> str:
    """The case of a trial as --shape takes it, with all settings."""
    return text_of({name: trial.shapes[name] for name in trial.operation.inputs} | trial.settings)


def trial_of(operation: Operation, case: dict[str, Any]) -> Trial:
    """Arrays of a case, with values as they stand in a network. Raises ShapeError, and CommandError for too many."""
    needed, there = arrays_of(operation, case), memory()
    if needed > there / 2:  # drawing values takes as much again
        sizes = f"{needed / GIB:,.1f} GiB, and at most half of the {there / GIB:,.1f} GiB of this machine is allowed"
        raise CommandError(f"--shape: {operation.name} with {text_of(case)} takes {sizes}")
    return Trial.of_shape(operation, case, np.random.default_rng(0))


def add_ladder(c: argparse.ArgumentParser) -> None:
    """For a command that looks at one ladder, or at the ladders of one direction."""
    c.add_argument("ladder", metavar="OPERATION[.LADDER]", help="as in add, which means add.forward, or conv2d.dx")


def add_shape(c: argparse.ArgumentParser) -> None:
    c.add_argument(
        "--shape",
        nargs="+",
        metavar="NAME=VALUE",
        help="arrays and settings, as in x=50,32,24,24 w=32,32,5,5 stride=2,2 (default: the operation's typical case)",
    )
