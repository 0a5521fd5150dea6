"""Judges of kernels that take the place of an operation's, and of a network that runs on nothing else.

Ship       the file has forward and backward as the operation's own cuda.py: held against the operation's reference
Network    the file has `network(batch)`: it is trained on the learner's own kernels, which stand in files beside it
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from apps.mnist.data import load, one_hot
from framework import Graph, Model, Optimizer
from framework.graph import GraphError
from framework.sampling import Sampler
from kernels.bench.instead import with_kernels
from kernels.bench.loading import FileError
from kernels.bench.trial import Trial
from kernels.device import Device, launches
from kernels.gpu.compiler import CompileError, NoCompiler, compiler_problem
from kernels.gpu.interpreter import KernelError
from kernels.operation import Operation, RandomDraw, find_operation, put, take_back
from lessons.answer import Answer, AnswerError
from lessons.judging.comparing import difference, poison
from lessons.judging.judge import Judge, Stage, complete
from lessons.judging.running import ARCHITECTURE, refuse_foreign, source_rows
from lessons.judging.verdict import Failure

HOST = Device("interpret")
TRIALS = 6
TOLERANCE = 1e-4  # a learner's sum is a plain one


@dataclass(frozen=True)
class Hard:
    """A case with values that are rarely drawn: shapes and settings, and arrays by name."""

    case: Mapping[str, Any]
    arrays: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ship(Judge):
    """Kernels for an operation. Needs `operation`, its name.

    only      settings that the learner's kernels know: cases have no others
    always    optional inputs that every case has
    hard      further cases, with values that are rarely drawn
    """

    operation: str
    only: Mapping[str, Any] = field(default_factory=dict)
    always: tuple[str, ...] = ()
    hard: Sequence[Hard] = ()

    kind = "ship"

    def stages(self, answer: Answer, original: Answer, seed: int) -> Iterator[Stage]:
        yield "complete", partial(complete, answer, self.imports)
        trials = Trials(self, answer, seed)
        yield "compiles", trials.compile
        yield "forward", trials.forward
        if find_operation(self.operation).gradients:
            yield "backward", trials.backward


class Trials:
    """Cases as the operation draws them for its own tests."""

    def __init__(self, judge: Ship, answer: Answer, seed: int):
        self.judge, self.answer, self.seed = judge, answer, seed

    def draw(self, operation: Operation) -> list[Trial]:
        """Some, half of them of whole numbers, which tie; the smallest first."""
        generator = np.random.default_rng(self.seed)
        found: list[Trial] = []
        while len(found) < TRIALS:
            case = {**operation.case(RandomDraw(generator)), **self.judge.only}
            if all(case.get(name) is not None for name in self.judge.always):
                trial = Trial.of_shape(operation, case, generator)
                for name in operation.inputs if len(found) % 2 else ():
                    values = trial.arrays[name]
                    if values is not None and name not in operation.values:
                        values[...] = np.round(values)
                found.append(trial)
        for hard in self.judge.hard:
            trial = Trial.of_shape(operation, dict(hard.case), generator)
            for name, values in hard.arrays.items():
                array = trial.arrays[name]
                assert array is not None
                array[...] = values
            found.append(trial)
        return sorted(found, key=lambda trial: sum(a.size for a in trial.arrays.values() if a is not None))

    def compile(self) -> str:
        """For a GPU, all kernels that the smallest case needs."""
        self.operation = own(self.answer, self.judge.operation)
        self.trials = self.draw(self.operation)
        count = 0
        for direction in self.operation.directions:
            with told(self.answer):
                for launch in self.trials[0].launches(direction):
                    try:
                        launch.ptx(ARCHITECTURE)
                    except NoCompiler:
                        return "not asked: there is no compiler here"
                    count += 1
        return f"for a GPU ({count} of {count} kernels)"

    def forward(self) -> str:
        for trial in self.trials:
            self.compare(trial, self.run(trial, "forward", {}), trial.forward("reference"))
        return f"{len(self.trials)} cases of {self.operation.name}, every access checked"

    def backward(self) -> str:
        for trial in self.trials:
            right = {n: a.astype(trial.operation.dtype(n)) for n, a in trial.forward("reference").items()}
            self.compare(trial, self.run(trial, "backward", right), trial.backward("reference", right))
        return f"{len(self.trials)} cases of {self.operation.name}, every access checked"

    def run(self, trial: Trial, direction: str, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What kernels of the answer write, interpreted. As in `prepare`, only what kernels write can be right."""
        operation, answer = trial.operation, self.answer
        arguments, written = HOST.arguments(operation, direction, {**trial.arrays, **trial.settings, **given})
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and name not in written:
                value.flags.writeable = False
        with told(answer):
            runs = launches(operation, direction, arguments)
            refuse_foreign(runs, answer, direction)
            for name in written:
                array = arguments[name]
                array[...] = trial.arrays[name] if name in operation.state else poison(array.dtype)
            for launch in runs:
                launch.interpret()
        return {name: arguments[name] for name in written}

    def compare(self, trial: Trial, got: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> None:
        for name, wanted in right.items():
            if found := difference(name, got[name], wanted, TOLERANCE):
                shapes = ", ".join(f"{n}={s}" for n, s in trial.shapes.items() if n in trial.operation.inputs)
                case = ", ".join(filter(None, [shapes, *(f"{n}={v}" for n, v in trial.settings.items())]))
                rows = [("the smallest case that was drawn", case), *found.rows()]
                raise Failure(str(found), rows, (name, got[name]))


@contextmanager
def told(answer: Answer) -> Iterator[None]:
    """What goes wrong inside is a Failure: of a kernel, or of the answer's own Python."""
    try:
        yield
    except KernelError as error:
        rows = source_rows(error.site.file if error.site else "", error.line)
        raise Failure(f"{type(error).__name__}: {error.problem}", rows, (type(error).__name__, error.array)) from error
    except CompileError as error:
        raise Failure(error.said or str(error), source_rows(answer.file, error.line), ("compile",)) from error
    except (AttributeError, IndexError, NameError, TypeError, ValueError) as error:
        text = f"{type(error).__name__}: {error}"
        raise Failure(text, mark=("answer", text)) from error


def own(answer: Answer, name: str) -> Operation:
    """An operation with the kernels of an answer, in all its directions. Raises Failure."""
    operation, file = find_operation(name), Path(answer.file).name
    try:
        for direction in operation.directions:
            if not hasattr(answer.module, direction):
                raise Failure(f"{file} has no {direction}", mark=("missing", direction))
        return with_kernels(operation, answer.module, file)
    except (AnswerError, FileError) as error:
        raise Failure(str(error), source_rows(answer.file, getattr(error, "line", None)), ("answer", name)) from error


@dataclass(frozen=True, kw_only=True)
class Network(Judge):
    """A network out of the learner's own kernels.

    operations    the exercises before this one whose kernels it runs on, which are named as their operations
    layers        those of them that the network itself must have
    views         operations that compute nothing
    steps         of training, each on `batch` digits
    accuracy      to be reached on digits that it has never seen
    """

    operations: tuple[str, ...]
    layers: tuple[str, ...] = ()
    views: tuple[str, ...] = ("reshape",)
    steps: int = 150
    batch: int = 32
    accuracy: float = 0.85

    kind = "ship"

    def stages(self, answer: Answer, original: Answer, seed: int) -> Iterator[Stage]:
        yield "complete", partial(complete, answer, self.imports)
        yield "your kernels", partial(self.gather, answer)
        yield "your network", partial(self.build, answer)
        yield "learns", partial(self.train, answer)

    def gather(self, answer: Answer) -> str:
        """The files beside this one."""
        self.ship(answer)
        return f"{len(self.operations)} operations: {', '.join(self.operations)}"

    def ship(self, answer: Answer) -> list[Operation]:
        return [own(self.beside(answer, name), name) for name in self.operations]

    def beside(self, answer: Answer, name: str) -> Answer:
        """The learner's file of another exercise of this lesson, or ours beside ours. Raises Failure."""
        here = Path(re.sub(r"\.py-\w+$", ".py", answer.file))
        is_ours = here.name in ("exercise.py", "solution.py")
        pattern = f"[0-9][0-9]_{name}/solution.py" if is_ours else f"[0-9][0-9]_{name}.py"
        found = sorted((here.parent.parent if is_ours else here.parent).glob(pattern))
        if not found:
            raise Failure(f"there is no file for {name} beside this one", mark=("beside", name))
        other = Answer.of_file(found[0])
        if other.gaps():
            raise Failure(f"{found[0].name} has a gap still: solve {name} first", mark=("beside", name))
        return other

    def build(self, answer: Answer) -> str:
        """Look whether the network runs on nothing else."""
        mine = {*self.operations, *self.views}
        with told(answer):
            graph = made(answer, 2)
            for node in graph.nodes:
                if node.operation.name not in mine:
                    text = f"{node.name} is {node.operation.name}, of which you have shipped no kernels"
                    raise Failure(text, [("yours", ", ".join(self.operations))], ("alien", node.operation.name))
            used = {node.operation.name for node in graph.nodes}
            if missing := [name for name in self.layers if name not in used]:
                text = f"it uses {len(used & mine)} of your operations, and not {', '.join(missing)}"
                raise Failure(text, mark=("missing", *missing))
            for name in ("logits", "loss"):
                if name not in graph.outputs:
                    raise Failure(f"the network has no output {name!r}", mark=("output", name))
        return f"{len(graph.nodes)} nodes, {Model(answer.value('network'), 'reference').parameters.count:,} parameters"

    def train(self, answer: Answer) -> str:
        if problem := compiler_problem():
            return f"not asked: {problem}"
        for operation in self.ship(answer):
            put(operation)
        try:
            with told(answer):
                accuracy = self.learn(answer.value("network"))
        finally:
            for name in self.operations:
                take_back(name)
        said = f"{accuracy:.1%} of 1,000 digits that it has never seen, after {self.steps} steps"
        if not accuracy >= self.accuracy:
            guess = "; 10 % is guessing: check your files first" if accuracy < 0.2 else ""
            raise Failure(f"{said}; {self.accuracy:.0%} expected{guess}", mark=("accuracy",))
        return said

    def learn(self, network) -> float:
        """Train a network, and return how much of what it has never seen it reads rightly."""
        digits = load("builtin")
        model, optimizer = Model(network, "cpu"), Optimizer("sgd", momentum=0.9)
        step, examples = model.training(self.batch, optimizer), Sampler(4000, size=self.batch, seed=0)
        for number in range(self.steps):
            optimizer.set_rate(0.03, number)
            n = examples(number)
            step(image=pictures(digits.train_images[n]), target=one_hot(digits.train_labels[n]))
        look = model.inference(len(digits.test_images), outputs=("logits",))
        answers = look(image=pictures(digits.test_images))["logits"].argmax(axis=1)
        return float((answers == digits.test_labels).mean())


def made(answer: Answer, batch: int) -> Graph:
    """The learner's network for a batch. Raises Failure."""
    try:
        graph = answer.value("network")(batch)
    except (AnswerError, GraphError) as error:
        raise Failure(str(error), mark=("answer", "network")) from error
    if not isinstance(graph, Graph):
        raise Failure(f"network returns {type(graph).__name__}, and not the graph", mark=("answer", "graph"))
    return graph


def pictures(images: Any) -> np.ndarray:
    """Digits of bytes (R, 28, 28) as float32 (R, 1, 28, 28) from 0 to 1."""
    return (images[:, np.newaxis] / 255).astype(np.float32)
