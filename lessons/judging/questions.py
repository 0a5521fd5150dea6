"""What an exercise asks besides kernels: counts, lines, kinds of faults; and what is said of an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.operation import unknown
from lessons.answer import Answer, AnswerError
from lessons.judging.comparing import number
from lessons.judging.counting import QUANTITIES, Cost, NotCounted, lines_with
from lessons.judging.verdict import Failure

# Quantities that are words, and which words they may be.
WORDS = {
    "limit": ("threads", "blocks", "registers", "shared memory"),
    "bound": ("memory", "arithmetic", "cache and shared memory"),
}
CLOSE = 0.01  # of a number that is predicted: as near as that is right


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
        judge_answer(name, given, right, question, original)
        told.append(f"{name} is {number(given)}")
    return ", ".join(told)


def judge_answer(name: str, given: Any, right: Sequence[Any], question: Question, original: Answer) -> None:
    """Raises Failure for an answer that is not right."""
    mark = ("answer", name, str(given))
    if isinstance(question, Known) and question.options and given not in question.options:
        raise Failure(f"{name}: {unknown('answer', given, question.options)}", mark=mark)
    if isinstance(right[0], str) or isinstance(question, Known):
        options = WORDS.get(question.quantity, ()) if isinstance(question, Counted) else ()
        if options and given not in options:
            raise Failure(f"{name}: {unknown('answer', given, options)}", mark=mark)
        if given not in right:
            raise Failure(f"{name}: {given!r} is not it", mark=mark)
        return
    if not isinstance(given, int | float | np.number) or isinstance(given, bool):
        raise Failure(f"{name}: {given!r} is no number", mark=mark)
    if isinstance(question, Line):
        if given not in right:
            given = int(given)
            lines = dict(enumerate(original.text.splitlines(), 1))
            what = f"`{lines[given].strip()}`" if lines.get(given, "").strip() else "nothing"
            raise Failure(f"{name}: line {given} of the file as you got it, {what}, is not the one at fault", mark=mark)
    elif abs(given - right[0]) > CLOSE * abs(right[0]):
        quantity = QUANTITIES[question.quantity].unit
        raise Failure(f"{name}: {given:g} is too {'much' if given > right[0] else 'little'} ({quantity})", mark=mark)
