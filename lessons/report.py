"""What a learner has done, as one page that needs nothing else: the lessons, and the code of what is solved."""

from html import escape
from pathlib import Path

from kernels.files import write_whole
from lessons.desk import Desk
from lessons.exercise import Exercise, course, exercises

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #22272e;
       background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td { padding: .2rem .6rem .2rem 0; vertical-align: top }
td.number { text-align: right } .done { color: #2a7d4f } .open { color: #7d8790 }
pre { overflow-x: auto; background: #f4f6f8; padding: .8rem; font-size: .85rem }
@media (prefers-color-scheme: dark) {
  body { color: #dfe3e8; background: #16191d } pre { background: #22272e } .done { color: #5cc48d }
}
"""

PAGE = """<!doctype html>
<html lang=en>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Lessons</title>
<style>{style}</style></head>
<body>
{body}
</body>
</html>
"""


def write(desk: Desk, path: Path) -> None:
    """Write the page, whole or not at all."""
    write_whole(path, page(desk).encode())


def page(desk: Desk) -> str:
    solved = sum(bool(desk.state(exercise).solved) for exercise in exercises())
    own = sum(bool(desk.state(e).solved and not desk.state(e).looked) for e in exercises())
    parts = [f"<h1>{solved} of {len(exercises())} exercises solved</h1>"]
    parts.append(f"<p>{own} of them without a look at the solution.</p>")
    for lesson in course():
        parts.append(f"<h2>{lesson.number}. {escape(lesson.title)}</h2>")
        rows = "\n".join(row(desk, exercise) for exercise in lesson.exercises)
        parts.append(f"<table>{rows}</table>")
    return PAGE.format(style=STYLE, body="\n".join(parts))


def row(desk: Desk, exercise: Exercise) -> str:
    """A line of the table, and below it the learner's code if it is solved."""
    state = desk.state(exercise)
    kind = "done" if state.solved else "open"
    counts = f"{state.checks} checks, {state.hints} hints" if state.checks or state.hints else ""
    cells = f"<td>{escape(exercise.page.title)}</td><td class={kind}>{state.word or 'open'}</td>"
    line = f"<tr>{cells}<td class=number>{counts}</td></tr>"
    path = desk.path(exercise)
    if not (state.solved and path.exists()):
        return line
    code = f"<pre>{escape(path.read_text(errors='replace'))}</pre>"
    folded = f"<details><summary>{escape(str(exercise.file))}</summary>{code}</details>"
    return f"{line}\n<tr><td colspan=3>{folded}</td></tr>"
