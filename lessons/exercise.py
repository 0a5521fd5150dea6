"""The course: lessons are folders of course/, exercises are folders of these, in the order of their numbers.

course/01_neuron/lesson.md            what the lesson is about
course/01_neuron/01_map/page.md       the statement, three hints, and the explained solution
                        exercise.py   what the learner is given, with `...` where something is to be written
                        solution.py   the same, solved
                        judge.py      `judge`: what must come of it (see lessons/judging)
"""

import difflib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # these load Numba, which whoever lists the course has no need of
    from lessons.answer import Answer
    from lessons.judging import Judge, Verdict

COURSE = Path(__file__).parent / "course"
SECTION = re.compile(r"^## (Hint [123]|Solution)\n", re.MULTILINE)
KIND = re.compile(r"^judge = (\w+)\(", re.MULTILINE)


class CourseError(ValueError):
    """What a learner asks for and cannot have: one line."""


@dataclass(frozen=True)
class Page:
    """What page.md says, in Markdown."""

    title: str
    statement: str
    hints: tuple[str, ...]
    solution: str


@dataclass(frozen=True)
class Lesson:
    """A folder of exercises."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name.partition("_")[0])

    @property
    def title(self) -> str:
        return self.text[0]

    @property
    def introduction(self) -> str:
        return self.text[1]

    @cached_property
    def text(self) -> tuple[str, str]:
        return titled((self.folder / "lesson.md").read_text())

    @cached_property
    def exercises(self) -> tuple["Exercise", ...]:
        return tuple(Exercise(self, folder) for folder in numbered(self.folder))


@dataclass(frozen=True)
class Exercise:
    """A folder of a lesson. Its name is unique in the course."""

    lesson: Lesson
    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name.partition("_")[0])

    @property
    def name(self) -> str:
        return self.folder.name.partition("_")[2]

    @property
    def file(self) -> Path:
        """Where the learner's file is, in a folder of theirs."""
        return Path(self.lesson.folder.name) / f"{self.folder.name}.py"

    @cached_property
    def text(self) -> str:
        """The file that the learner is given."""
        return (self.folder / "exercise.py").read_text()

    @cached_property
    def page(self) -> Page:
        title, text = titled((self.folder / "page.md").read_text())
        statement, *parts = SECTION.split(text)
        sections = {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
        hints = tuple(sections[f"Hint {n}"] for n in (1, 2, 3))
        return Page(title, statement.strip(), hints, sections["Solution"])

    @cached_property
    def kind(self) -> str:
        """What is to be done, as judge.py says it: "write", "predict" ... A network is the last thing to ship."""
        found = KIND.search((self.folder / "judge.py").read_text())
        assert found
        return "ship" if found[1] == "Network" else found[1].lower()

    @cached_property
    def judge(self) -> "Judge":
        path = self.folder / "judge.py"
        spec = importlib.util.spec_from_file_location(f"lessons.judges.{self.name}", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.judge

    @cached_property
    def original(self) -> "Answer":
        """What the learner is given."""
        from lessons.answer import Answer

        return Answer.of_file(self.folder / "exercise.py")

    @cached_property
    def solution(self) -> "Answer":
        from lessons.answer import Answer

        return Answer.of_file(self.folder / "solution.py")

    def check(self, answer: "Answer", seed: int | None = None) -> "Verdict":
        """Judge an answer; cases are drawn anew unless a seed is given."""
        from lessons.judging import check

        return check(self.name, self.judge, answer, self.original, self.solution, seed)


@cache
def course(folder: Path = COURSE) -> tuple[Lesson, ...]:
    """All lessons, in their order."""
    return tuple(Lesson(found) for found in numbered(folder))


def exercises() -> tuple[Exercise, ...]:
    """Of all lessons, in their order."""
    return tuple(exercise for lesson in course() for exercise in lesson.exercises)


def find(name: str) -> Exercise:
    """The exercise of that name, or whose file that is. Raises CourseError."""
    plain = re.sub(r"^\d\d_", "", Path(name).stem).lower()
    for exercise in exercises():
        if exercise.name in (name, plain):
            return exercise
    near = difflib.get_close_matches(plain, [exercise.name for exercise in exercises()], 1)
    meant = f": did you mean {near[0]}?" if near else ""
    raise CourseError(f"there is no exercise {name!r}{meant}; `list` has all")


def numbered(folder: Path) -> list[Path]:
    """The folders in a folder that begin with a number, in their order."""
    return sorted(path for path in folder.iterdir() if re.match(r"\d\d_", path.name) and path.is_dir())


def titled(text: str) -> tuple[str, str]:
    """The title of a page in Markdown, and what follows it."""
    head, _, body = text.partition("\n")
    return head.removeprefix("# ").strip(), body.strip()
