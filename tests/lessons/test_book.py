"""The book of the course: every page is there, leads where it says, and needs no network."""

import fcntl
import importlib.util
import os
import re
import shutil
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from lessons import book
from lessons.book import build, build_with_warnings
from lessons.book.documents import equations
from lessons.book.markdown import anchor, converted, with_anchors
from lessons.book.pages import is_begun, is_whole, write_course
from lessons.citations import numbers
from lessons.exercise import COURSE, CourseError, course
from tests.helpers import ROOT

missing = [name for name in book.NEEDED if importlib.util.find_spec(name) is None]
needs_sphinx = pytest.mark.skipif(bool(missing), reason="the extra `site` is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = ["index.html", "course/01_neuron.html", "course/01_neuron/01_map.html", "./docs/equations.html"]
EXERCISES = [e for lesson in course() if is_begun(lesson) for e in lesson.exercises if is_whole(e)]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
LOADING = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("audio", "src")}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The book, and what Sphinx says of it. It is built once for all processes that pytest-xdist has."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "book"
    folder.mkdir(exist_ok=True)
    said = folder / "warnings.txt"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(build_with_warnings(folder / "site"))
    return folder / "site", said.read_text()


@pytest.fixture(scope="module")
def site(built):
    return built[0]


class Page(HTMLParser):
    """What a page links to, loads, and has anchors for."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loaded, self.anchors, self.classes = [], [], set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.classes += given.get("class", "").split()
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loaded += [value for name, value in given.items() if (tag, name) in LOADING]


@cache
def page(path: Path) -> Page:
    return Page(path)


@needs_sphinx
def test_nothing_is_wrong_with_the_pages(built):
    assert built[1] == ""


@needs_sphinx
def test_every_exercise_has_its_page(site):
    assert EXERCISES
    for exercise in EXERCISES:
        text = (site / "course" / exercise.lesson.folder.name / f"{exercise.folder.name}.html").read_text()
        assert exercise.page.title.split()[0] in text
        assert exercise.judge.kind in text
        assert text.count("<details>") == text.count("</details>") == len(exercise.page.hints) + 1


@needs_sphinx
def test_every_document_has_its_page(site):
    for document in DOCUMENTS:
        assert (site / document).with_suffix(".html").is_file()
    assert (site / "README.html").is_file()


@needs_sphinx
def test_the_index_leads_to_everything(site):
    found = {(site / urlsplit(link).path).resolve() for link in page(site / "index.html").links if link}
    for exercise in EXERCISES:
        assert site / "course" / exercise.lesson.folder.name / f"{exercise.folder.name}.html" in found
    assert {(site / document).with_suffix(".html") for document in DOCUMENTS} <= found


@needs_sphinx
def test_every_link_leads_somewhere(site):
    wrong = []
    for path in sorted(site.rglob("*.html")):
        for link in page(path).links:
            url = urlsplit(link)
            if url.scheme:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            is_there = target.is_file()
            if is_there and url.fragment and target.suffix == ".html":
                is_there = unquote(url.fragment) in page(target).anchors
            if not is_there:
                wrong.append((path.relative_to(site), link))
    assert wrong == []


@needs_sphinx
def test_nothing_is_loaded_from_elsewhere(site):
    for path in sorted(site.rglob("*.html")):
        for address in page(path).loaded:
            url = urlsplit(address)
            assert not url.scheme or url.scheme == "data", (path, address)
            assert not url.netloc, (path, address)
            assert not url.path or (path.parent / unquote(url.path)).is_file(), (path, address)
    for path in site.rglob("*.css"):
        loaded = re.findall(r"(?:@import\s*|url\(\s*)[\"']?([^)\"']*)", path.read_text())
        assert not [address for address in loaded if "//" in address and not address.startswith("data:")], path


@needs_sphinx
def test_equations_that_a_page_names_are_links_to_their_places(site):
    links = page(site / "course" / "01_neuron" / "01_map.html").links
    assert "../../docs/equations.html#zozoulenko-2018-5" in links
    assert "zozoulenko-2018-7" in page(site / "docs" / "equations.html").anchors


@needs_sphinx
def test_every_formula_is_drawn(site):
    """None is left as LaTeX, and none has a command in it that the converter did not know."""
    text = (site / "docs" / "equations.html").read_text()
    assert text.count("<math") == len(re.findall(r"\$`|^```math", (ROOT / "docs/equations.md").read_text(), re.M))
    for path in site.rglob("*.html"):
        for formula in re.findall(r"<math.*?</math>", path.read_text(), re.DOTALL):
            assert "\\" not in re.sub(r"<mo>\\</mo>", "", formula), (path, formula)


@needs_sphinx
def test_a_function_that_a_document_names_is_a_link_to_its_line(site):
    links = page(site / "docs" / "equations.html").links
    assert "../kernels/operations/linear/reference.py.html#forward" in links


@needs_sphinx
def test_a_book_takes_the_place_of_a_book_and_of_nothing_else(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all I have")
    with pytest.raises(CourseError, match=r"^\S+ is there already and is no book: .*$"):
        build(mine)
    assert (mine / "thesis.txt").read_text() == "all I have"


@needs_sphinx
def test_it_is_the_same_each_time_however_many_lessons(site, tmp_path, monkeypatch):
    """A short one, without documents that take their time."""
    monkeypatch.setattr(book, "write_documents", lambda folder: None)
    folder, found = tmp_path / "site", []
    for _ in range(2):  # the second takes the place of the first
        build_with_warnings(folder, course()[:1])
        found.append({path: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert sorted(found[0]) == sorted(found[1])
    assert [path for path in found[0] if found[0][path] != found[1][path]] == []


def test_without_the_extra_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(book, "NEEDED", ("a_package_that_nobody_has",))
    with pytest.raises(CourseError, match=r'pip install -e "\.\[site\]"$'):
        build(tmp_path / "site")


@pytest.mark.parametrize("drawn", [True, False])
def test_an_exercise_has_a_picture_where_one_can_be_drawn(tmp_path, monkeypatch, drawn):
    asked = []
    monkeypatch.setattr("lessons.book.pages.picture_of", lambda exercise, path: asked.append(path) or drawn)
    write_course(tmp_path, course()[:1])
    written = (tmp_path / "course" / "01_neuron" / "01_map.md").read_text()
    assert ("![Which thread touches what](01_map.png)" in written) == drawn
    assert tmp_path / "course" / "01_neuron" / "01_map.png" in asked


def test_what_is_still_being_written_is_left_out(tmp_path):
    lessons = tmp_path / "lessons"
    shutil.copytree(COURSE / "01_neuron", lessons / "01_neuron")
    (lessons / "01_neuron" / "99_begun").mkdir()
    shutil.copytree(COURSE / "01_neuron" / "01_map", lessons / "01_neuron" / "98_begun")
    (lessons / "01_neuron" / "98_begun" / "page.md").write_text("# Begun\n\nTo be said.\n\n## Hint 1\n\nThink.\n")
    (lessons / "02_begun" / "01_begun").mkdir(parents=True)
    write_course(tmp_path / "sources", course(lessons))
    written = (tmp_path / "sources" / "index.md").read_text()
    assert "A thread for every value" in written
    assert "begun" not in written.lower()


# --- Markdown


def of(text, source=None):
    return converted(text, lambda target, said: target.replace(".md", ".html#x"), "{}:{}".format, source)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a $`\\alpha`$ b", "a {math}`\\alpha` b"),
        ("```math\nx\n```", "```{math}\nx\n```"),
        ("`eq. 3`, and Zozoulenko (2018), eq. 3", "`eq. 3`, and Zozoulenko (2018), [eq. 3](Zozoulenko (2018):3)"),
        ("Murugan (2017), eq. 2.4-2.5 and 2.7", "Murugan (2017), [eq. 2.4-2.5](M:2.4) and [2.7](M:2.7)"),
        ("Ren et al. (2015), eq. 2", "Ren et al. (2015), eq. 2"),
        ("# Zozoulenko (2018), eq. 3\n", "# Zozoulenko (2018), eq. 3\n"),
        ("```python\n# Zozoulenko (2018), eq. 3\n```", "```python\n# Zozoulenko (2018), eq. 3\n```"),
        ("a\n\n    Zozoulenko (2018), eq. 3\n", "a\n\n    Zozoulenko (2018), eq. 3\n"),
    ],
)
def test_markdown_of_github_becomes_that_of_the_book(text, expected):
    assert of(text).replace("Murugan (2017):", "M:") == expected


def test_equations_have_anchors():
    text, found = with_anchors("a\n\n## Seed 003\n\n### Eq. 20-21: b\n\n| 3.3, 4 [†](c) | x |\n\n## Sources\n", numbers)
    assert found == {("Seed 003", n) for n in ("20", "21", "3.3", "4")}
    assert '<a id="seed-003-20"></a><a id="seed-003-21"></a>\n\n### Eq. 20-21: b' in text
    assert anchor("Murugan (2017)", "3.74") == "murugan-2017-3-74"
    assert len(equations()[1]) > 200


@needs_sphinx
@pytest.mark.parametrize(
    ("latex", "part"),
    [
        (r"f'(x)", '<mi>f</mi><mo lspace="0" rspace="0">&#x02032;</mo>'),
        (r"\max_{i} x", "<munder><mo "),
        (r"a \xrightarrow{w} b", '<mo stretchy="true">&#x2192;</mo><mrow><mspace width="0.5em"></mspace>'),
    ],
)
def test_formulas_are_drawn_by_browsers_as_they_should_be(latex, part):
    from lessons.book.formulas import mathml

    assert part in mathml(latex, display=True)


@needs_sphinx
def test_a_formula_that_cannot_be_set_is_shown_as_it_is_written():
    from lessons.book.formulas import mathml

    assert mathml("x^a^b", display=True) == "<code>x^a^b</code>"


# --- In a browser


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright", reason="the extra `browser` is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on PATH")
    from playwright import sync_api

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root cannot have
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, site):
    """Opens a page of the book from its folder. In the end nothing has failed, and nothing else was asked for."""
    pages, wrong = [], []

    def visit(name, width=1280, height=900):
        pages.append(chromium.new_page(viewport={"width": width, "height": height}))
        pages[-1].on("pageerror", lambda error: wrong.append(str(error)))
        pages[-1].on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        pages[-1].on("requestfailed", lambda request: wrong.append(request.url))
        pages[-1].on("request", lambda r: wrong.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        pages[-1].goto(f"{site.as_uri()}/{name}")
        return pages[-1]

    yield visit
    for opened in pages:
        opened.close()
    assert wrong == []


@needs_sphinx
@pytest.mark.parametrize("name", [*PAGES, "./docs/errata.html", "./docs/commands.html", "./docs/faces.html"])
@pytest.mark.parametrize("width", [380, 1280])
def test_pages_fit_on_every_screen(visit, name, width):
    opened = visit(name, width)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    # What is too wide is pushed to the side inside of something that can be.
    assert opened.evaluate(OUTSIDE, width) == []


OUTSIDE = """(width) => [...document.querySelectorAll("article *")].filter((element) => {
    if (element.getBoundingClientRect().right <= width + 1) return false;
    for (let at = element; at; at = at.parentElement)
        if (["auto", "scroll", "hidden"].includes(getComputedStyle(at).overflowX)) return false;
    return true;
}).map((element) => element.outerHTML.slice(0, 200))"""


@needs_sphinx
def test_hints_open_and_close(visit):
    opened = visit("course/01_neuron/01_map.html")
    hint, solution = opened.locator("details").first, opened.locator("details").last
    assert not hint.locator("p").first.is_visible()
    hint.locator("summary").click()
    assert hint.locator("p").first.is_visible()
    assert not solution.locator("pre").first.is_visible()
    hint.locator("summary").click()
    assert not hint.locator("p").first.is_visible()
    solution.locator("summary").click()
    assert "max(x[i], float32(0))" in solution.locator("pre").first.inner_text()


@needs_sphinx
@pytest.mark.parametrize("name", ["course/01_neuron/01_map.html", "./docs/equations.html"])
def test_an_equation_has_a_size(visit, name):
    box = visit(name, 380).locator("div.math math").first.bounding_box()
    assert box["width"] > 60
    assert box["height"] > 12


@needs_sphinx
def test_the_search_finds_without_a_server(visit):
    opened = visit("search.html?q=transposition")
    opened.wait_for_selector("#search-results li a")
    assert opened.locator("#search-results li a").count() > 0


@needs_sphinx
def test_a_source_file_is_readable(visit):
    opened = visit("./kernels/operations/linear/reference.py.html#forward", 380)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 380
    assert "def forward" in opened.locator("pre").inner_text()
