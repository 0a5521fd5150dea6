"""A learner's ladder beside ours: what each rung costs on the case of a Climb's budget, as a table and as a picture.

The judge holds the highest rung to the budget and says yes or no. Here all rungs are counted, the learner's and those
of this project's operation that computes the same, so that each shows what its idea was worth. Counts are the judge's
(judging/counting.py). Microseconds are predicted from a datasheet; nothing is measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kernels.files import write_figure
from kernels.gpu import Launch
from kernels.gpu.compiler import CompileError
from kernels.gpu.interpreter import KernelError
from kernels.gpu.source import SourceError
from kernels.table import Row, Rows
from lessons.answer import Answer
from lessons.exercise import CourseError, Exercise
from lessons.judging import Budget, Climb, Failure
from lessons.judging.comparing import poison
from lessons.judging.counting import GPU, QUANTITIES, Cost, NotCounted
from lessons.judging.judge import budget_case
from lessons.judging.running import Case, prepare

if TYPE_CHECKING:
    from matplotlib.axes import Axes

YOURS, OURS = "yours", "ours"
PREDICTED = "µs predicted"
NONE = "-"  # what cannot be counted
CUT = 8  # a bar that is longer than so many budgets is drawn as long as these

INK, LIMIT = "#22272e", "#d1495b"
COLOUR = {YOURS: "#0b62a4", OURS: "#7d8790"}


@dataclass(frozen=True, repr=False)
class Rung(Row):
    """One rung of a ladder.

    name            its number and what it is called, as "2 tiled"
    whose           YOURS or OURS
    counts          by the names of the budget's quantities; None where one cannot be counted
    microseconds    that its launches take at the least, predicted; None where it does not run
    problem         why it does not; "" where it does
    """

    name: str
    whose: str
    counts: Mapping[str, float | None]
    microseconds: float | None = None
    problem: str = ""

    def row(self):
        counts = {name: figure(count) for name, count in self.counts.items()}
        return {"rung": self.name, "whose": self.whose, **counts, PREDICTED: figure(self.microseconds)}


class Rungs(Rows[Rung]):
    """All rungs of an exercise, the learner's first; prints as a table that ends with the budget.

    most    the budget, by the names of its quantities
    """

    left = 2

    def __init__(self, rungs: Sequence[Rung], most: Mapping[str, float]):
        super().__init__(rungs)
        self.most = most

    def title(self):
        problems = [f"{rung.name} does not run: {rung.problem}" for rung in self if rung.problem]
        predicted = f"µs are predicted for the {GPU.name} from its datasheet, not measured"
        return "\n".join([*problems, f"{predicted}; a small case keeps few of its multiprocessors busy"])

    def cells(self):
        return [*super().cells(), ["at most", "", *map(figure, self.most.values()), ""]]


def table(exercise: Exercise, answer: Answer) -> Rungs:
    """Each rung of a learner's ladder, and each of ours, with what it costs. It prints as a table.

    Raises CourseError for an exercise that is no Climb, and AnswerError for an answer without its function.
    """
    return Rungs([*yours(exercise, answer), *ours(exercise)], budget_of(climb_of(exercise)).most)


def climb_of(exercise: Exercise) -> Climb:
    """Its judge. Raises CourseError."""
    judge = exercise.judge
    if not isinstance(judge, Climb):
        raise CourseError(f"{exercise.name} has no ladder: it does not ask to climb, but to {judge.kind}")
    return judge


def budget_of(judge: Climb) -> Budget:
    assert judge.budget
    return judge.budget


@lru_cache(maxsize=1)  # a table is followed by its picture
def yours(exercise: Exercise, answer: Answer) -> tuple[Rung, ...]:
    """The rungs of an answer. A function that is no ladder is one rung."""
    judge = climb_of(exercise)
    most, function, case = budget_of(judge).most, judge.function, budget_case(judge)
    rungs = getattr(answer.value(function), "rungs", None)
    if rungs is None:
        return (climbed(most, f"1 {function}", answer, function, case),)
    # A ladder takes the number of a rung beside the arrays.
    cases = [Case({**case.inputs, "rung": n}, case.expected) for n in range(1, len(rungs) + 1)]
    names = [f"{n} {getattr(rung, '__name__', function)}" for n, rung in enumerate(rungs, 1)]
    return tuple(climbed(most, name, answer, function, case) for name, case in zip(names, cases, strict=True))


def climbed(most: Mapping[str, float], name: str, answer: Answer, function: str, case: Case) -> Rung:
    """A rung of an answer, or why it does not run: of a ladder only the highest rung is judged."""
    try:
        return counted(most, name, YOURS, prepare(answer, function, case).launches)
    except KernelError as error:
        problem = f"line {error.line}: {type(error).__name__}: {error.problem}"
    except (Failure, SourceError, CompileError) as error:
        problem = " ".join(str(error).split())
    return Rung(name, YOURS, dict.fromkeys(most), problem=problem)


@lru_cache
def ours(exercise: Exercise) -> tuple[Rung, ...]:
    """Our own rungs, which stay as they are while a learner climbs; none where nobody said which they are."""
    judge = climb_of(exercise)
    if judge.ours is None:
        return ()
    most, case = budget_of(judge).most, budget_case(judge)
    arrays = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in case.inputs.items()}
    for name, wanted in case.expected.items():
        dtype = np.dtype(np.float32) if wanted.dtype.kind == "f" else wanted.dtype
        arrays.setdefault(name, np.full(wanted.shape, poison(dtype), dtype))
    return tuple(counted(most, name, OURS, launches) for name, launches in judge.ours(**arrays))


def counted(most: Mapping[str, float], name: str, whose: str, launches: Sequence[Launch]) -> Rung:
    """What launches cost, by the names of the budget."""
    cost = Cost(launches)
    counts: dict[str, float | None] = {}
    for quantity in most:
        try:
            found = QUANTITIES[quantity].find(cost)
        except NotCounted:
            found = None
        assert not isinstance(found, str)
        counts[quantity] = found
    microseconds = QUANTITIES["microseconds"].find(cost)
    assert not isinstance(microseconds, str)
    return Rung(name, whose, counts, microseconds)


def figure(count: float | None) -> str:
    """A count as the table has it."""
    if count is None:
        return NONE
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.3g}"


# The picture.


def draw(exercise: Exercise, answer: Answer, path: Path) -> None:
    """Draw the table into a PNG: a panel for each quantity of the budget, a bar for each rung, the budget as a line.

    Raises what `table` does, and OSError for a file that cannot be written.
    """
    from matplotlib.figure import Figure  # which takes a while: a table does without

    rungs = table(exercise, answer)
    # From above: for each of both the word, and a line for each rung.
    lines: list[str | Rung] = []
    for whose in (YOURS, OURS):
        if of_one := [rung for rung in rungs if rung.whose == whose]:
            lines += [whose, *of_one]
    drawn = Figure(figsize=(9, 1.3 + 0.3 * len(lines)), dpi=150, facecolor="white", layout="constrained")
    panels = drawn.subplots(1, len(rungs.most), sharey=True, squeeze=False)[0]
    for axes, quantity in zip(panels, rungs.most, strict=True):
        panel(axes, lines, quantity, rungs.most[quantity])
    texts = [line if isinstance(line, str) else line.name for line in lines]
    panels[0].set_yticks(range(len(lines)), texts)
    for label, line in zip(panels[0].get_yticklabels(), lines, strict=True):
        if isinstance(line, str):
            label.set(fontweight="bold", color=COLOUR[line])
    title = f"{exercise.name}: each rung, yours and ours" if rungs[-1].whose == OURS else f"{exercise.name}: each rung"
    if any(CUT * rungs.most[name] < (count or 0) for rung in rungs for name, count in rung.counts.items()):
        drawn.supxlabel(f"//  a bar of more than {CUT} budgets, cut off", color=INK, fontsize=8, x=0.012, ha="left")
    drawn.suptitle(title, color=INK, fontsize=13, fontweight="bold", x=0.012, ha="left")
    write_figure(path, drawn)


def panel(axes: "Axes", lines: Sequence[str | Rung], quantity: str, most: float) -> None:
    """One quantity of all rungs. A bar that is much longer than the budget is cut off, so that all others are seen."""
    counts = [None if isinstance(line, str) else line.counts[quantity] for line in lines]
    longest = max([most, *(count for count in counts if count is not None)]) or 1
    edge = min(longest, CUT * most) if most else longest
    for place, (line, count) in enumerate(zip(lines, counts, strict=True)):
        if isinstance(line, str):
            continue
        length = min(count or 0, edge)
        axes.barh(place, length, height=0.72, color=COLOUR[line.whose])
        if length < (count or 0):
            axes.text(0.97 * edge, place, "//", color="white", fontsize=10, fontweight="bold", ha="right", va="center")
        number = axes.text(length + 0.02 * edge, place, figure(count), color=INK, fontsize=8, va="center")
        number.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # no line runs through it
    axes.axvline(most, color=LIMIT, linewidth=1.2)
    axes.text(most, -0.7, f"at most {figure(most)}", color=LIMIT, fontsize=8, ha="left", va="bottom")
    axes.set_title(QUANTITIES[quantity].unit + "\n", loc="left", fontsize=9, color=INK)
    axes.set(xlim=(0, 1.3 * edge), ylim=(len(lines) - 0.5, -0.7), xticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, length=0, labelsize=9)
