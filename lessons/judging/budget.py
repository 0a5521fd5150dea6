"""Budgets: what a launch may cost at most, in counts, which are the same on every machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lessons.answer import Answer
from lessons.judging.counting import QUANTITIES, Cost, NotCounted, worst_line
from lessons.judging.draw import Draw
from lessons.judging.running import Values, source_rows
from lessons.judging.verdict import Failure


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a launch may cost at most, by the names of QUANTITIES, on a case of a stated size."""

    case: Callable[[Draw], Values]
    most: Mapping[str, float]


def within(budget: Budget, cost: Cost, answer: Answer) -> str:
    """Hold what an answer costs to its budget. Raises Failure."""
    told = []
    for name, most in budget.most.items():
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
            raise Failure(
                f"{counted(found)} {quantity.unit}, at most {counted(most)} allowed", details, (name, f"{found:.4g}")
            )
        told.append(f"{counted(found)} {quantity.unit} (at most {counted(most)})")
    return ", ".join(told)


def counted(number: float) -> str:
    """A count as a person writes it."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.3g}"
