"""The course and the project's documents as a book of static pages, to be read without a network.

    build(Path("site"))

writes it: an index, a page for each lesson and exercise, all of docs/, and the source files that these link to. The
pages are made by Sphinx, with MyST for Markdown and the theme Furo, which all are maintained and free (BSD-2, MIT and
MIT); mkdocs-material, which would do as well, calls itself inactive in its metadata, and MkDocs below it has had no
release since 1.6.1. Sphinx reads CommonMark as GitHub does, its search works from a folder without a server, and Furo
takes its fonts from the system. Formulas are MathML when the page is built, which browsers draw by themselves.

    pages.py       the pages of the course, in Markdown
    documents.py   docs/ and what it links to
    markdown.py    from GitHub's Markdown to MyST's: links, formulas, equations that a text names
    formulas.py    LaTeX to MathML, for Sphinx
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kernels.files import naming
from lessons.book.documents import write_documents
from lessons.book.pages import write_course
from lessons.exercise import CourseError, Lesson, course

NEEDED = ("sphinx", "myst_parser", "furo", "latex2mathml")
STYLE = Path(__file__).with_name("book.css")
MARK = ".buildinfo"  # that Sphinx leaves where it has written

CONFIGURATION = """\
project = "Handwritten"
html_title = "Handwritten"
language = "en"
extensions = ["myst_parser", "formulas", "sphinx.ext.githubpages"]
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["_static", "_finished"]
myst_heading_anchors = 6
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
html_static_path = ["_static"]
html_extra_path = ["_finished"]
html_css_files = ["book.css"]
html_math_renderer = "mathml"
html_permalinks_icon = "#"
html_copy_source = False
html_use_index = False
html_show_search_summary = False  # which a browser does not fetch from a folder
html_show_copyright = False
# Anchors that are written as HTML, which a test of the book follows; and rows of a wide table are no sentences.
suppress_warnings = ["myst.xref_missing"]
"""


def build(folder: Path) -> None:
    """Write the book into a folder, which is made, or holds a book. Raises CourseError, OSError."""
    warnings = build_with_warnings(folder)
    if warnings:
        raise CourseError(f"the book is written, but of its pages Sphinx says: {warnings.splitlines()[0]}")


def build_with_warnings(folder: Path, lessons: tuple[Lesson, ...] | None = None) -> str:
    """The same; returns what Sphinx thinks is wrong with the pages. Raises CourseError, OSError."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(f'{missing[0]} is not installed, which the book needs: pip install -e ".[site]"')
    if folder.exists() and not (folder.is_dir() and (is_book(folder) or not any(folder.iterdir()))):
        raise CourseError(f"{folder} is there already and is no book: --to names another, or delete it")
    with tempfile.TemporaryDirectory() as temporary:
        sources, pages = Path(temporary) / "sources", Path(temporary) / "pages"
        write_sources(sources, course() if lessons is None else lessons)
        warnings = run_sphinx(sources, pages)
        with naming(folder):
            if folder.exists():
                shutil.rmtree(folder)
            shutil.copytree(pages, folder)
    return warnings


def is_book(folder: Path) -> bool:
    return (folder / MARK).is_file() and (folder / "_static" / STYLE.name).is_file()


def write_sources(folder: Path, lessons: tuple[Lesson, ...]) -> None:
    """Everything that Sphinx reads."""
    static = folder / "_static"
    static.mkdir(parents=True)
    shutil.copy(STYLE, static)
    (folder / "conf.py").write_text(CONFIGURATION)
    write_course(folder, lessons)
    write_documents(folder)


def run_sphinx(sources: Path, pages: Path) -> str:
    """What it warns of, with names of files as the book has them. Raises CourseError.

    It is a process of its own: it changes what docutils is for all that run in one, and with the hashes of strings
    fixed it writes the same bytes each time.
    """
    doctrees = sources.parent / "doctrees"
    folders = map(str, (doctrees, sources, pages))
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-j", "auto", "-d", *folders]
    # The extension is found beside this file, and not through this package, which takes seconds to import.
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0", "NO_COLOR": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = done.stderr.replace(f"{sources}{os.sep}", "").strip()
    if done.returncode:
        last = said.splitlines()[-1] if said else f"it ended with {done.returncode}"
        raise CourseError(f"Sphinx cannot make the book: {last}")
    return said
