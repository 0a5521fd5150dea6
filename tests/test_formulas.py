"""The formulas of the documents can be set: by KaTeX and MathJax, which render them on the usual hosts, and so here."""

import re

import pytest
from matplotlib.mathtext import MathTextParser

from tests.helpers import ROOT
from tests.helpers.citations import FORMULA

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "lessons").rglob("*.md")])

COMMAND = re.compile(r"\\(?:[a-zA-Z]+|.)")

# What KaTeX and MathJax both know and no host forbids, as GitHub does with \operatorname.
KNOWN = set(
    COMMAND.findall(
        r"""\begin \end \left \right \frac \sqrt \sum \prod \int \max \exp \log \ln \tanh \bmod \text \mathbb \mathrm
        \hat \tilde \partial \nabla \infty \ell \in \cap \cup \to \rightarrow \xrightarrow \cdot \times \otimes \odot
        \le \ge \ne \approx \lfloor \rfloor \lvert \rvert \lVert \rVert \dots \quad \qquad \, \  \\
        \alpha \beta \gamma \delta \varepsilon \eta \theta \lambda \mu \phi \sigma"""
    )
)

# Matplotlib knows no environments, no text over arrows, and some commands by another name.
MATPLOTLIB = {
    r"\begin{cases}": r"\{",
    r"\end{cases}": "",
    r"\xrightarrow": r"\rightarrow",
    r"\bmod": r"\mathrm{mod}",
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\lvert": r"\vert",
    r"\rvert": r"\vert",
    r"\lVert": r"\Vert",
    r"\rVert": r"\Vert",
    r"\\": r"\quad",
    "&": r"\quad",
}
REPLACED = re.compile("|".join(rf"{re.escape(command)}(?![a-zA-Z])" for command in MATPLOTLIB))


def formulas(text: str) -> list[str]:
    return [" ".join((inline or below).split()) for inline, below in FORMULA.findall(text)]


def problem(formula: str) -> str | None:
    """Why a formula cannot be set, in a few words; None if it can."""
    unknown = set(COMMAND.findall(formula)) - KNOWN
    if unknown:
        return f"unknown commands {' '.join(sorted(unknown))}"
    if "|" in formula:
        return "a | ends the cell of a table; use \\lvert and \\rvert"
    if formula.count(r"\begin{cases}") != formula.count(r"\end{cases}"):
        return "cases that do not begin or do not end"
    try:
        MathTextParser("path").parse(f"${REPLACED.sub(lambda match: MATPLOTLIB[match[0]], formula)}$")
    except ValueError as error:
        return str(error).strip().splitlines()[-1]
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_formula_can_be_set(document):
    found = ((formula, problem(formula)) for formula in formulas(document.read_text()))
    assert [(formula, why) for formula, why in found if why] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_formula_that_begins_ends(document):
    assert re.findall(r"\$`.*|^```math", FORMULA.sub("", document.read_text()), flags=re.MULTILINE) == []


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        (r"\frac{a}{b", "Expected"),
        (r"a_{i", "Expected"),
        (r"\operatorname{ReLU}(x)", "unknown commands"),
        (r"x_i^2^3", "Double superscript"),
        ("|x|", "ends the cell"),
        (r"\begin{cases} 0 & x", "do not end"),
        (r"\left( x", "Expected"),
    ],
)
def test_formulas_that_cannot_be_set_are_found(formula, why):
    assert why in (problem(formula) or "")


def test_formulas_are_found_in_their_places():
    text = "| 1 | $`a`$ | and $`b_i`$\n\n```math\nc\n= d\n```\n"
    assert formulas(text) == ["a", "b_i", "c = d"]
