"""What the course prints, by rich: colours and boxes on a terminal, plain text elsewhere."""

import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lessons.desk import Desk
from lessons.exercise import Exercise, Lesson, course, exercises

if TYPE_CHECKING:  # this loads Numba, which whoever lists the course has no need of
    from lessons.judging import Verdict

console = Console(highlight=False, markup=False)  # what a learner writes has brackets that mean an index

COLOURS = {"solved": "green", "solved, after a look": "green", "looked up": "yellow", "begun": "cyan"}


def program() -> str:
    """How the course is called here: by `python`, if that is the one that runs it, and with the folder it was given."""
    here, found = Path(sys.executable), shutil.which("python")
    with suppress(ValueError):
        here = here.relative_to(Path.cwd())
    python = "python" if found and Path(found).parent == Path(sys.executable).parent else str(here)
    folder = shlex.join(sys.argv[1:3]) + " " if sys.argv[1:2] == ["--folder"] else ""
    return f"{python} -m lessons {folder}".rstrip()


def lessons_table(desk: Desk) -> Table:
    """Each lesson with how far it is done."""
    table = Table("", "lesson", "solved", "", box=None, pad_edge=False, header_style="dim")
    for lesson in course():
        states = [desk.state(exercise) for exercise in lesson.exercises]
        solved = sum(bool(state.solved) for state in states)
        marks = "".join("■" if state.solved else "◪" if state.checks or state.looked else "□" for state in states)
        here = "→" if desk.is_set_up and desk.current in lesson.exercises else ""
        table.add_row(here, f"{lesson.number:2}  {lesson.title}", f"{solved} of {len(states)}", marks)
    return table


def exercises_table(desk: Desk) -> Table:
    """Each exercise with its state."""
    table = Table("", box=None, pad_edge=False, header_style="dim")
    table.add_column("exercise", min_width=max(len(exercise.name) for exercise in exercises()), no_wrap=True)
    table.add_column("to do", min_width=7)
    table.add_column("state")
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for lesson in course():
        table.add_row("", "", "", "", Text(f"{lesson.number}  {lesson.title}", "bold"))
        for exercise in lesson.exercises:
            state = desk.state(exercise)
            here = "→" if desk.is_set_up and desk.name == exercise.name else ""
            word = Text(state.word, COLOURS.get(state.word, ""))
            table.add_row(here, exercise.name, exercise.kind, word, exercise.page.title)
    return table


def where(desk: Desk) -> None:
    """The lessons, and what to do next."""
    solved = sum(bool(desk.state(exercise).solved) for exercise in exercises())
    console.print(lessons_table(desk))
    console.print(f"\n{solved} of {len(exercises())} exercises are solved (■; ◪ is begun)")
    if not desk.is_set_up:
        console.print(f"\nbegin   {program()} start      copies them into {desk.folder}/")
        return
    exercise = desk.current
    console.print(f"\nnow     {exercise.name}: {exercise.page.title}")
    console.print(f"file    {desk.path(exercise)}", soft_wrap=True)
    console.print(f"page    {program()} show", soft_wrap=True)
    if desk.state(exercise).solved:
        console.print(f"next    {program()} next", soft_wrap=True)
    else:
        console.print(f"check   {program()} check", soft_wrap=True)
        console.print(f"        {program()} watch      each time that you save", soft_wrap=True)


def page(exercise: Exercise, desk: Desk) -> None:
    """The statement, and where the file is."""
    lesson = exercise.lesson
    if exercise.number == 1:
        introduction(lesson)
    place = f"lesson {lesson.number}, exercise {exercise.number}: {exercise.name} ({exercise.kind})"
    console.print(Text(place, "dim"))
    text(f"# {exercise.page.title}\n\n{exercise.page.statement}")
    console.print(f"\nfile    {desk.path(exercise)}", soft_wrap=True)
    console.print(f"check   {program()} check      hint: {program()} hint", soft_wrap=True)


def text(markdown: str) -> None:
    """Markdown with formulas, each on lines of its own."""
    from lessons.plain import MATH, formula, inline  # here, as it takes a moment

    for number, part in enumerate(MATH.split(markdown)):
        if number % 2:
            console.print(Padding(Text(formula(part), "bold"), (1, 0, 1, 4)))
        else:
            console.print(Markdown(inline(part)))


def introduction(lesson: Lesson) -> None:
    console.print(Markdown(f"# Lesson {lesson.number}: {lesson.title}\n\n{lesson.introduction}"))
    console.print()


def verdict(found: "Verdict") -> None:
    """What a judge says: what held, and of what did not all that helps."""
    stages = Table.grid(padding=(0, 1))
    for stage, said in found.passed:
        stages.add_row(Text("✓", "green"), stage, Text(said, "dim"))
    failure = found.failure
    if failure:
        stages.add_row(Text("✗", "bold red"), Text(failure.stage, "bold"), failure.text)
    console.print(stages)
    if not failure:
        console.print(Text(f"✓ {found.exercise} is solved", "bold green"))
        return
    for what, text in failure.details:
        console.print(Text(f"\n    {what}", "dim"))
        for line in text.splitlines():
            console.print(Text("       ") + _marked(line), soft_wrap=True)
    if found.reply:
        console.print(Padding(Text(f"→ {found.reply}", "yellow"), (1, 0, 0, 2)))
    if found.passed:
        again = f"\nthe same cases again: {program()} check {found.exercise} --seed {found.seed}"
        console.print(Text(again, "dim"), soft_wrap=True)


def _marked(line: str) -> Text:
    """A line of numbers or of source, with what is wrong in red."""
    from lessons.judging.comparing import MARKS

    text = Text(line, "bold" if line.lstrip().startswith("→") else "")
    text.highlight_regex(rf"{MARKS[0]}[^{MARKS[1]}]*{MARKS[1]}", "bold red")
    return text
