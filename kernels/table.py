"""Tables as text, and as HTML for notebooks; and results that print as one, alone or in a list."""

from collections.abc import Collection, Sequence
from html import escape
from typing import Any, TypeVar

Cells = Sequence[Sequence[Any]]


def table(rows: Cells, left: int | Collection[int] = 1) -> str:
    """Rows of cells as text, the first being the heads.

    left    the columns of words, by their numbers or as how many of the first: the others are numbers, aligned right
    """
    words = _words(left)
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for row in texts:
        cells = [f"{c:<{w}}" if i in words else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html(rows: Cells, left: int | Collection[int] = 1) -> str:
    """The same as an HTML table."""
    words = _words(left)
    heads, *others = ("".join(_cell(row, i, i in words) for i in range(len(row))) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in others)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _cell(row, number, is_words):
    style = "text-align:left;white-space:pre" if is_words else "text-align:right"
    return f'<td style="{style}">{escape(str(row[number]))}</td>'


def _words(left):
    return range(left) if isinstance(left, int) else left


class Shown:
    """What prints as a table of its `cells`, the heads first, under its `title`; in a notebook as well.

    left    as in `table`
    """

    left: int | Collection[int] = 1

    def title(self) -> str:
        """What it is, in a line; nothing where the table says it."""
        return ""

    def cells(self) -> Cells:
        """The rows of the table, the first being its heads."""
        raise NotImplementedError

    def __repr__(self):
        above = f"{title}\n" if (title := self.title()) else ""
        return above + table(self.cells(), self.left)

    def _repr_html_(self):
        above = f"<p>{escape(title)}</p>\n" if (title := self.title()) else ""
        return above + html(self.cells(), self.left)


class Row(Shown):
    """A result that is a line of a table. A dataclass that is one says repr=False."""

    def row(self) -> dict[str, Any]:
        """What stands in the line, by the heads of the columns."""
        raise NotImplementedError

    def cells(self):
        return [list(self.row()), list(self.row().values())]


Result = TypeVar("Result", bound=Row)


class Rows(Shown, list[Result]):
    """A list of results that is a table of a line each."""

    def cells(self):
        rows = [each.row() for each in self] or [{"nothing": ""}]
        return [list(rows[0]), *(list(row.values()) for row in rows[: len(self)])]


def sizes(shape: Sequence[int]) -> str:
    """A shape as a table has it: 32 x 8 x 14 x 14."""
    return " x ".join(map(str, shape))
