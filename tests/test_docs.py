"""The documents keep their word: no equation is missing, and every file, function, test and link they name exists."""

import ast
import inspect
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from kernels.commands.gains import MARKER
from kernels.commands.targets import cpu_ladders
from kernels.operation import all_operations
from lessons.citations import MURUGAN, ZOZOULENKO, cited, numbers
from tests.helpers import ROOT
from tests.helpers.citations import ANCHOR, CODE, equations, misprints, problems
from tests.helpers.documents import DOCUMENTS, FOLDERS, SOURCES, named
from tests.helpers.operations import WITH_LADDERS

# The numbers that each seed prints, by the heading of its table.
NUMBERS = {
    "Zozoulenko (2018)": [str(n) for n in range(1, 62)],
    "Seed 001": [str(n) for n in range(1, 62)],
    "Murugan (2017)": [f"2.{n}" for n in range(1, 16)] + [f"3.{n}" for n in range(1, 81)],
    "Seed 003": [str(n) for n in range(1, 34)],
    "Seed 004": ["1", "2"],
}


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
    """The anchors of a document: its own, and those that GitHub gives to its headings."""
    text = document.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    own = ANCHOR.findall(text)
    assert len(own) == len(set(own)), f"{document.name} has an anchor twice"
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(own)


@pytest.mark.parametrize("seed", NUMBERS)
def test_every_numbered_equation_stands_in_one_place(seed):
    assert Counter(n for equation in equations(seed) for n in equation.numbers) == Counter(NUMBERS[seed])


@pytest.mark.parametrize("seed", NUMBERS)
def test_every_equation_has_a_formula_a_function_and_a_test(seed):
    """But for those that seed 001 has as 000 has them, for definitions, and for numbers that have no equation."""
    for equation in equations(seed):
        name, text = equation.name, equation.text.lower()
        if "a number without an equation" in text or (
            seed == "Seed 001" and ("as 000" in text or not equation.functions)
        ):
            continue
        assert equation.formula or name == "code", f"{seed}, eq. {name} has no formula"
        assert equation.functions or "definition" in text or "of the derivation" in text, f"{seed}, eq. {name}: where?"
        assert equation.tests or "definition" in text, f"{seed}, eq. {name} has no proof"


@pytest.mark.parametrize("seed", NUMBERS)
def test_equations_marked_as_misprinted_lead_to_their_rows_of_the_errata(seed):
    rows = misprints(seed)
    marked = set()
    for equation in equations(seed):
        of_rows = [rows[mark] for mark in equation.marks]
        if equation.marks and equation.numbers:
            assert set(equation.numbers) <= {n for row in of_rows for n in numbers(row)}, equation.name
            marked |= set(equation.numbers)
        else:
            assert set(of_rows) <= {equation.name}
    assert marked == {n for row in rows.values() for n in numbers(row)}


def test_every_test_of_the_errata_is_in_the_errata():
    written = (ROOT / "docs" / "errata.md").read_text()
    tests = {name for name in definitions(ROOT / "tests" / "test_errata.py") if name.startswith("test_")}
    assert tests == set(re.findall(r"`(test_\w+)`", written))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_function_and_test_that_is_named_exists(document):
    text = document.read_text()
    for path, name in re.findall(r"`([\w./]+\.py)(?:: |::)(\w+)", CODE.sub("", text)):
        assert (ROOT / path).is_file(), f"{path} does not exist"
        assert name in definitions(ROOT / path), f"{path} has no {name}"
    for file, name, path in CODE.findall(text):
        linked = (document.parent / path).resolve()
        assert linked.is_file(), f"{path} does not exist"
        assert linked.match(file or "*"), f"the link to {file} leads to {path}"
        assert name in definitions(linked), f"{path} has no {name}"


def test_every_test_that_the_errata_name_exists():
    written = (ROOT / "docs" / "errata.md").read_text()
    assert set(re.findall(r"`(test_\w+)`", written)) <= definitions(ROOT / "tests" / "test_errata.py")


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


WORK = re.compile(r"([A-Z]\w+)(?:( et al\.)| (?:and|&) ([A-Z]\w+))?(?:, | \()((?:19|20)\d\d)\b")


def works(text: str) -> set[str]:
    """The works that a text cites, in one form: "Kahan (1965)", "Kingma and Ba (2015)", "Lin et al. (2017)"."""
    found = WORK.findall(" ".join(text.split()))
    return {f"{first}{others}{second and f' and {second}'} ({year})" for first, others, second, year in found}


def test_every_work_that_is_cited_has_an_address():
    """And no work has one that nothing cites."""
    equations_md = ROOT / "docs" / "equations.md"
    entries = re.split(r"^(?:- |\| 00\d )", equations_md.read_text(), flags=re.MULTILINE)
    listed = set().union(*(works(entry) for entry in entries if "<http" in entry))
    citing = [path for path in [*DOCUMENTS, *SOURCES] if path != equations_md and not named(path).startswith("tests")]
    cited = {work: named(path) for path in citing for work in works(path.read_text())}
    assert {work: path for work, path in cited.items() if work not in listed} == {}
    assert listed <= set(cited)


def test_works_are_cited_in_several_forms():
    text = "Kahan (1965); (Lin et\n    al., 2017, eq. 5), Pisarchyk & Lee (2020), Kingma and Ba (2015) in May 2026"
    assert works(text) == {"Kahan (1965)", "Lin et al. (2017)", "Pisarchyk and Lee (2020)", "Kingma and Ba (2015)"}


@pytest.mark.parametrize("file", SOURCES, ids=named)
def test_every_path_that_source_names_exists(file):
    for path in re.findall(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[a-z0-9_./-]*[a-z0-9_]", file.read_text()):
        assert (ROOT / path).exists(), f"{path} does not exist"


@pytest.mark.parametrize("file", [*DOCUMENTS, *SOURCES], ids=named)
def test_nothing_depends_on_the_machine_it_was_written_on(file):
    assert not re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\w+", file.read_text())


OPERATIONS = ROOT / "kernels" / "operations"


@pytest.mark.parametrize("file", sorted(OPERATIONS.rglob("*.py")), ids=lambda path: str(path.relative_to(OPERATIONS)))
def test_equations_in_docstrings_are_those_that_the_table_gives_to_the_operation(file):
    name = file.relative_to(OPERATIONS).parts[0].removesuffix(".py")
    operation = all_operations().get(name)
    directions = {"forward": "forward", "backward": "backward"}
    if operation is not None and operation.has("cuda"):
        cuda = operation.implementation("cuda")
        directions |= {ladder.name: d for d in operation.directions for ladder in getattr(cuda, d).parts}
    assert list(problems(file, name, operation.source if operation else "", directions)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("eq. 24", [(ZOZOULENKO, "24")]),
        ("eq. 37, 38, 41 and 42 word for word.", [(ZOZOULENKO, n) for n in ("37", "38", "41", "42")]),
        ("Source: Murugan (2017), eq. 2.4-2.5 and\n2.14.", [(MURUGAN, n) for n in ("2.4", "2.5", "2.14")]),
        ("of w (eq. 28) and of b (Murugan, eq. 3.74)", [(ZOZOULENKO, "28"), (MURUGAN, "3.74")]),
        ("Ren et al. (2015), eq. 2; Zozoulenko (2018), eq. 61.", [(None, "2"), (ZOZOULENKO, "61")]),
        ("eq. 51 as corrected, level by level: eq. 61 of seed 001", [(ZOZOULENKO, "51"), ("Seed 001", "61")]),
        ("seed 003, equations 22-23", [("Seed 003", "22"), ("Seed 003", "23")]),
        ("section 3.3.2 of 2018, and 3 channels", []),
    ],
)
def test_citations_are_read_as_a_reader_reads_them(text, found):
    assert list(cited(text, ZOZOULENKO)) == found


def test_wrong_equations_in_docstrings_are_found(tmp_path):
    file = tmp_path / "cpu.py"
    file.write_text('''"""Source: Zozoulenko (2018), eq. 24 and 34."""\ndef forward():\n    """eq. 24 and 26."""\n''')
    directions = {"forward": "forward"}
    assert list(problems(file, "conv2d", "", directions)) == [
        "module: Zozoulenko (2018) has no eq. 34 for conv2d in docs/equations.md",
        "forward: Zozoulenko (2018), eq. 26 is computed in backward",
    ]


GAIN = r"[\d.]+ times (?:fewer|less|more) (?:sectors|turns|flops|barriers|predicted time|instructions)|no barriers"


def ladders_of(name: str):
    """The ladders of an operation, each by itself."""
    operation = all_operations()[name]
    cuda = operation.implementation("cuda")
    return [ladder for direction in operation.directions for ladder in getattr(cuda, direction).parts]


def listed_rungs(name: str, kind: str = "cuda") -> dict[str, list[tuple[int, str]]]:
    """By ladder, the (number, text) of each rung in the list that cuda.py, or cpu.py, begins with.

    A line is "ladder 1 text"; "forward, backward" lists two ladders at once, and the name is left out from rung 2 on.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    names: list[str] = []
    for line in inspect.getdoc(all_operations()[name].implementation(kind)).splitlines():
        if match := re.fullmatch(r" {4}(?:([a-z]\w*(?:, [a-z]\w*)*)| ) +(\d) {2,}(.*)", line):
            names = match[1].split(", ") if match[1] else names
            for ladder in names:
                found.setdefault(ladder, []).append((int(match[2]), match[3]))
    return found


@pytest.mark.parametrize("name", WITH_LADDERS)
def test_each_cuda_module_begins_with_its_list_of_rungs(name):
    listed = {ladder: [number for number, _ in rungs] for ladder, rungs in listed_rungs(name).items()}
    assert listed == {ladder.name: list(range(1, len(ladder) + 1)) for ladder in ladders_of(name)}
    assert list(listed) == [ladder.name for ladder in ladders_of(name)]


@pytest.mark.parametrize("name", sorted({target.operation.name for target in cpu_ladders()}))
def test_a_list_of_rungs_that_a_module_for_the_cpu_begins_with_is_that_of_its_ladders(name):
    listed = {ladder: [number for number, _ in rungs] for ladder, rungs in listed_rungs(name, "cpu").items()}
    ladders = {target.direction: target.cpu_ladder for target in cpu_ladders() if target.operation.name == name}
    assert listed in ({}, {direction: list(range(1, len(ladder) + 1)) for direction, ladder in ladders.items()})


@pytest.mark.parametrize("name", WITH_LADDERS)
def test_gains_that_docstrings_name_stand_in_the_tables(name):
    written = dict(MARKER.findall((ROOT / "docs" / "ladders.md").read_text()))
    for ladder in ladders_of(name):
        rows = written.get(f"{name}.{ladder.name}", "").splitlines()
        rungs = [(number, inspect.getdoc(rung)) for number, rung in enumerate(ladder.rungs, 1)]
        for number, text in listed_rungs(name)[ladder.name] + rungs:
            gained = [gain for row in rows if row.startswith(f"| {number} |") for gain in re.findall(GAIN, row)]
            assert set(re.findall(GAIN, " ".join(text.split()))) <= set(gained), f"{name}.{ladder.name} rung {number}"


def test_the_readme_gives_the_range_of_what_was_measured():
    rows = re.findall(r"^\| with AVX.*$", (ROOT / "docs" / "digits.md").read_text(), re.MULTILINE)
    measured = sorted(float(number) for row in rows for number in re.findall(r"([\d.]+) %", row))
    assert len(measured) == 8
    assert f"`make mnist` reads {measured[0]} % to {measured[-1]} %" in " ".join(
        (ROOT / "README.md").read_text().split()
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_lines_of_prose_have_at_most_120_characters(document):
    code = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        code ^= line.startswith("```")
        is_prose = not code and not line.startswith(("|", "    ", "!["))
        assert not is_prose or len(line) <= 120, f"line {number} has {len(line)}"
