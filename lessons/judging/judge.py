"""The judges: for each kind of exercise, what its answers must be, asked in an order in which each `no` helps.

A judge stands in an exercise's folder as `judge`, in judge.py:

    Write     fill the gap: kernels that compute what `expected` does
    Predict   say what will be counted, before anything runs
    Detect    say where a kernel is wrong and how, and repair it
    Derive    a backward kernel, held against central differences of `forward` in float64
    Climb     a correct kernel and a budget in counts: make it cheaper
    Ship      kernels that take the place of an operation's: see ship.py

Every check draws its cases anew. A mistake that many make has its own reply: it is written down as an edit of the
solution, and whoever's answer fails exactly as that edited solution does, is told.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from lessons.answer import Answer, AnswerError
from lessons.judging.budget import Budget, within
from lessons.judging.calculus import gradients
from lessons.judging.cases import Cases
from lessons.judging.counting import Cost
from lessons.judging.draw import Draw
from lessons.judging.questions import FAULTS, Known, Line, Question, answered
from lessons.judging.running import Case, Rules, Values, prepare, source_rows
from lessons.judging.verdict import Failure, Verdict

BUDGET_SEED = 0  # what is counted is counted on one case, always the same

Stage = tuple[str, Callable[[], str]]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that many give: the solution with `new` in the place of `old`; and what to say to it."""

    old: str
    new: str
    say: str


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What all kinds have; each kind below says which of it must be given.

    case, expected   how the inputs of a case are drawn, and what must come of them: NumPy, in float64
    function         the function of the exercise's file that returns launches; it takes inputs and outputs by name
    tolerance        relative, to float32
    answers          what must stand under names in the file
    budget           what may be spent
    mistakes         wrong answers that many give
    imports          modules that the file may import beside those that all may
    """

    function: str = "launches"
    case: Callable[[Draw], Values] | None = None
    expected: Callable[..., Mapping[str, Any]] | None = None
    tolerance: float = 1e-5
    answers: Mapping[str, Question] = field(default_factory=dict)
    budget: Budget | None = None
    mistakes: Sequence[Mistake] = ()
    imports: tuple[str, ...] = ()

    kind = ""
    correct = "right"  # what the stage is called in which results are compared

    @property
    def rules(self) -> Rules:
        assert self.case
        assert self.expected
        return Rules(self.case, self.expected, self.tolerance)

    def stages(self, answer: Answer, original: Answer, seed: int) -> Iterator[Stage]:
        """What is asked, one after the other: (what it is called, what says what it found or raises Failure)."""
        yield "complete", partial(complete, answer, self.imports)
        if self.answers:
            yield "answered", partial(answered, answer, original, self.answers)
        if self.case:
            cases = Cases(self.rules, self.function, answer, seed)
            yield "compiles", cases.compile
            yield "runs", cases.interpret
            yield self.correct, cases.compare
            yield "in any order", cases.reorder
        if self.budget:
            yield "within budget", partial(held_to_budget, self, answer)


@dataclass(frozen=True, kw_only=True)
class Write(Judge):
    """Fill the gap. Needs `case` and `expected`."""

    kind = "write"


@dataclass(frozen=True, kw_only=True)
class Predict(Judge):
    """State what will be counted. Needs `answers`, each `Counted` or `Known`."""

    kind = "predict"


@dataclass(frozen=True, kw_only=True)
class Detect(Judge):
    """Find what is wrong, and repair it. Needs `case`, `expected` and:

    line, fault    a piece of source text on the line at fault, and which of FAULTS it is
    tests          a case on which the faulty kernel is right, unchecked: the tests that it has passed
    found          how the judge finds it: the name of the interpreter's error, or the stage that fails
    """

    line: str
    fault: str
    tests: Callable[[Draw], Values]
    found: str

    kind = "detect"

    def stages(self, answer, original, seed):
        questions: dict[str, Question] = {"LINE": Line(self.line), "KIND": Known(self.fault, tuple(FAULTS))}
        complete_stage, *others = super().stages(answer, original, seed)
        yield complete_stage
        yield "detected", partial(answered, answer, original, questions)
        yield from others


@dataclass(frozen=True, kw_only=True)
class Derive(Judge):
    """A backward kernel. Needs `case`, which draws the inputs, and:

    forward    (inputs by name) -> y, in NumPy: what the kernel is the backward of
    wrt        names of the inputs whose delta-errors are wanted: of x the kernel writes dx
    saved      (inputs by name) -> arrays that forward leaves for backward

    The answer's function is given the inputs, dy, what is saved, and dx ... to write.
    """

    forward: Callable[..., np.ndarray]
    wrt: Sequence[str]
    saved: Callable[..., Mapping[str, Any]] | None = None

    kind = "derive"
    correct = "the derivative"

    @property
    def rules(self) -> Rules:
        case, saved = self.case, self.saved
        assert case

        def drawn(draw: Draw) -> Values:
            inputs = case(draw)
            wide = {n: np.asarray(v, np.float64) if isinstance(v, np.ndarray) else v for n, v in inputs.items()}
            left = {n: _single(v) for n, v in saved(**wide).items()} if saved else {}
            return {**inputs, **left, "dy": draw.normal(*np.shape(self.forward(**wide)))}

        def expected(dy, **values):
            inputs = {name: value for name, value in values.items() if name in self._taken(values)}
            return gradients(self.forward, inputs, dy, self.wrt)

        return Rules(drawn, expected, max(self.tolerance, 1e-4))

    def _taken(self, values: Mapping[str, Any]) -> Sequence[str]:
        code = self.forward.__code__
        return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _single(value):
    value = np.asarray(value)
    return value.astype(np.float32) if value.dtype.kind == "f" else value


@dataclass(frozen=True, kw_only=True)
class Climb(Judge):
    """Make a correct kernel cheaper. Needs `case`, `expected` and `budget`; the file's function may be a ladder.

    ours    (inputs and outputs of the budget's case by name) -> (name, launches) of each of our own rungs, to compare
    """

    ours: Callable[..., list[tuple[str, list]]] | None = None

    kind = "climb"


def complete(answer: Answer, imports: tuple[str, ...]) -> str:
    """Refuse a file with gaps in it, and one that fetches what is to be written."""
    answer.show_lines()
    try:
        gaps = answer.gaps()
        if gaps:
            where = f"line {gaps[0]}" if len(gaps) == 1 else f"lines {', '.join(map(str, gaps))}"
            text = f"there is a gap on {where} still: put your own in the place of `...`"
            raise Failure(text, source_rows(answer.file, gaps[0]), ("gap",))
        answer.refuse_imports(imports)
    except AnswerError as error:
        raise Failure(str(error), source_rows(answer.file, error.line), ("answer", error.problem)) from error
    return ""


def held_to_budget(judge: Judge, answer: Answer) -> str:
    assert judge.budget
    return within(judge.budget, cost_of(judge, answer), answer)


def cost_of(judge: Judge, answer: Answer) -> Cost:
    """What the answer costs on the case of the budget."""
    return Cost(prepare(answer, judge.function, budget_case(judge)).launches)


def budget_case(judge: Judge) -> Case:
    assert judge.budget
    return replace(judge, case=judge.budget.case).rules.draw(BUDGET_SEED)


def check(
    name: str, judge: Judge, answer: Answer, original: Answer, solution: Answer | None = None, seed: int | None = None
) -> Verdict:
    """Judge an answer.

    original    the exercise as it is given out
    solution    for replies to mistakes; None to give none
    seed        of the cases; drawn anew unless it is given
    """
    started = time.perf_counter()
    verdict = Verdict(name, seed=secrets.randbits(31) if seed is None else seed)
    verdict.passed, verdict.failure = _asked(judge, answer, original, verdict.seed)
    if verdict.failure and solution:
        verdict.reply = reply(judge, verdict.failure, original, solution, verdict.seed)
    verdict.seconds = time.perf_counter() - started
    return verdict


def _asked(
    judge: Judge, answer: Answer, original: Answer, seed: int, until: str = ""
) -> tuple[list[tuple[str, str]], Failure | None]:
    """What held, and what did not; no further than a stage, if one is named."""
    passed = []
    for stage, ask in judge.stages(answer, original, seed):
        try:
            if said := ask():
                passed.append((stage, said))
        except Failure as failure:
            failure.stage = stage
            return passed, failure
        if stage == until:
            break
    return passed, None


def reply(judge: Judge, failure: Failure, original: Answer, solution: Answer, seed: int) -> str:
    """What to say to a failure that is one of the known mistakes; nothing if it is none."""
    if failure.stage == "complete":
        return ""
    for mistake in judge.mistakes:
        _, other = _asked(judge, solution.edited(mistake.old, mistake.new), original, seed, failure.stage)
        if other and failure.is_like(other):
            return mistake.say
    return ""
