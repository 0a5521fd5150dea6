"""Examples: pictures with a box around each face, wherever they come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class Example:
    """What a detector learns from: picture (H, W, 3) uint8 RGB; boxes (n, 4) float32; invalid (n,) bool; name.

    kept: of m faces that are written about the picture, which have a box here, bool (m,); None where all have.
    """

    picture: np.ndarray
    boxes: np.ndarray
    invalid: np.ndarray
    name: str
    kept: np.ndarray | None = None


class Examples(Protocol):
    """Examples by index, made anew each time, and small to send to another process."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...

    def __iter__(self) -> Iterator[Example]: ...

    def shapes(self) -> set[tuple[int, int]]:
        """Which heights and widths pictures may have, in pixels."""
        ...
