"""Which equations a text names, read as a reader reads it: "eq. 24 and 26" are two of the source named last."""

import re
from collections.abc import Iterator
from typing import NamedTuple

ZOZOULENKO, MURUGAN = "Zozoulenko (2018)", "Murugan (2017)"
SEEDS = (ZOZOULENKO, "Seed 001", MURUGAN, "Seed 003", "Seed 004")

NUMBER = r"(?:\d+\.)?\d+"
NUMBERS = rf"{NUMBER}(?:-{NUMBER})?(?:(?:,|\s+and|,\s+and|\s+or)\s+{NUMBER}(?:-{NUMBER})?)*"
CITATION = re.compile(
    r"(?P<paper>[A-Z]\w+(?:\s+et\s+al\.|\s+and\s+[A-Z]\w+)?\s+\(\d{4}\))"
    r"|(?P<author>Murugan|Zozoulenko)"
    r"|(?P<seed>[Ss]eed\s+00\d)"
    rf"|\b(?:[Ee]q\.|[Ee]quations?)\s+(?P<numbers>{NUMBERS})(?:\s+of\s+(?P<owner>[Ss]eed\s+00\d))?"
)


class Cited(NamedTuple):
    """A number, or a range of them as 2.4-2.5, where a text names it."""

    source: str | None  # None if it is none of our seeds
    numbers: list[str]
    start: int
    end: int


def citations(text: str, source: str | None) -> Iterator[Cited]:
    """Each place in a text where it names equations; the first of several begins with the "eq." before it.

    source    what the text is about before it names a source itself

    Only Murugan numbers by chapter: 3.74 is always his, and 24 after a word of him is the first source's again.
    """
    first = source
    for match in CITATION.finditer(text):
        if match["paper"]:
            paper = " ".join(match["paper"].split())
            source = paper if paper in SEEDS else None
        elif match["author"]:
            source = {"Murugan": MURUGAN, "Zozoulenko": ZOZOULENKO}[match["author"]]
        elif match["seed"]:
            source = seed(match["seed"])
        else:
            start: int | None = match.start()
            for part in re.finditer(rf"{NUMBER}(?:-{NUMBER})?", match["numbers"]):
                end = match.start("numbers") + part.end()
                named = numbers(part[0])
                owner = seed(match["owner"]) if match["owner"] else source
                if owner and "." in part[0]:
                    owner = MURUGAN
                elif owner == MURUGAN:
                    owner = first
                yield Cited(owner, named, match.start("numbers") + part.start() if start is None else start, end)
                start = None


def cited(text: str, source: str | None) -> Iterator[tuple[str | None, str]]:
    """(source, number) of each equation that a text names; see `citations`."""
    for found in citations(text, source):
        for number in found.numbers:
            yield found.source, number


def source_of(*texts: str) -> str | None:
    """The first paper that the first of these texts to name one names; None if it is none of our seeds."""
    for text in texts:
        for match in CITATION.finditer(text):
            if found := match["paper"] or match["seed"]:
                found = " ".join(found.split())
                return found if found in SEEDS else found.capitalize() if match["seed"] else None
    return None


def seed(text: str) -> str:
    """A seed's name, however it is written in a sentence: "Seed 001"."""
    return " ".join(text.split()).capitalize()


def numbers(cell: str) -> list[str]:
    """The equations a cell names: "3.3-3.5, 3.9" are 3.3, 3.4, 3.5 and 3.9; words name none."""
    found = []
    for part in cell.split(","):
        if match := re.fullmatch(r"(\d+\.)?(\d+)(?:-(?:\d+\.)?(\d+))?", part.strip()):
            chapter, first, last = match[1] or "", int(match[2]), int(match[3] or match[2])
            found += [f"{chapter}{n}" for n in range(first, last + 1)]
    return found
