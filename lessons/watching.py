"""Checks on every save: one screen, with what the judge says of the file as it is now."""

from rich.text import Text
from watchfiles import watch as changes

from lessons import shown
from lessons.desk import Desk
from lessons.shown import console, program

PAUSE = 50  # milliseconds in which several changes are one


def watch(desk: Desk) -> None:
    """Check now, and whenever a file of the folder is saved; `next` elsewhere goes on to the next exercise here, too.

    Ends by an interrupt.
    """
    screen(desk)
    seen = state(desk)
    for _ in changes(desk.folder, step=PAUSE, debounce=PAUSE, raise_interrupt=True, recursive=True):
        desk = Desk(desk.folder)
        if (now := state(desk)) != seen:
            seen = now
            screen(desk)


def state(desk: Desk) -> tuple[str, str]:
    """What a check depends on: which exercise, and what the learner has written."""
    path = desk.path(desk.current)
    return desk.name, path.read_text(errors="replace") if path.exists() else ""


def screen(desk: Desk) -> None:
    """The current exercise and the verdict on it, on an empty screen."""
    from lessons.answer import AnswerError

    exercise = desk.current
    console.clear()
    title, path = (exercise.page.title, "bold"), (f"{desk.path(exercise)}\n", "dim")
    console.print(Text.assemble(title, "  ", path), soft_wrap=True)
    try:
        found = desk.check(exercise)
    except AnswerError as error:
        console.print(f"✗ {error}", soft_wrap=True)
    else:
        shown.verdict(found)
        console.print(Text(f"\n{found.seconds:.1f} s; waiting for the next save, Ctrl-C ends", "dim"))
        if found.solved:
            console.print(f"go on with: {program()} next")
