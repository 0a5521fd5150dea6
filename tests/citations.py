"""Which equations a text names, and which operations docs/equations.md says that they are computed in."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "†"

ZOZOULENKO, MURUGAN = "Zozoulenko (2018)", "Murugan (2017)"
SEEDS = (ZOZOULENKO, "Seed 001", MURUGAN, "Seed 003", "Seed 004")

NUMBER = r"(?:\d+\.)?\d+"
NUMBERS = rf"{NUMBER}(?:-{NUMBER})?(?:(?:,| and|, and| or) {NUMBER}(?:-{NUMBER})?)*"
CITATION = re.compile(
    r"(?P<paper>[A-Z]\w+(?: et al\.| and [A-Z]\w+)? \(\d{4}\))"
    r"|(?P<author>Murugan|Zozoulenko)"
    r"|(?P<seed>[Ss]eed 00\d)"
    rf"|\b(?:[Ee]q\.|[Ee]quations?) (?P<numbers>{NUMBERS})(?: of (?P<owner>[Ss]eed 00\d))?"
)


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


def cited(text: str, source: str | None) -> Iterator[tuple[str | None, str]]:
    """(source, number) of each equation that a text names; the source is None if it is none of our seeds.

    source    what the text is about before it names a source itself

    Only Murugan numbers by chapter: 3.74 is always his, and 24 after a word of him is the first source's again.
    """
    first = source
    for match in CITATION.finditer(" ".join(text.split())):
        if match["paper"]:
            source = match["paper"] if match["paper"] in SEEDS else None
        elif match["author"]:
            source = {"Murugan": MURUGAN, "Zozoulenko": ZOZOULENKO}[match["author"]]
        elif match["seed"]:
            source = match["seed"].capitalize()
        else:
            for number in numbers(re.sub(r",? (and|or) ", ", ", match["numbers"])):
                owner = match["owner"].capitalize() if match["owner"] else source
                if owner and "." in number:
                    owner = MURUGAN
                elif owner == MURUGAN:
                    owner = first
                yield owner, number


def source_of(*texts: str) -> str | None:
    """The first paper that the first of these texts to name one names; None if it is none of our seeds."""
    for text in texts:
        for match in CITATION.finditer(" ".join(text.split())):
            if found := match["paper"] or match["seed"]:
                return found if found in SEEDS else found.capitalize() if match["seed"] else None
    return None


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """(name, docstring) of a module, whose name is "", and of all functions and classes in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", ""), text


Places = set[tuple[str, str]]


@cache
def places() -> dict[str, dict[str, Places]]:
    """For each seed and equation, the (operation, function) that docs/equations.md names.

    What operations share counts as an operation: kernels/operations/pooling.py is "pooling".
    """
    found: dict[str, dict[str, Places]] = {}
    for seed in SEEDS:
        found[seed] = {}
        pending: dict[str, list[str]] = {}
        for row in tables("equations.md")[seed]:
            for number in numbers(row[0]):
                if row[2]:
                    found[seed][number] = set(re.findall(r"`kernels/operations/(\w+)(?:/\w+)?\.py: (\w+)`", row[2]))
                else:  # seed 001, whose equation is one of the first's
                    other = re.search(r"eq\. (\d+) of 000", row[1])
                    found[seed][number] = found[ZOZOULENKO][other[1] if other else number]
                if match := re.match(rf"(?:as|(?:step|tool) of the derivation of) ({NUMBERS})", row[2]):
                    pending[number] = numbers(re.sub(r" and ", ", ", match[1]))
        for number, others in pending.items():
            found[seed][number] = set().union(found[seed][number], *(found[seed][other] for other in others))
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
