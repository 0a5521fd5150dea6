"""The documents keep their word: no equation is missing, and every file, function, test and link they name exists."""

import ast
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "kernels", "framework", "apps", "tests", "benchmarks")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

# The numbers that each seed prints, by the heading of its table.
NUMBERS = {
    "Zozoulenko (2018)": [str(n) for n in range(1, 62)],
    "Seed 001": [str(n) for n in range(1, 62)],
    "Murugan (2017)": [f"2.{n}" for n in range(1, 16)] + [f"3.{n}" for n in range(1, 81)],
    "Seed 003": [str(n) for n in range(1, 34)],
    "Seed 004": ["1", "2"],
}
MARK = "†"


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def tables(document: str) -> dict[str, list[list[str]]]:
    """The rows of the tables below each heading of second order, without their heads."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in (ROOT / "docs" / document).read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("|"):
            found.setdefault(heading, []).append([cell.strip() for cell in line.strip("|").split("|")])
    return {heading: rows[2:] for heading, rows in found.items()}


def numbers(cell: str) -> list[str]:
    """The equations a cell names: "3.3-3.5, 3.9 †" are 3.3, 3.4, 3.5 and 3.9; words name none."""
    found = []
    for part in cell.replace(MARK, "").split(","):
        if match := re.fullmatch(r"(\d+\.)?(\d+)(?:-(?:\d+\.)?(\d+))?", part.strip()):
            chapter, first, last = match[1] or "", int(match[2]), int(match[3] or match[2])
            found += [f"{chapter}{n}" for n in range(first, last + 1)]
    return found


@cache
def definitions(path: Path) -> set[str]:
    """What a module defines at its top: functions, classes, constants."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@cache
def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("seed", NUMBERS)
def test_every_numbered_equation_has_one_row(seed):
    rows = Counter(n for row in tables("equations.md")[seed] for n in numbers(row[0]))
    assert set(rows) == set(NUMBERS[seed])
    assert [n for n, count in rows.items() if count > 1] == []


@pytest.mark.parametrize("seed", NUMBERS)
def test_every_row_says_where_it_is_computed_and_what_proves_it(seed):
    for number, _, computed, proof in (row for row in tables("equations.md")[seed] if "000" not in row[1]):
        assert computed, f"{seed}, eq. {number} has no place"
        assert proof, f"{seed}, eq. {number} has no proof"


def test_equations_marked_as_misprinted_are_those_of_the_errata():
    equations, errata = tables("equations.md"), tables("errata.md")
    misprinted = {seed: {n for row in errata.get(seed, []) for n in numbers(row[0])} for seed in NUMBERS}
    both = errata["Zozoulenko (2018), and seed 001"]
    misprinted["Zozoulenko (2018)"] = {n for row in both for n in numbers(row[0])}
    misprinted["Seed 001"] = {n for row in both for n in numbers(row[1])}
    for seed in NUMBERS:
        marked = {n for row in equations[seed] if MARK in row[0] for n in numbers(row[0])}
        assert marked == misprinted[seed], seed


def test_every_test_of_the_errata_is_in_the_errata():
    written = (ROOT / "docs" / "errata.md").read_text()
    tests = {name for name in definitions(ROOT / "tests" / "test_errata.py") if name.startswith("test_")}
    assert tests == set(re.findall(r"`(test_\w+)`", written))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_function_and_test_that_is_named_exists(document):
    text = document.read_text()
    for path, name in re.findall(r"`([\w./]+\.py)(?:: |::)(\w+)", text):
        assert (ROOT / path).is_file(), f"{path} does not exist"
        assert name in definitions(ROOT / path), f"{path} has no {name}"


@pytest.mark.parametrize("document", ["equations.md", "errata.md"])
def test_every_test_named_without_its_file_exists(document):
    proofs = definitions(ROOT / "tests" / "test_equations.py") | definitions(ROOT / "tests" / "test_errata.py")
    assert set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / document).read_text())) <= proofs


@pytest.mark.parametrize("document", ["equations.md", "errata.md"])
def test_every_row_has_a_cell_for_each_column(document):
    lines = [line.strip() for line in (ROOT / "docs" / document).read_text().splitlines()]
    for line, following in pairwise(lines):
        if line.startswith("|") and following.startswith("|"):
            assert line.count("|") == following.count("|"), following


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), f"{target} does not exist"
        assert not anchor or anchor in anchors(linked), f"{target} has no such heading"


@pytest.mark.parametrize("file", [*DOCUMENTS, *SOURCES], ids=named)
def test_nothing_depends_on_the_machine_it_was_written_on(file):
    assert not re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\w+", file.read_text())
