"""The pages of the course: an index, a page for each lesson and for each exercise."""

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

from lessons.book.documents import COURSE_PATH, Links, documents
from lessons.book.markdown import converted
from lessons.citations import source_of
from lessons.exercise import CourseError, Exercise, Lesson

# What each kind of exercise asks for, as it stands above the statement.
KINDS = {
    "write": "Fill the gap.",
    "predict": "Say what will be counted, before anything runs.",
    "detect": "Find what is wrong and repair it.",
    "derive": "Write a backward kernel.",
    "climb": "Make a correct kernel cheaper.",
    "ship": "Put your kernels into a network.",
}

START = """\
## How to start

    make learn

makes ready what the course needs and opens it; after that

    python -m lessons

goes on where you were. You write into files of your own, and each check says what held, what did not, and why. No GPU
is needed: kernels are interpreted, every access looked at.
"""

WELCOME = f"""\
# A course in kernels

From a neuron to a network, by kernels that you write: each exercise is a page and a file with a gap in it, judged by an
interpreter that sees every access of every thread.

{START}
"""


def write_course(folder: Path, lessons: tuple[Lesson, ...]) -> None:
    """All pages of the course, and the index of the book."""
    whole = [(lesson, [e for e in lesson.exercises if is_whole(e)]) for lesson in lessons if is_begun(lesson)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.md").write_text(index_page(whole))
    for lesson, exercises in whole:
        page = folder / lesson_page(lesson)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(of_lesson(lesson, exercises))
        for exercise in exercises:
            page = folder / exercise_page(exercise)
            page.parent.mkdir(parents=True, exist_ok=True)
            has_picture = picture_of(exercise, page.with_suffix(".png"))
            page.write_text(of_exercise(exercise, has_picture))


def is_begun(lesson: Lesson) -> bool:
    return (lesson.folder / "lesson.md").is_file()


def is_whole(exercise: Exercise) -> bool:
    """Whether all of its files are there and can be read: one that somebody is still writing is left out.

    Nothing is hidden by that: that all exercises are whole is for tests/lessons/test_course.py to say.
    """
    with suppress(Exception):
        return bool(exercise.page.hints and exercise.judge.kind and exercise.original.text and exercise.solution.text)
    return False


def picture_of(exercise: Exercise, path: Path) -> bool:
    """Draw the picture of an exercise; returns whether it has one: a network launches nothing by itself."""
    from lessons import picture  # here, as it loads Numba and Matplotlib

    try:
        picture.picture_of(exercise, path)
    except CourseError:
        return False
    return True


def lesson_page(lesson: Lesson) -> PurePosixPath:
    return PurePosixPath("course") / f"{lesson.folder.name}.md"


def exercise_page(exercise: Exercise) -> PurePosixPath:
    return PurePosixPath("course") / exercise.lesson.folder.name / f"{exercise.folder.name}.md"


def index_page(whole: list[tuple[Lesson, list[Exercise]]]) -> str:
    parts = [WELCOME, "## The lessons\n"]
    for lesson, exercises in whole:
        parts.append(f"### {lesson.number}. [{lesson.title}]({lesson_page(lesson)})\n")
        parts.append(f"{introduction(lesson, PurePosixPath('index.md'))}\n")
        parts += [f"{exercise_line(exercise, str(exercise_page(exercise)))}" for exercise in exercises]
        parts.append("")
    parts.append("## The project\n")
    parts.append(
        "[What all of this is part of](README.md), and [every equation with its function](docs/equations.md).\n"
    )
    parts.append(
        contents("Lessons", [f"{lesson.number}. {lesson.title} </{lesson_page(lesson)}>" for lesson, _ in whole])
    )
    readme, *others = documents()
    parts.append(contents("Documents", [f"The project </{readme}>", *(f"/{document}" for document in others)]))
    return "\n".join(parts)


def of_lesson(lesson: Lesson, exercises: list[Exercise]) -> str:
    links = [f"{number_of(e)} {e.page.title} </{exercise_page(e)}>" for e in exercises]
    lines = [exercise_line(exercise, f"{lesson.folder.name}/{exercise.folder.name}.md") for exercise in exercises]
    title = f"# {lesson.number}. {lesson.title}\n"
    text = introduction(lesson, lesson_page(lesson))
    return "\n".join([title, f"{text}\n", "## Exercises\n", *lines, "", START, contents("", links)])


def introduction(lesson: Lesson, page: PurePosixPath) -> str:
    file = COURSE_PATH / lesson.folder.name / "lesson.md"
    return in_book(lesson.introduction, file, page, lesson.introduction)


def exercise_line(exercise: Exercise, address: str) -> str:
    kind = f'<span class="kind">{exercise.judge.kind}</span>'
    return f"- {number_of(exercise)} [{exercise.page.title}]({address}) {kind}"


def number_of(exercise: Exercise) -> str:
    return f"{exercise.lesson.number}.{exercise.number}"


def of_exercise(exercise: Exercise, has_picture: bool) -> str:
    """Statement, file, hints and solution; the last two folded."""
    page, kind = exercise.page, exercise.judge.kind
    place, file = exercise_page(exercise), COURSE_PATH / exercise.lesson.folder.name / exercise.folder.name / "page.md"

    def text(part: str) -> str:
        return in_book(part, file, place, page.statement)

    parts = [
        f"# {number_of(exercise)} {page.title}",
        f'<span class="kind">{kind}</span> {KINDS.get(kind, "")} Your file: `{exercise.file.as_posix()}`',
        text(page.statement),
    ]
    if has_picture:
        parts.append(f"![Which thread touches what]({place.with_suffix('.png').name})")
    parts += ["## The file", code(exercise.original.text), "## Hints"]
    parts += [folded(f"Hint {number}", text(hint)) for number, hint in enumerate(page.hints, 1)]
    parts += ["## Solution", folded("Show the solution", f"{code(exercise.solution.text)}\n\n{text(page.solution)}")]
    return "\n\n".join(parts) + "\n"


def in_book(part: str, file: PurePosixPath, place: PurePosixPath, statement: str) -> str:
    """A part of a page: an equation without a source is of the one that the statement names first."""
    links = Links(file, place, lambda path: None)
    return converted(part, links.relink, links.locate, source_of(statement))


def code(text: str) -> str:
    ticks = max(["```", *(found + "`" for found in re.findall("`{3,}", text))], key=len)
    return f"{ticks}python\n{text.rstrip()}\n{ticks}"


def folded(title: str, text: str) -> str:
    """What is shown when its title is pressed. The empty lines make what is inside Markdown again."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def contents(caption: str, entries: list[str]) -> str:
    """What the list beside the pages shows."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    lines = [re.sub(r"\.md(>?)$", r"\1", entry) for entry in entries]
    return "\n".join(["```{toctree}", *options, "", *lines, "```", ""])
