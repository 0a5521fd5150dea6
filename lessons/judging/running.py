"""A learner's kernels run on one case: interpreted and checked, into arrays in which nothing right can stand before."""

import linecache
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu import Launch
from kernels.gpu.compiler import CompileError, NoCompiler
from kernels.gpu.interpreter import KernelError
from kernels.gpu.source import SourceError
from lessons.answer import Answer, AnswerError
from lessons.judging.comparing import Difference, array_text, difference, number, poison
from lessons.judging.draw import Draw
from lessons.judging.verdict import Failure

Values = dict[str, Any]
ARCHITECTURE = "sm_90"


@dataclass
class Case:
    """What goes in, by name, and what must come out. A name in both is an array that is changed in place."""

    inputs: Values
    expected: dict[str, np.ndarray]

    @property
    def size(self) -> int:
        """Elements of all arrays."""
        return sum(np.size(value) for value in (*self.inputs.values(), *self.expected.values()))

    def rows(self) -> list[tuple[str, str]]:
        """The inputs as text."""
        found = []
        for name, value in self.inputs.items():
            shape = f" of {tuple(value.shape)}" if isinstance(value, np.ndarray) else ""
            found.append((f"{name}{shape}", array_text(value) if isinstance(value, np.ndarray) else str(value)))
        return found


@dataclass(frozen=True)
class Rules:
    """What every case of an exercise has: how one is drawn, what must come of it, and how exactly."""

    case: Callable[[Draw], Values]
    expected: Callable[..., Mapping[str, Any]]
    tolerance: float = 1e-5

    def draw(self, seed: int, extreme: str = "") -> Case:
        draw = Draw(np.random.default_rng(seed), extreme)
        return self.of(self.case(draw))

    def of(self, inputs: Values) -> Case:
        """The case of given inputs: what must come of them is computed in float64."""
        wide = {name: widened(value) for name, value in inputs.items()}
        with np.errstate(all="ignore"):
            expected = self.expected(**wide)
        return Case(inputs, {name: np.asarray(value) for name, value in expected.items()})


def widened(value):
    """A copy, in float64 if it is of floats."""
    if not isinstance(value, np.ndarray):
        return value
    return value.astype(np.float64) if value.dtype.kind == "f" else value.copy()


@dataclass
class Run:
    """Launches on arrays by name, ready to be run."""

    launches: list[Launch]
    arrays: Values


def prepare(answer: Answer, function: str, case: Case) -> Run:
    """Ask the answer what it launches. Raises Failure.

    What is only read is read-only. What is to be written is poisoned after the answer's own Python has had it, and so
    is whatever else it launches kernels on: only what kernels write can be right.
    """
    arrays: Values = {}
    for name, value in case.inputs.items():
        arrays[name] = value.copy() if isinstance(value, np.ndarray) else value
        if isinstance(value, np.ndarray) and name not in case.expected:
            arrays[name].flags.writeable = False
    for name, wanted in case.expected.items():
        if name not in arrays:
            dtype = np.dtype(np.float32) if wanted.dtype.kind == "f" else wanted.dtype
            arrays[name] = np.full(wanted.shape, poison(dtype), dtype)
    try:
        launches = answer.launches(function, arrays)
    except AnswerError as error:
        raise Failure(error.problem, source_rows(answer.file, error.line), ("answer", error.problem)) from error
    known = [value for value in arrays.values() if isinstance(value, np.ndarray)]
    refuse_foreign(launches, answer, function)
    for launch in launches:
        for argument in launch.args:
            if isinstance(argument, np.ndarray) and not any(np.shares_memory(argument, array) for array in known):
                argument[...] = poison(argument.dtype)
    for name, wanted in case.expected.items():
        arrays[name][...] = case.inputs[name] if name in case.inputs else poison(arrays[name].dtype)
        assert arrays[name].shape == wanted.shape
    return Run(launches, arrays)


def refuse_foreign(launches: Sequence[Launch], answer: Answer, function: str) -> None:
    """Raises Failure for a launch of a kernel that the answer has not written."""
    for launch in launches:
        if launch.kernel.source.file != answer.file and launch.kernel not in answer.given.values():
            text = f"{function} launches {launch.kernel.name}, which does not stand in this file"
            raise Failure(text, mark=("alien",))


def compiles(run: Run) -> list[str]:
    """The PTX of each launch; nothing where no compiler is installed. Raises Failure."""
    texts = []
    for launch in run.launches:
        try:
            texts.append(launch.ptx(ARCHITECTURE))
        except NoCompiler:
            return []
        except (CompileError, SourceError) as error:
            line = getattr(error, "line", None)
            said = getattr(error, "said", "") or str(error)
            raise Failure(
                said.partition(", at ")[0], source_rows(launch.kernel.source.file, line), ("compile",)
            ) from error
    return texts


def interpret(run: Run, checked: bool = True, seed: int | None = None) -> None:
    """Run all launches. Raises Failure for what the interpreter refuses."""
    for launch in run.launches:
        try:
            launch.interpret(checked=checked, seed=seed)
        except SourceError as error:
            raise Failure(str(error), mark=("source",)) from error
        except KernelError as error:
            where = [f"block {error.block}"] if error.block is not None else []
            where += [f"thread {error.thread}"] if error.thread is not None else []
            text = f"{type(error).__name__}: {told(error)}{' (' + ', '.join(where) + ')' if where else ''}"
            index = error.index if isinstance(error.index, tuple) else (error.index,)
            mark = (type(error).__name__, error.array, *map(str, index))
            file = error.site.file if error.site else ""
            raise Failure(text, source_rows(file, error.line), mark) from error


def told(error: KernelError) -> str:
    """What is wrong, without what a learner has no use for: how one would have it allowed."""
    return re.sub(r": interpret\(allow_same_value=True\) allows it$", "", error.problem)


def compare(run: Run, case: Case, tolerance: float) -> Difference | None:
    """The first array that is not what it must be."""
    for name, wanted in case.expected.items():
        if found := difference(name, run.arrays[name], wanted, tolerance):
            return found
    return None


def wrong(found: Difference, case: Case, everywhere: np.ndarray) -> Failure:
    """What is said of a difference. Another answer is wrong in the same way if it is so in all cases."""
    return Failure(str(found), [*case.rows(), *found.rows()], (found.name, everywhere))


def source_rows(file: str, line: int | None, around: int = 2) -> list[tuple[str, str]]:
    """A line of a file with those around it, marked."""
    if not file or not line:
        return []
    shown = []
    for n in range(max(line - around, 1), line + around + 1):
        if text := linecache.getline(file, n).rstrip():
            shown.append(f"{'→' if n == line else ' '} {n:3}  {text}")
    return [(f"line {line}", "\n".join(shown))]


def values_text(values: Values) -> str:
    """Inputs in one line."""
    return ", ".join(f"{n}={v.shape if isinstance(v, np.ndarray) else number(v)}" for n, v in values.items())
