"""The project's documents, and the source files that they link to, as pages of the book.

A page has the path that its file has in the project, so that links between documents stay as they are; that of a source
file ends in .py.html, and has an anchor for each function and class.
"""

import ast
import os
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath

from lessons.book.markdown import anchor, converted, with_anchors
from lessons.citations import numbers
from lessons.exercise import CourseError

ROOT = Path(__file__).parents[2]
COURSE_PATH = PurePosixPath("lessons/course")
EQUATIONS = PurePosixPath("docs/equations.md")
# These are about the equations, and name many in ways of their own: they have links where they want them.
UNCITED = (EQUATIONS, PurePosixPath("docs/errata.md"))
FIRST = ("docs/equations.md", "docs/kernels-from-python.md", "docs/kernels.md", "docs/interpreter.md")
FINISHED = "_finished"  # the folder of pages that Sphinx takes as they are
PICTURES = (".png", ".jpg", ".svg")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
SOURCE_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{path} - Handwritten</title>
<link rel="stylesheet" href="{up}_static/pygments.css">
<link rel="stylesheet" href="{up}_static/styles/furo.css">
<link rel="stylesheet" href="{up}_static/book.css">
</head>
<body data-theme="auto" class="source">
<p><a href="{up}index.html">Handwritten</a></p>
<h1>{path}</h1>
<div class="highlight"><pre>
{code}
</pre></div>
</body>
</html>
"""
NAMED = re.compile(r"`(?:[\w./]+\.py(?:: |::))?(\w+)`")


class Links:
    """Where links from one page lead.

    origin    the file that the page is made of, from the root
    page      where the page stands in the book
    wanted    is told of each file that a link needs
    """

    def __init__(self, origin: PurePosixPath, page: PurePosixPath, wanted: Callable[[PurePosixPath], None]):
        self.origin, self.page, self.wanted = origin, page, wanted

    def relink(self, target: str, said: str) -> str | None:
        """The target of a link in the book; None where the book has nothing to lead to: a folder, a log."""
        path, _, fragment = target.partition("#")
        linked = PurePosixPath(os.path.normpath(self.origin.parent / path))
        if linked.parts[0] == ".." or not (ROOT / linked).is_file():
            return None
        place = place_of(linked)
        if place is None:
            return None
        self.wanted(linked)
        if linked.suffix == ".py" and (named := NAMED.fullmatch(said)) and named[1] in definitions(ROOT / linked):
            fragment = named[1]
        return self.to(place) + (f"#{fragment}" if fragment else "")

    def locate(self, source: str, number: str) -> str | None:
        if (source, number) not in equations()[1]:
            return None
        self.wanted(EQUATIONS)
        return f"{self.to(EQUATIONS)}#{anchor(source, number)}"

    def to(self, place: PurePosixPath) -> str:
        return os.path.relpath(place, self.page.parent).replace(os.sep, "/")


def place_of(path: PurePosixPath) -> PurePosixPath | None:
    """Where a file of the project stands in the book, if it can."""
    if path.name in ("lesson.md", "page.md") and path.is_relative_to(COURSE_PATH):
        return PurePosixPath("course") / path.parent.relative_to(COURSE_PATH).with_suffix(".md")
    if path.suffix == ".py":
        return path.with_name(f"{path.name}.html")
    return path if str(path) in documents() or path.suffix in PICTURES else None


@cache
def equations() -> tuple[str, set[tuple[str, str]]]:
    """docs/equations.md with anchors, and which equations it has. Raises CourseError."""
    try:
        return with_anchors((ROOT / EQUATIONS).read_text(), numbers)
    except FileNotFoundError as error:
        raise CourseError(f"there is no {EQUATIONS} beside the course: the book is built in a checkout") from error


def write_documents(folder: Path) -> None:
    """All documents, and what they link to."""
    waiting = [PurePosixPath(path) for path in documents()]
    done: set[PurePosixPath] = set()

    def want(path: PurePosixPath) -> None:
        if path not in done and path not in waiting and not path.is_relative_to(COURSE_PATH):
            waiting.append(path)

    while waiting:
        path = waiting.pop()
        done.add(path)
        place = place_of(path)
        assert place
        page = folder / (FINISHED if path.suffix == ".py" else "") / place
        page.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in PICTURES:
            shutil.copy(ROOT / path, page)
        elif path.suffix == ".py":
            page.write_text(source_page(path))
        else:
            page.write_text(document_page(path, want))


@cache
def documents() -> list[str]:
    """The documents of the project, from the root: what a learner wants first, then as README.md names them."""
    readme = (ROOT / "README.md").read_text()
    all_of_them = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
    named = list(dict.fromkeys(re.findall(r"\]\((docs/[\w-]+\.md)", readme)))
    return list(dict.fromkeys(["README.md", *FIRST, *named, *all_of_them, "lessons/README.md"]))


def document_page(path: PurePosixPath, want: Callable[[PurePosixPath], None]) -> str:
    text = equations()[0] if path == EQUATIONS else (ROOT / path).read_text()
    for picture in IMAGE.findall(text):
        want(PurePosixPath(os.path.normpath(path.parent / picture)))
    links = Links(path, path, want)
    return converted(text, links.relink, nowhere if path in UNCITED else links.locate)


def nowhere(source: str, number: str) -> None:
    """Where equations are that are not linked to."""


@cache
def definitions(path: Path) -> dict[str, int]:
    """The line of each function and class at the top of a source file, decorators included."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return found


def source_page(path: PurePosixPath) -> str:
    """A source file, coloured, with the names of what is defined in it as anchors.

    It is no page of Sphinx's, which would take longer over these than over all others, but looks like one.
    """
    from pygments import highlight  # here, because they come with the extra that the book needs
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    text = (ROOT / path).read_text()
    lines = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).splitlines()
    for name, line in definitions(ROOT / path).items():
        lines[line - 1] = f'<span id="{name}"></span>{lines[line - 1]}'
    up = "../" * len(path.parent.parts)
    return SOURCE_PAGE.format(path=path, up=up, code="\n".join(lines))
