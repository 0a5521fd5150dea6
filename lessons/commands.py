"""What the commands of python -m lessons do."""

from dataclasses import asdict
from pathlib import Path

from rich.syntax import Syntax

from kernels.commands.command_line import write_json
from lessons import shown
from lessons.desk import PROGRESS, Desk
from lessons.exercise import CourseError, Exercise, course, exercises
from lessons.shown import console, program

FOLDER = Path("my-lessons")


def _desk(options) -> Desk:
    """The learner's: as asked for, else here if it is here, else in a folder of its own."""
    if folder := getattr(options, "folder", None):
        return Desk(folder)
    return Desk(Path() if Path(PROGRESS).is_file() else FOLDER)


def where(options) -> None:
    """Say where the learner is."""
    shown.where(_desk(options))


def start(options) -> None:
    """Copy the exercises, those that are not there yet."""
    desk = _desk(options)
    new, there = desk.start(), len(exercises())
    if new:
        kept = f"; {there - new} were there already, and stay as they are" if new < there else ""
        console.print(f"copied {new} exercises into {desk.folder}{kept}\n", soft_wrap=True)
    shown.where(desk)


def show(options) -> None:
    """Print a page."""
    desk = _desk(options)
    exercise = desk.chosen(options.name)
    desk.change(exercise)
    page(desk, exercise)


def page(desk: Desk, exercise: Exercise) -> None:
    """Print the page of an exercise, then draw its picture, which takes a moment."""
    shown.page(exercise, desk)
    path = desk.picture(exercise)
    if not path.exists():
        from lessons.picture import picture_of  # here, as it loads Numba and Matplotlib

        try:
            picture_of(exercise, path)
        except CourseError:  # nothing is launched that could be drawn: a network
            return
    console.print(f"picture {path}", soft_wrap=True)


def go_on(options) -> None:
    """Go on to what is not solved yet."""
    desk = _desk(options)
    exercise = desk.go_on()
    if exercise is None:
        console.print(f"all {len(exercises())} exercises are solved; {program()} report --html FILE keeps them")
        return
    page(desk, exercise)


def check(options) -> int:
    """Judge an answer; exit code 1 if it is not solved."""
    desk = _desk(options)
    exercise = desk.chosen(options.name)
    found = desk.check(exercise, options.seed)
    shown.verdict(found)
    if found.solved and exercise.kind == "climb":
        climbed(desk, exercise)
    if found.solved:
        console.print(f"read why it is so: {program()} solution      go on: {program()} next", soft_wrap=True)
    write_json(options.json, found.as_dict())
    return 0 if found.solved else 1


def ladder(options) -> None:
    """Show a learner's ladder as far as it is."""
    desk = _desk(options)
    climbed(desk, desk.chosen(options.name))


def climbed(desk: Desk, exercise: Exercise) -> None:
    """The learner's ladder beside ours, as a table, and as a picture in the learner's folder."""
    from lessons import ladder  # here, as these load Numba
    from lessons.answer import Answer

    answer = Answer.of_file(desk.path(exercise))
    console.print(f"\n{ladder.table(exercise, answer)}\n", soft_wrap=True)
    path = desk.picture(exercise, "ladder")
    ladder.draw(exercise, answer, path)
    console.print(f"drawn in {path}", soft_wrap=True)


def watch(options) -> None:
    """Check on every save, until interrupted."""
    from lessons.watching import watch  # here, as no other command needs it

    desk = _desk(options)
    if options.name:
        desk.change(desk.chosen(options.name))
    desk.require()
    watch(desk)


def hint(options) -> None:
    """Print the next hint; after the last all of them."""
    desk = _desk(options)
    exercise = desk.chosen(options.name)
    hints = exercise.page.hints
    number = desk.state(exercise).hints
    if number == len(hints):
        console.print(f"these are all hints; the solution: {program()} solution {exercise.name}")
    else:
        desk.change(exercise, hints=number + 1)
    for n in range(len(hints)) if number == len(hints) else [number]:
        shown.text(f"**Hint {n + 1} of {len(hints)}.** {hints[n]}")


def solution(options) -> None:
    """Print the solution; that it was looked at before the exercise was solved is noted."""
    desk = _desk(options)
    exercise = desk.chosen(options.name)
    if not desk.state(exercise).solved:
        desk.change(exercise, looked=True)
    code = exercise.solution.text
    if console.is_terminal:  # elsewhere lines stay as long as they are, to be copied
        console.print(Syntax(code, "python", theme="ansi_light", background_color="default", word_wrap=True))
    else:
        console.print(code, soft_wrap=True)
    shown.text(exercise.page.solution)


def reset(options) -> None:
    """Bring an exercise back as it was given out."""
    desk = _desk(options)
    exercise = desk.chosen(options.name)
    kept = desk.reset(exercise)
    console.print(f"{desk.path(exercise)} is as it was given out", soft_wrap=True)
    if kept:
        console.print(f"what you had written is in {kept}", soft_wrap=True)


def show_list(options) -> None:
    """List the exercises."""
    desk = _desk(options)
    console.print(shown.exercises_table(desk))
    rows = [
        {"lesson": lesson.number, "name": exercise.name, "kind": exercise.kind, "title": exercise.page.title}
        | asdict(desk.state(exercise))
        for lesson in course()
        for exercise in lesson.exercises
    ]
    write_json(options.json, {"current": desk.name if desk.is_set_up else None, "exercises": rows})


def trace(options) -> None:
    """Write a page of the learner's kernel, step by step."""
    from lessons.answer import Answer  # here, as these load Numba
    from lessons.traced import recorded

    desk = _desk(options)
    exercise = desk.chosen(options.name)
    recording = recorded(exercise, Answer.of_file(desk.path(exercise)), options.seed)
    recording.write(options.html)
    console.print(
        f"wrote {options.html}: {recording.launch.kernel.name}, {len(recording.steps):,} steps", soft_wrap=True
    )
    if fault := recording.fault:
        console.print(f"{fault.kind}{'' if fault.step is None else f' in step {fault.step + 1}'}: {fault.text}")


def book(options) -> None:
    """Write the course and the documents as pages."""
    from lessons.book import build  # here, as no other command needs it

    build(options.to)
    print(f"wrote {options.to / 'index.html'}")


def kinds(options) -> None:
    """List the faults that a kernel may have, as KIND names them."""
    from lessons.judging import FAULTS  # here, as it loads Numba

    width = max(map(len, FAULTS))
    for name, what in FAULTS.items():
        console.print(f"{name:{width}}  {what}", soft_wrap=True)


def report(options) -> None:
    """Write what has been done as a page."""
    from lessons.report import write  # here, as no other command needs it

    desk = _desk(options)
    desk.require()
    write(desk, options.html)
    print(f"wrote {options.html}")
