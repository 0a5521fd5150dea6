"""A learner's desk: a folder of theirs with the exercises as they are worked on, and what has been done so far.

my-lessons/01_neuron/01_map.py     the learner's own; written once, and never overwritten
my-lessons/progress.json           what was checked, solved and looked up, and which exercise is the current one
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from kernels.files import write_whole
from lessons.exercise import CourseError, Exercise, exercises, find

if TYPE_CHECKING:  # this loads Numba, which whoever lists the course has no need of
    from lessons.judging import Verdict

PROGRESS = "progress.json"


@dataclass
class State:
    """What has been done about one exercise."""

    checks: int = 0
    hints: int = 0
    solved: str = ""
    """When, as a date and time; "" until then."""
    looked: bool = False
    """Whether the solution was looked at before it was solved."""

    @property
    def word(self) -> str:
        """In a word or two."""
        if self.solved:
            return "solved, after a look" if self.looked else "solved"
        return "looked up" if self.looked else ("begun" if self.checks else "")


class Desk:
    """The folder, and the state of all exercises. Raises CourseError for a folder that is none.

    current    the exercise that commands are about unless they name one
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / PROGRESS
        self.states: dict[str, State] = {}
        self.name = exercises()[0].name
        if self.is_set_up:
            self._read()

    @property
    def is_set_up(self) -> bool:
        return self.file.is_file()

    def _read(self) -> None:
        try:
            found = json.loads(self.file.read_text())
            self.states = {name: State(**state) for name, state in found["exercises"].items()}
            self.name = found["current"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CourseError(
                f"{self.file}: is not what this program wrote ({' '.join(str(error).split())})"
            ) from error

    def save(self) -> None:
        states = {name: asdict(state) for name, state in self.states.items()}
        text = json.dumps({"current": self.name, "exercises": states}, indent=1)
        write_whole(self.file, f"{text}\n".encode())

    def state(self, exercise: Exercise) -> State:
        return self.states.get(exercise.name, State())

    def change(self, exercise: Exercise, **changes) -> State:
        """Note what has been done about an exercise, which is thereby the current one."""
        state = self.states.setdefault(exercise.name, State())
        for name, value in changes.items():
            setattr(state, name, value)
        self.name = exercise.name
        self.save()
        return state

    def solve(self, exercise: Exercise) -> None:
        """Note that an exercise was checked, and is solved."""
        state = self.state(exercise)
        now = datetime.now().isoformat(timespec="seconds")
        self.change(exercise, checks=state.checks + 1, solved=state.solved or now)

    def check(self, exercise: Exercise, seed: int | None = None) -> "Verdict":
        """The verdict on the learner's file, noted. Raises AnswerError for a file that cannot be read."""
        from lessons.answer import Answer

        found = exercise.check(Answer.of_file(self.path(exercise)), seed)
        if found.solved:
            self.solve(exercise)
        else:
            self.change(exercise, checks=self.state(exercise).checks + 1)
        return found

    def require(self) -> None:
        """Raises CourseError where nothing has been started here."""
        if not self.is_set_up:
            raise CourseError(f"{self.folder}: no lessons were started here: python -m lessons start")

    @property
    def current(self) -> Exercise:
        return find(self.name)

    def chosen(self, name: str | None) -> Exercise:
        """The exercise of that name, by default the current one. Raises CourseError."""
        self.require()
        return find(name) if name else self.current

    def path(self, exercise: Exercise) -> Path:
        """Where the learner's file is."""
        return self.folder / exercise.file

    def picture(self, exercise: Exercise, kind: str = "picture") -> Path:
        """Where a picture of an exercise is, or is to be drawn."""
        return self.folder / "pictures" / f"{exercise.name}-{kind}.png"

    def start(self) -> int:
        """Copy what is not there yet; returns how many exercises that were. Nothing is overwritten."""
        missing = [exercise for exercise in exercises() if not self.path(exercise).exists()]
        for exercise in missing:
            write_whole(self.path(exercise), exercise.text.encode())
        self.save()
        return len(missing)

    def go_on(self) -> Exercise | None:
        """Make the next exercise that is not solved the current one; None where all are."""
        self.require()
        everything = exercises()
        here = everything.index(self.current)
        for exercise in (*everything[here + 1 :], *everything[: here + 1]):
            if not self.state(exercise).solved:
                self.name = exercise.name
                self.save()
                return exercise
        return None

    def reset(self, exercise: Exercise) -> Path | None:
        """Bring an exercise back as it was given out; returns where the learner's file was put, if it was another."""
        path, kept = self.path(exercise), None
        if path.exists() and path.read_text(errors="replace") != exercise.text:
            free = (path.with_suffix(f".{number}.txt") for number in count(1))
            kept = next(file for file in free if not file.exists())
            path.rename(kept)
        write_whole(path, exercise.text.encode())
        return kept
