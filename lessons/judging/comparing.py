"""Whether an array is what it must be, and which element is not."""

from dataclasses import dataclass

import numpy as np

MARKS = "»", "«"
SHOWN = 64  # elements of an array that are printed; of larger ones the rows around what differs


def poison(dtype: np.dtype):
    """What an array holds before anybody writes it: NaN, or the least integer."""
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
        value = self.got[self.index]
        mark = poison(self.got.dtype)
        return bool(np.isnan(value)) if self.got.dtype.kind == "f" else bool(value == mark)

    def __str__(self):
        at = ", ".join(map(str, self.index))
        count, size = int(self.wrong.sum()), self.wrong.size
        more = f", and so {'is' if count == 2 else 'are'} {count - 1} more of {size}" if count > 1 else ""
        got, expected = number(self.got[self.index]), number(self.expected[self.index])
        if self.is_unwritten and not np.isnan(self.expected[self.index]):
            return f"{self.name}[{at}] was not written, or is no number; {expected} expected{more}"
        return f"{self.name}[{at}] is {got}, {expected} expected{more}"

    def rows(self) -> list[tuple[str, str]]:
        """Both arrays as text, with what is wrong marked."""
        return [
            (f"{self.name} expected", array_text(self.expected)),
            (f"{self.name} got", array_text(self.got, self.wrong)),
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


def array_text(array: np.ndarray, wrong: np.ndarray | None = None) -> str:
    """An array in lines of numbers; those that are wrong stand between marks."""
    if array.ndim == 0:
        return number(array[()])
    planes = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)
    faults = np.zeros(planes.shape, bool) if wrong is None else wrong.reshape(planes.shape)
    first = 0
    if planes.size > SHOWN and wrong is not None:
        first = max(int(np.argwhere(faults)[0][0]) - 1, 0)
    most = max(SHOWN // max(planes.shape[1], 1), 3)
    chosen = range(first, min(first + most, len(planes)))
    lines = [" ".join(cells(planes[row], faults[row])) for row in chosen]
    above, below = first, len(planes) - chosen.stop
    if above:
        lines.insert(0, f"({above} rows above)")
    if below:
        lines.append(f"({below} more rows)")
    return "\n".join(lines)


def cells(row: np.ndarray, wrong: np.ndarray, most: int = 16) -> list[str]:
    """The numbers of a row; of a long one those around the first that is wrong."""
    first = 0
    if len(row) > most and wrong.any():
        first = max(int(np.flatnonzero(wrong)[0]) - most // 2, 0)
    found = ["..."] if first else []
    for value, is_wrong in zip(row[first : first + most], wrong[first : first + most], strict=True):
        text = f"{value:.4g}" if row.dtype.kind == "f" else str(value)
        found.append(f"{MARKS[0]}{text}{MARKS[1]}" if is_wrong else text)
    return [*found, "..."] if first + most < len(row) else found
