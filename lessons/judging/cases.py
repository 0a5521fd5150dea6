"""The cases of one check: drawn anew, run once, looked at twice."""

import numpy as np

from lessons.answer import Answer
from lessons.judging.running import Rules, Run, compare, compiles, interpret, prepare, values_text, wrong
from lessons.judging.verdict import Failure

CASES = 10  # the smallest sizes, the largest, and others


class Cases:
    """The smallest sizes, the largest, and others between, the smallest first.

    function    the one of the answer that returns launches
    """

    def __init__(self, rules: Rules, function: str, answer: Answer, seed: int):
        self.rules, self.function, self.answer = rules, function, answer
        extremes = ["least", "most", *[""] * (CASES - 2)]
        drawn = [rules.draw(seed + n, extreme) for n, extreme in enumerate(extremes)]
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
        """The same bits, whichever thread comes first: half of the cases, the largest among them, in another order."""
        pairs = list(zip(self.cases, self.runs, strict=True))[1::2]
        for case, first in pairs:
            run = prepare(self.answer, self.function, case)
            interpret(run, seed=self.seed)
            for name in case.expected:
                one, other = first.arrays[name], run.arrays[name]
                if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
                    index = tuple(int(i) for i in np.argwhere((one != other) & ~((one != one) & (other != other)))[0])
                    at = ", ".join(map(str, index))
                    text = f"{name}[{at}] is {one[index]} and, with threads in another order, {other[index]}"
                    raise Failure(text, case.rows(), ("order", name))
        return "the same bits"
