"""From Markdown as GitHub has it to Markdown as MyST has it: links, formulas, and equations that a text names."""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from lessons.citations import SEEDS, citations, source_of

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^ *(?P=ticks) *$", re.M | re.S)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}[^\n]*(?:\n|$)\n*)+")
COMMENT = re.compile(r"<!--.*?-->", re.S)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
HEADING = re.compile(r"^#+ .*$", re.M)
LINK = re.compile(r"!?\[[^\[\]]*\]\([^)\s]*\)|<https?:[^>\s]*>|<a id=[^>]*></a>")
TARGET = re.compile(r"\]\(([^)\s]+)\)")
EQUATION = re.compile(r"^#{3,} Eq\. (\S+): ", re.M)
SECTION = re.compile(r"^## (.*)$", re.M)
NUMBERED_ROW = re.compile(r"^\| ?(\d[\d.,\- ]*)(?= |\|)", re.M)

HIDDEN = "\x00"  # stands for a character in which nothing is looked for

# What becomes of the target of a link: another one, or None where the text alone is to stay. The text is given, too.
Relink = Callable[[str, str], str | None]
# The address of an equation, (source, number); None of one that is not printed.
Locate = Callable[[str, str], str | None]


class Edit(NamedTuple):
    start: int
    end: int
    text: str


def converted(text: str, relink: Relink, locate: Locate, source: str | None = None) -> str:
    """A page for MyST.

    source    of equations that are named without one; where it is None, the one that the text names first
    """
    edits = [Edit(m.start(), m.end(), as_block(m)) for m in FENCE.finditer(text) if m["info"].strip() == "math"]
    prose = hide(text, FENCE, COMMENT, INDENTED)
    edits += [Edit(m.start(), m.end(), f"{{math}}{m[0]}") for m in CODE.finditer(prose) if is_formula(prose, m)]
    edits = [wide(edit, text) for edit in edits]
    plain = hide(prose, CODE)
    edits += relinked(text, plain, relink)
    linked = [match.span() for pattern in (LINK, HEADING) for match in pattern.finditer(plain)]
    for found in citations(plain, source or source_of(plain)):
        is_free = not any(start < found.end and found.start < end for start, end in linked)
        address = found.source in SEEDS and locate(str(found.source), found.numbers[0])
        if is_free and address:
            edits.append(Edit(found.start, found.end, f"[{text[found.start : found.end]}]({address})"))
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def hide(text: str, *patterns: re.Pattern) -> str:
    """A text of the same length, without what the patterns find."""
    for pattern in patterns:
        text = pattern.sub(lambda match: re.sub(r"[^\n]", HIDDEN, match[0]), text)
    return text


def as_block(fence: re.Match) -> str:
    indent, ticks = fence["indent"], fence["ticks"]
    return f"{indent}{ticks}{{math}}\n{fence['body']}{indent}{ticks}"


def is_formula(text: str, code: re.Match) -> bool:
    r"""Whether a span of code stands in dollars, as GitHub writes a formula within a line: $`\alpha`$."""
    return text[code.start() - 1 : code.start()] == "$" == text[code.end() : code.end() + 1]


def wide(edit: Edit, text: str) -> Edit:
    """Of a formula within a line, with the dollars around it."""
    is_inline = text[edit.start - 1 : edit.start] == "$"
    return Edit(edit.start - 1, edit.end + 1, edit.text) if is_inline else edit


def relinked(text: str, plain: str, relink: Relink) -> list[Edit]:
    """The links of a text that lead elsewhere now. Their texts may have code in them, but no other link."""
    edits = []
    for link in TARGET.finditer(plain):
        begin = plain.rfind("[", 0, link.start())
        said, target = text[begin + 1 : link.start()], link[1]
        if re.match(r"[a-z]+:|#", target):
            continue
        new = relink(target, said)
        if new is None:
            edits += [Edit(begin, begin + 1, ""), Edit(link.start(), link.end(), "")]
        elif ".html" in new:  # no page of MyST's, which would take it for a file to be kept
            edits += [Edit(begin, begin + 1, f'<a href="{new}">'), Edit(link.start(), link.end(), "</a>")]
        else:
            edits.append(Edit(link.start(1), link.end(1), new))
    return edits


def anchor(source: str, number: str) -> str:
    """The anchor of an equation: zozoulenko-2018-24, murugan-2017-3-74, seed-003-12."""
    return "-".join(re.findall(r"\w+", f"{source} {number}".lower().replace(".", "-")))


def with_anchors(text: str, numbers: Callable[[str], list[str]]) -> tuple[str, set[tuple[str, str]]]:
    """docs/equations.md with an anchor at each equation, and which there are: (source, number)."""
    first, *parts = SECTION.split(text)
    found: set[tuple[str, str]] = set()
    whole = [first]
    for source, body in zip(parts[::2], parts[1::2], strict=True):

        def anchors(named: str, source: str = source) -> str:
            of_part = [(source, number) for number in numbers(named)]
            found.update(of_part)
            return "".join(f'<a id="{anchor(*one)}"></a>' for one in of_part)

        if source in SEEDS:
            body = EQUATION.sub(partial(before_heading, anchors), body)
            body = NUMBERED_ROW.sub(partial(within_row, anchors), body)
        whole.append(f"## {source}{body}")
    return "".join(whole), found


def before_heading(anchors: Callable[[str], str], heading: re.Match) -> str:
    return f"{anchors(heading[1])}\n\n{heading[0]}"


def within_row(anchors: Callable[[str], str], row: re.Match) -> str:
    return f"| {anchors(row[1])}{row[1]}"
