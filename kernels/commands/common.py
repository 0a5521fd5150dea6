"""What the commands have in common: how a user names a kernel and a case, and how results are written."""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernels.bench.trial import Trial
from kernels.gpu import Ladder, Launch
from kernels.gpu.occupancy import LIMITS
from kernels.operation import Operation, all_operations, unknown


class CommandError(ValueError):
    """Something a user asked for that there is not: one line that names it and says what there is."""


@dataclass(frozen=True)
class Target:
    """A direction of an operation: "conv2d.backward"; or where it has several ladders, one of them: "conv2d.dx"."""

    operation: Operation
    direction: str
    part: str | None = None

    def __str__(self):
        return f"{self.operation.name}.{self.part or self.direction}"

    @property
    def ladders(self) -> list[Ladder]:
        """Of a direction all of its ladders, of a part the one."""
        whole = getattr(self.operation.implementation("cuda"), self.direction)
        return [ladder for ladder in whole.parts if self.part in (None, ladder.name)]

    @property
    def rungs(self) -> range:
        """Numbers of the rungs, from 1."""
        return range(1, 1 + max(len(ladder) for ladder in self.ladders))

    def require_rung(self, rung: int | None) -> int:
        """The number of a rung, by default the highest. Raises CommandError."""
        if rung is None:
            return self.rungs[-1]
        if rung not in self.rungs:
            raise CommandError(f"rung: {self} has no rung {rung}; choose from 1 to {self.rungs[-1]}")
        return rung

    def functions(self, rung: int) -> list[Callable]:
        """The functions that a rung calls: one for each ladder."""
        return [ladder.rungs[min(rung, len(ladder)) - 1] for ladder in self.ladders]

    def launches(self, trial: Trial, rung: int | None = None, tiny: bool = False) -> list[Launch]:
        """What a rung would launch on the arrays of a trial."""
        return trial.launches(self.direction, rung, tiny, self.part)


def operations() -> dict[str, Operation]:
    """Every operation that runs kernels: all but the views."""
    return {name: o for name, o in all_operations().items() if not o.view}


def require_operation(name: str) -> Operation:
    """The operation of that name that runs kernels. Raises CommandError."""
    found = operations()
    if name not in found:
        raise CommandError(unknown("operation", name, found))
    return found[name]


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
    found = targets(require_operation(name))
    if (part or "forward") not in found:
        raise CommandError(f"{name}: {unknown('ladder', part, found)}")
    return found[part or "forward"]


def find_targets(text: str | None) -> list[Target]:
    """All ladders, each by itself: of everything, of an operation, or of what "conv2d.backward" names."""
    if text is None:
        return [target for operation in operations().values() for target in single_ladders(operation)]
    if "." not in text:
        return single_ladders(require_operation(text))
    wanted = find_target(text)
    if len(wanted.ladders) == 1:
        return [wanted]
    return [t for t in single_ladders(wanted.operation) if t.direction == wanted.direction]


def require_architectures(text: str) -> list[str]:
    """The architectures that "sm_80,sm_90" names. Raises CommandError."""
    known = [f"sm_{major}{minor}" for major, minor in LIMITS]
    for name in text.split(","):
        if name not in known:
            raise CommandError(unknown("architecture", name, known))
    return text.split(",")


def case_of(operation: Operation, words: Sequence[str] | None) -> dict[str, Any]:
    """The case that --shape describes: ["x=50,32,24,24", "stride=2,2"]; the typical one where there are no words.

    Raises CommandError for names and values that are none. Whether they fit together, the operation itself says.
    """
    case: dict[str, Any] = {}
    for word in words or text_of(operation.typical).split():
        name, equals, text = word.partition("=")
        known = (*operation.inputs, *operation.settings)
        if not equals or name not in known:
            raise CommandError(f"shape: {word!r} is not NAME=VALUE with NAME one of {', '.join(known)}")
        try:
            case[name] = _value(text, operation.settings.get(name, ()))
        except ValueError:
            raise CommandError(f"shape: {text!r} is no value for {name}, as in {_example(operation, name)}") from None
    missing = [n for n in operation.inputs if n not in case and n not in operation.optional]
    if missing:
        raise CommandError(f"shape: {operation.name} needs {', '.join(missing)}, as in {text_of(operation.typical)}")
    return case


def _value(text: str, like):
    """A setting's value is written as its default is."""
    if isinstance(like, bool):
        if text not in ("True", "False"):
            raise ValueError
        return text == "True"
    if isinstance(like, tuple):
        number = type(like[0]) if like else int
        return tuple(number(n) for n in text.split(","))
    return type(like)(text)


def _example(operation: Operation, name: str) -> str:
    return text_of({name: operation.typical.get(name, operation.settings.get(name))})


def text_of(case: Mapping[str, Any]) -> str:
    """A case as --shape takes it."""
    words = {n: ",".join(map(str, v)) if isinstance(v, tuple) else v for n, v in case.items() if v is not None}
    return " ".join(f"{n}={v}" for n, v in words.items())


def trial_of(operation: Operation, case: dict[str, Any], seed: int = 0) -> Trial:
    """Arrays of a case, with values as they stand in a network. Raises ShapeError."""
    return Trial.of_shape(operation, case, np.random.default_rng(seed))


def add_command(subparsers, name: str, run, text: str, example: str) -> argparse.ArgumentParser:
    """A command with its help, its example and --json."""
    example = f"example: python -m kernels {example}"
    c = subparsers.add_parser(name, help=text, description=text, epilog=example)
    c.add_argument("--json", type=Path, metavar="FILE", help="also write the result to this file")
    c.set_defaults(run=run)
    return c


def add_shape(c: argparse.ArgumentParser) -> None:
    c.add_argument(
        "--shape",
        nargs="+",
        metavar="NAME=VALUE",
        help="arrays and settings, as in x=50,32,24,24 w=32,32,5,5 stride=2,2 (default: as in cnn6, batch 50)",
    )


def write_json(options, result) -> None:
    """Write the result where --json says, whole or not at all."""
    if options.json:
        part = options.json.with_name(options.json.name + ".part")
        part.write_text(json.dumps(result, indent=2) + "\n")
        os.replace(part, options.json)


def table(rows: Sequence[Sequence[Any]], left: int = 1) -> str:
    """Rows of cells as text, the first being the heads: `left` columns of words, the others of numbers."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))]
    lines = []
    for row in texts:
        cells = [f"{c:<{w}}" if i < left else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def whole_number(text: str) -> int:
    """For argparse: a whole number of at least 0."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)
