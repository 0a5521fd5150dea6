"""Budgets: what a launch may cost at most, in counts, which are the same on every machine."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lessons.answer import Answer
from lessons.judging.counting import QUANTITIES, Cost, NotCounted, worst_line
from lessons.judging.draw import Draw
from lessons.judging.running import Case, Values, prepare, source_rows
from lessons.judging.verdict import Failure

if TYPE_CHECKING:
    from lessons.judging.judge import Judge

BUDGET_SEED = 0  # what is counted is counted on one case, always the same


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a launch may cost at most, by the names of QUANTITIES, on a case of a stated size."""

    case: Callable[[Draw], Values]
    most: Mapping[str, float]


def within(judge: "Judge", answer: Answer) -> str:
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


def cost_of(judge: "Judge", answer: Answer) -> Cost:
    """What the answer costs on the case of the budget."""
    assert judge.budget
    return Cost(prepare(answer, judge.function, budget_case(judge)).launches)


def budget_case(judge: "Judge") -> Case:
    assert judge.budget
    return dataclasses.replace(judge, case=judge.budget.case).rules.draw(BUDGET_SEED)
