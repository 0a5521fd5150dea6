"""Our own rungs, for a learner to compare theirs with: the launches of an operation of this project, rung by rung."""

from typing import Any

from kernels.device import launches
from kernels.gpu import Launch
from kernels.operation import find_operation


def rungs_of(operation: str, direction: str = "forward", part: str | None = None, **arguments: Any):
    """(name, launches) of each rung of an operation's ladder, on arrays and settings by name.

    part    of a direction that has several ladders, the one of this name

    An array that is not given is None, and a setting has its default.
    """
    found = find_operation(operation)
    ladder = getattr(found.implementation("cuda"), direction)
    chosen = ladder if part is None else next(each for each in ladder.parts if each.name == part)
    values = {**dict.fromkeys(found.arguments(direction)), **found.settings, **arguments}
    numbers = range(1, len(chosen) + 1)
    runs = {number: launches(found, direction, values, rung=number, part=part) for number in numbers}
    return [(f"{number} {named(run)}", run) for number, run in runs.items()]


def named(run: list[Launch]) -> str:
    """The kernels that launches are of, each once."""
    return " + ".join(dict.fromkeys(launch.kernel.name for launch in run))
