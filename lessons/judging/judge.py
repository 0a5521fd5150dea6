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
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from kernels.operation import unknown
from lessons.answer import Answer, AnswerError
from lessons.judging.calculus import gradients
from lessons.judging.comparing import number
from lessons.judging.counting import QUANTITIES, Cost, NotCounted, lines_with, worst_line
from lessons.judging.draw import Draw
from lessons.judging.running import (
    Case,
    Rules,
    Run,
    Values,
    compare,
    compiles,
    interpret,
    prepare,
    source_rows,
    values_text,
    wrong,
)
from lessons.judging.verdict import Failure, Verdict

CASES = 10  # the smallest sizes, the largest, and others
BUDGET_SEED = 0  # what is counted is counted on one case, always the same
CLOSE = 0.01  # of a number that is predicted: as near as that is right

Stage = tuple[str, Callable[[], str]]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that many give: the solution with `new` in the place of `old`; and what to say to it."""

    old: str
    new: str
    say: str


@dataclass(frozen=True)
class Counted:
    """An answer that is counted: a quantity of QUANTITIES, of what a function of the exercise's file launches.

    line      a piece of source text: only accesses on lines that have it are counted
    array     only accesses of the array of that name are
    kernel    the name of a kernel of the file, which the function is then given as its argument `kernel`
    """

    quantity: str
    line: str = ""
    array: str = ""
    kernel: str = ""
    function: str = "launches"

    def right(self, original: Answer) -> tuple[Any, ...]:
        lines = lines_with(original.text, self.line) if self.line else None
        given = {"kernel": original.value(self.kernel)} if self.kernel else {}
        cost = Cost(original.launches(self.function, given), lines, self.array)
        return (QUANTITIES[self.quantity].find(cost),)


@dataclass(frozen=True)
class Known:
    """An answer that the judge knows: one of `options`, if these are given."""

    value: Any
    options: Sequence[Any] = ()

    def right(self, original: Answer) -> tuple[Any, ...]:
        return (self.value,)


@dataclass(frozen=True)
class Line:
    """The number of a line of the exercise's file, as it was given out: one that has this piece of source text."""

    fragment: str

    def right(self, original: Answer) -> tuple[Any, ...]:
        return tuple(lines_with(original.text, self.fragment))


Question = Counted | Known | Line

# What may be wrong with a kernel that passes its tests: the answers to KIND.
FAULTS = {
    "missing barrier": "a thread reads what another may not have written yet, or writes what another still reads",
    "divergent barrier": "some threads of a block never come to a barrier for which the others wait",
    "out of bounds": "an index may lie outside its array",
    "unwritten memory": "a value is read that nobody has written",
    "race": "two threads write one address, and nothing says who comes last",
    "order": "the result depends on the order in which threads come by",
    "overflow": "a number outgrows its type",
    "float64": "arithmetic is done in float64, which nobody asked for",
    "wrong mask": "a warp intrinsic is called for lanes that are not there, or without some that are",
    "lost sum": "of several values that belong together only one is kept",
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a launch may cost at most, by the names of QUANTITIES, on a case of a stated size."""

    case: Callable[[Draw], Values]
    most: Mapping[str, float]


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
            cases = Cases(self, answer, seed)
            yield "compiles", cases.compile
            yield "runs", cases.interpret
            yield self.correct, cases.compare
            yield "in any order", cases.reorder
        if self.budget:
            yield "within budget", partial(within, self, answer)


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
    try:
        gaps = answer.gaps()
        if gaps:
            where = f"line {gaps[0]}" if len(gaps) == 1 else f"lines {', '.join(map(str, gaps))}"
            text = f"there is a gap on {where} still: put your own in the place of `...`"
            answer.show_lines()
            raise Failure(text, source_rows(answer.file, gaps[0]), ("gap",))
        answer.refuse_imports(imports)
    except AnswerError as error:
        raise Failure(str(error), source_rows(answer.file, error.line), ("answer", error.problem)) from error
    return ""


def answered(answer: Answer, original: Answer, questions: Mapping[str, Question]) -> str:
    """Compare what stands under names with what is right. A wrong answer is not told the right one."""
    told = []
    for name, question in questions.items():
        try:
            given = answer.value(name)
        except AnswerError as error:
            raise Failure(str(error), mark=("answer", error.problem)) from error
        try:
            right = question.right(original)
        except NotCounted as error:
            told.append(f"{name} cannot be counted ({error})")
            continue
        judge_answer(name, given, right, question)
        told.append(f"{name} is {number(given)}")
    return ", ".join(told)


def judge_answer(name: str, given: Any, right: Sequence[Any], question: Question) -> None:
    """Raises Failure for an answer that is not right."""
    mark = ("answer", name, str(given))
    if isinstance(question, Known) and question.options and given not in question.options:
        raise Failure(f"{name}: {unknown('answer', given, question.options)}", mark=mark)
    if isinstance(right[0], str) or isinstance(question, Known):
        if given not in right:
            raise Failure(f"{name}: {given!r} is not it", mark=mark)
        return
    if not isinstance(given, int | float | np.number) or isinstance(given, bool):
        raise Failure(f"{name}: {given!r} is no number", mark=mark)
    if isinstance(question, Line):
        if given not in right:
            raise Failure(f"{name}: line {given} of the file as you got it is not the one at fault", mark=mark)
    elif abs(given - right[0]) > CLOSE * abs(right[0]):
        quantity = QUANTITIES[question.quantity].unit
        raise Failure(f"{name}: {given:g} {quantity} are too {'many' if given > right[0] else 'few'}", mark=mark)


class Cases:
    """The cases of one check: run once, looked at twice."""

    def __init__(self, judge: Judge, answer: Answer, seed: int):
        self.rules, self.answer, self.function = judge.rules, answer, judge.function
        extremes = ["least", "most", *[""] * (CASES - 2)]
        drawn = [self.rules.draw(seed + n, extreme) for n, extreme in enumerate(extremes)]
        self.cases = sorted(drawn, key=lambda case: case.size)
        self.seed = seed
        self.runs: list[Run] = []

    def compile(self) -> str:
        """For a GPU, with the types of the first case."""
        texts = compiles(prepare(self.answer, self.function, self.cases[0]))
        return f"for a GPU ({len(texts)} of {len(texts)} kernels)" if texts else "not asked: there is no compiler here"

    def interpret(self) -> str:
        """All cases, checked; the smallest first."""
        for case in self.cases:
            run = prepare(self.answer, self.function, case)
            try:
                interpret(run)
            except Failure as failure:
                failure.details = [*failure.details, ("the smallest case that was drawn", values_text(case.inputs))]
                raise
            self.runs.append(run)
        return f"{len(self.cases)} cases, every access checked"

    def compare(self) -> str:
        for case, run in zip(self.cases, self.runs, strict=True):
            if found := compare(run, case, self.rules.tolerance):
                everywhere = np.concatenate([run.arrays[found.name].ravel() for run in self.runs])
                raise wrong(found, case, everywhere)
        return f"{len(self.cases)} cases, to {self.rules.tolerance:g}"

    def reorder(self) -> str:
        """The same bits, whichever thread comes first: half of the cases, threads and blocks shuffled."""
        pairs = list(zip(self.cases, self.runs, strict=True))[::2]
        for case, first in pairs:
            run = prepare(self.answer, self.function, case)
            interpret(run, seed=self.seed)
            for name in case.expected:
                one, other = first.arrays[name], run.arrays[name]
                if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
                    index = tuple(int(i) for i in np.argwhere((one != other) & ~((one != one) & (other != other)))[0])
                    at = ", ".join(map(str, index))
                    text = f"{name}[{at}] is {one[index]!r} and, with threads in another order, {other[index]!r}"
                    raise Failure(text, case.rows(), ("order", name))
        return "the same bits"


def within(judge: Judge, answer: Answer) -> str:
    """Hold the answer to its budget. Raises Failure."""
    assert judge.budget
    told = []
    cost = cost_of(judge, answer)
    for name, most in judge.budget.most.items():
        quantity = QUANTITIES[name]
        try:
            found = quantity.find(cost)
        except NotCounted as error:
            told.append(f"{name} cannot be counted ({error})")
            continue
        assert not isinstance(found, str)
        if found > most:
            details = []
            if worst := worst_line(quantity, cost):
                rows = source_rows(answer.file, worst[0])
                details = [(f"{worst[1]:.0%} of that is spent on {what}", text) for what, text in rows]
            raise Failure(f"{found:,.4g} {quantity.unit}, at most {most:,.4g} allowed", details, (name, f"{found:.4g}"))
        told.append(f"{found:,.4g} {quantity.unit} (at most {most:,.4g})")
    return ", ".join(told)


def cost_of(judge: Judge, answer: Answer) -> Cost:
    """What the answer costs on the case of the budget."""
    assert judge.budget
    return Cost(prepare(answer, judge.function, budget_case(judge)).launches)


def budget_case(judge: Judge) -> Case:
    assert judge.budget
    with_its_case = type(judge)(**{**vars(judge), "case": judge.budget.case})
    return with_its_case.rules.draw(BUDGET_SEED)


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


def _asked(judge: Judge, answer: Answer, original: Answer, seed: int) -> tuple[list[tuple[str, str]], Failure | None]:
    passed = []
    for stage, ask in judge.stages(answer, original, seed):
        try:
            if said := ask():
                passed.append((stage, said))
        except Failure as failure:
            failure.stage = stage
            return passed, failure
    return passed, None


def reply(judge: Judge, failure: Failure, original: Answer, solution: Answer, seed: int) -> str:
    """What to say to a failure that is one of the known mistakes; nothing if it is none."""
    for mistake in judge.mistakes:
        _, other = _asked(judge, solution.edited(mistake.old, mistake.new), original, seed)
        if other and failure.is_like(other):
            return mistake.say
    return ""
