"""Whether an array is what it must be, and which element is not."""

from dataclasses import dataclass

import numpy as np

MARKS = "»", "«"
ROWS, WIDTH = 9, 72  # of an array that are printed at most: rows, and characters of each


UNWRITTEN = np.uint32(0x7FC0ACED).view(np.float32)  # a NaN that no arithmetic gives by itself


def poison(dtype: np.dtype):
    """What an array holds before anybody writes it: NaN, or the least integer."""
    if dtype == np.float32:
        return UNWRITTEN
    return np.nan if dtype.kind == "f" else (np.iinfo(dtype).min if dtype.kind in "iu" else False)


@dataclass(frozen=True)
class Difference:
    """An array that is not what it must be: where, and what stands there."""

    name: str
    got: np.ndarray
    expected: np.ndarray
    wrong: np.ndarray
    """Where, as booleans."""

    @property
    def index(self) -> tuple[int, ...]:
        """The first element that is wrong."""
        return tuple(int(i) for i in np.argwhere(self.wrong)[0])

    @property
    def is_unwritten(self) -> bool:
        """Whether the element is as before anybody has written it, or was made of such."""
        if self.got.dtype == np.float32:
            return bool(self.got.view(np.uint32)[self.index] == UNWRITTEN.view(np.uint32))
        return bool(self.got[self.index] == poison(self.got.dtype))

    def __str__(self):
        at = ", ".join(map(str, self.index))
        count, size = int(self.wrong.sum()), self.wrong.size
        others = f"; {count} of {size} are wrong" if count > 1 else ""
        got, expected = number(self.got[self.index]), number(self.expected[self.index])
        if self.is_unwritten:
            return f"{self.name}[{at}] is {got}, as before anybody has written it; {expected} expected{others}"
        return f"{self.name}[{at}] is {got}, {expected} expected{others}"

    def rows(self) -> list[tuple[str, str]]:
        """The part of both arrays around the first element that is wrong, one under the other, in columns."""
        width = max(len(cell(value)) for array in (self.expected, self.got) for value in array.flat)
        part = Part.around(self.wrong, WIDTH // (width + 2))
        return [
            (f"{self.name} expected", part.text(self.expected, width=width)),
            (f"{self.name} got", part.text(self.got, self.wrong, width=width)),
        ]


def difference(name: str, got: np.ndarray, expected: np.ndarray, tolerance: float) -> Difference | None:
    """How an array differs from what it must be; None where it does not.

    tolerance    allowed to float32, relative to the largest expected value or to 1, whichever is more

    A NaN must stand where one is expected, and nowhere else; so must an infinity, of the same sign.
    """
    if got.dtype.kind != "f":
        wrong = got != expected
    else:
        with np.errstate(all="ignore"):
            finite = np.isfinite(expected)
            scale = max(1.0, float(np.abs(expected[finite]).max(initial=0)))
            off = np.abs(got.astype(np.float64) - expected)
            same = (got == expected) | (np.isnan(got) & np.isnan(expected))
            wrong = ~(same | (off <= tolerance * scale))
    return Difference(name, got, expected, wrong) if wrong.any() else None


def number(value) -> str:
    """A number as a person writes it."""
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def cell(value) -> str:
    """The same, short."""
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)


def array_text(array: np.ndarray) -> str:
    """The first numbers of an array, in lines."""
    if not array.ndim:
        return number(array[()])
    width = max(len(cell(value)) for value in in_rows(array)[:ROWS, :WIDTH].flat)
    return Part(columns=WIDTH // (width + 2)).text(array, width=width)


@dataclass(frozen=True)
class Part:
    """What is shown of an array: a few rows of its last axis, and a few numbers of each."""

    columns: int
    row: int = 0
    column: int = 0

    @classmethod
    def around(cls, wrong: np.ndarray, columns: int) -> "Part":
        """A part in which the first element that is wrong stands."""
        row, column = (int(i) for i in np.argwhere(in_rows(wrong))[0])
        is_far = column >= columns
        return cls(columns, max(row - ROWS // 2, 0), column - columns // 2 if is_far else 0)

    def text(self, array: np.ndarray, wrong: np.ndarray | None = None, *, width: int) -> str:
        """The part as lines; elements that are wrong stand between marks."""
        rows = in_rows(array)
        faults = np.zeros(rows.shape, bool) if wrong is None else in_rows(wrong)
        chosen = range(self.row, min(self.row + ROWS, len(rows)))
        columns = range(self.column, min(self.column + self.columns, rows.shape[1]))
        before, behind = "... " if columns.start else "", " ..." if columns.stop < rows.shape[1] else ""
        lines = []
        for r in chosen:
            cells = [marked(f"{cell(rows[r, c]):>{width}}", faults[r, c]) for c in columns]
            lines.append(f"{before}{''.join(cells)}{behind}".rstrip())
        if chosen.start:
            lines.insert(0, f" ({chosen.start} rows above)")
        if chosen.stop < len(rows):
            lines.append(f" ({len(rows) - chosen.stop} more rows)")
        return "\n".join(lines)


def in_rows(array: np.ndarray) -> np.ndarray:
    """An array as one of two dimensions, the last being its own last."""
    return array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)


def marked(text: str, is_wrong: bool) -> str:
    """A number in its column, between marks if it is wrong."""
    return f"{MARKS[0]}{text}{MARKS[1]}" if is_wrong else f" {text} "
