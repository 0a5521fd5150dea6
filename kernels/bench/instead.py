"""A user's kernels in the place of an operation's: my/conv2d.py has `forward` and `backward`, as the cuda.py of conv2d.

The file is called as the operation, or so behind a number, as 01_conv2d.py. Each of the two is a ladder, or a function
of the arrays and settings that it takes, by their names, which returns launches. One that the file lacks stays ours.

On a GPU the kernels run as ours do. On the CPU they are emulated, as they are compiled, or where there is no compiler
interpreted; what runs on arrays of new sizes is checked at first, so that an index outside its array is an error, and
does not end the process.
"""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from kernels.bench.loading import FileError, load
from kernels.gpu import Ladder, Launch, rung
from kernels.gpu.compiler import compiler_problem
from kernels.gpu.ladder import Ladders
from kernels.operation import Operation, find_operation, put

NUMBERED = re.compile(r"^\d+_")


def put_instead(path: Path) -> Operation:
    """Put the kernels of a file in the place of an operation's, for all who find it by its name from now on.

    Raises FileError for a file that cannot be read or has none of the two, and UnknownOperation by the file's name.
    """
    operation = with_kernels(find_operation(NUMBERED.sub("", path.stem)), load(path), str(path))
    put(operation)
    return operation


def with_kernels(operation: Operation, module: ModuleType, said: str) -> Operation:
    """An operation with the kernels of a module, which is called `said`; the reference stays. Raises FileError."""
    ours = operation.implementation("cuda"), operation.implementation("cpu" if operation.has("cpu") else "reference")
    own = {d: ladder(d, getattr(module, d), said) for d in operation.directions if hasattr(module, d)}
    if not own:
        raise FileError(f"{said}: has no {' and no '.join(operation.directions)}")
    on_gpu = {d: own.get(d) or getattr(ours[0], d) for d in operation.directions}
    on_cpu = {d: Emulated(own[d]) if d in own else getattr(ours[1], d) for d in operation.directions}
    reference = operation.implementation("reference")
    modules = {"reference": reference, "cuda": SimpleNamespace(**on_gpu), "cpu": SimpleNamespace(**on_cpu)}
    return dataclasses.replace(operation, modules=modules)


def ladder(name: str, found: Any, said: str) -> Ladders:
    """What a file has under a name, as a ladder. Raises FileError."""
    if isinstance(found, Ladders):
        return found
    if not callable(found):
        raise FileError(f"{said}: {name} is no ladder, and no function that returns launches")
    return Ladder(name, rung(found))


class Emulated:
    """What a CPU calls: it runs launches as they are compiled, those on arrays of new sizes checked at first."""

    def __init__(self, launches: Callable[..., list[Launch]]):
        self.launches = launches
        self._checked: set[tuple] = set()

    def __call__(self, **arguments: Any) -> None:
        """Run them on arrays, with settings, all by name. Raises KernelError and CompileError."""
        key = tuple((n, v.shape if isinstance(v, np.ndarray) else v) for n, v in arguments.items())
        is_new = key not in self._checked
        for launch in self.launches(**arguments):
            if compiler_problem():
                launch.interpret(checked=is_new)
            else:
                launch.emulate(checked=is_new)
        self._checked.add(key)
