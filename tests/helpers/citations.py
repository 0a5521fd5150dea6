"""Which equations a text names, and which operations docs/equations.md says that they are computed in."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lessons.citations import NUMBERS, SEEDS, ZOZOULENKO, cited, numbers, source_of
from tests.helpers import ROOT

CODE = re.compile(r"\[`(?:([\w./]+\.py): )?(\w+)`\]\(([\w./]+\.py)\)")  # [`file.py: name`](path), or without the file
MARK = re.compile(r"\[†\]\(errata\.md#([\w.-]+)\)")
ANCHOR = re.compile(r'<a id="([\w.-]+)"></a>')
FORMULA = re.compile(r"\$`([^`]*)`\$|^```math\n(.*?)^```", re.MULTILINE | re.DOTALL)

Places = set[tuple[str, str]]


class Equation(NamedTuple):
    """What docs/equations.md says below one heading "Eq. 20-21: ...", or in one row of a table."""

    name: str  # "20-21", or the words of a row without a number
    text: str  # in Markdown
    formula: str  # what stands where the formula belongs

    @property
    def numbers(self) -> list[str]:
        return numbers(self.name)

    @property
    def marks(self) -> list[str]:
        """The anchors in docs/errata.md that its † lead to."""
        return MARK.findall(self.text)

    @property
    def functions(self) -> list[tuple[str, str]]:
        """(path, name) of each function it is computed in, the path from the root."""
        return [(path.removeprefix("../"), name) for file, name, path in CODE.findall(self.text) if file]

    @property
    def places(self) -> Places:
        """(operation, name) of those functions that belong to an operation."""
        of_all = ((re.match(r"kernels/operations/(\w+)", path), name) for path, name in self.functions)
        return {(operation[1], name) for operation, name in of_all if operation}

    @property
    def tests(self) -> list[str]:
        return [name for file, name, _ in CODE.findall(self.text) if not file]


def sections(document: str) -> dict[str, str]:
    """The text below each heading of second order."""
    _, *found = re.split(r"^## ", (ROOT / "docs" / document).read_text(), flags=re.MULTILINE)
    return dict(text.split("\n", 1) for text in found)


def tables(document: str) -> dict[str, list[list[str]]]:
    """The rows of the tables below each heading of second order, without their heads."""
    found = {}
    for heading, text in sections(document).items():
        rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
        found[heading] = [[cell.strip() for cell in row] for row in rows[2:]]
    return found


@cache
def equations(seed: str) -> list[Equation]:
    """All that docs/equations.md says of a seed."""
    found = []
    for block in re.split(r"^#{3,} ", sections("equations.md")[seed], flags=re.MULTILINE):
        if heading := re.match(r"Eq\. (\S+): ", block):
            found.append(Equation(heading[1], block, "".join(below for _, below in FORMULA.findall(block))))
    for row in tables("equations.md")[seed]:
        found.append(Equation(MARK.sub("", row[0]).strip(), " | ".join(row), row[1]))
    return found


def misprints(seed: str) -> dict[str, str]:
    """The equations that each row of docs/errata.md names, or its words, by its anchor."""
    both = "Zozoulenko (2018), and seed 001"
    column = 1 if seed == "Seed 001" else 0
    rows = tables("errata.md")[both if seed in (ZOZOULENKO, "Seed 001") else seed]
    assert all(ANCHOR.match(row[0]) for row in rows), "a row of docs/errata.md does not begin with an anchor"
    return {ANCHOR.findall(row[0])[0]: ANCHOR.sub("", row[column]) for row in rows}


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """(name, docstring) of a module, whose name is "", and of all functions and classes in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", ""), text


@cache
def places() -> dict[str, dict[str, Places]]:
    """For each seed and equation, the (operation, function) that docs/equations.md names.

    What operations share counts as an operation: kernels/operations/pooling.py is "pooling".
    """
    found = {seed: {n: equation.places for equation in equations(seed) for n in equation.numbers} for seed in SEEDS}
    for seed in SEEDS:
        for equation in equations(seed):
            derived = re.search(rf"(?:[Ss]tep|[Tt]ool) of the derivation of ({NUMBERS})", equation.text)
            same = re.search(r"eq\. (\d+) of 000", equation.text)
            for number in equation.numbers:
                if derived:
                    others = numbers(derived[1].replace(" and ", ", "))
                    found[seed][number] = set().union(*(found[seed][other] for other in others))
                elif seed == "Seed 001" and not equation.functions:
                    found[seed][number] = found[ZOZOULENKO][same[1] if same else number]
    return found


def problems(file: Path, operation: str, source: str, directions: dict[str, str]) -> Iterator[str]:
    """The equations that docstrings of a file name, but docs/equations.md does not give to the operation.

    operation     its folder, or the name of a module that operations share
    source        of the operation, for a module that names none
    directions    "forward" or "backward" for the first word of the functions that belong to one
    """
    texts = [*docstrings(file), ("source", source)]
    module = next((text for name, text in texts if not name), "")
    default = source_of(module, source)
    for name, text in texts:
        for seed, number in cited(text, default):
            if seed is None:
                continue
            functions = {function for owner, function in places()[seed].get(number, ()) if owner == operation}
            direction = directions.get(name.partition("_")[0])
            if not functions:
                yield f"{name or 'module'}: {seed} has no eq. {number} for {operation} in docs/equations.md"
            elif direction and functions <= {"shapes", "forward", "backward"} - {direction}:
                yield f"{name}: {seed}, eq. {number} is computed in {' and '.join(sorted(functions))}"
