"""What prints as a title and a table, so that whoever works in a script or a notebook sees what there is."""

from collections.abc import Sequence
from typing import Any

from kernels.table import table


class Shown:
    """A class that says its `title` and its `cells`, the heads first, is printed as both.

    left    how many of the first columns hold words
    """

    left = 1

    def title(self) -> str:
        """What it is, in a line."""
        raise NotImplementedError

    def cells(self) -> list[Sequence[Any]]:
        """The rows of the table, the first being its heads."""
        raise NotImplementedError

    def __repr__(self):
        return f"{self.title()}\n{table(self.cells(), self.left)}"


def sizes(shape: Sequence[int]) -> str:
    """A shape as a table has it: 32 x 8 x 14 x 14."""
    return " x ".join(map(str, shape))
