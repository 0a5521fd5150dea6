"""Anchors: the boxes that a detector corrects, spread evenly over the picture on every pyramid level.

Source: Zozoulenko (2018), section 3.3.2; Lin et al. (2017), Focal Loss for Dense Object Detection, section 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Anchors:
    """The anchors of each cell of a pyramid.

    strides   pixels from a cell to the next, one number a level
    sizes     sides in pixels of the square that has an anchor's area, several a level
    ratios    width : height, as one number
    """

    strides: tuple[int, ...]
    sizes: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...]

    @property
    def per_cell(self) -> int:
        return len(self.sizes[0]) * len(self.ratios)

    def level(self, number: int, cells: Sequence[int]) -> np.ndarray:
        """The anchors of one level with (rows, columns) cells: float32 (rows * columns * per_cell, 4)."""
        stride = self.strides[number]
        shapes = [(s * ratio**0.5, s / ratio**0.5) for s in self.sizes[number] for ratio in self.ratios]
        corners = np.array([(-w / 2, -h / 2, w / 2, h / 2) for w, h in shapes])
        y, x = np.meshgrid(*((np.arange(n) + 0.5) * stride for n in cells), indexing="ij")
        centers = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
        return (centers + corners).reshape(-1, 4).astype(np.float32)


def geometric(smallest: float, step: float, levels: int, per_level: int = 3) -> tuple[tuple[float, ...], ...]:
    """Sizes that grow by the factor `step`, the smallest on the first level."""
    return tuple(tuple(smallest * step ** (per_level * k + i) for i in range(per_level)) for k in range(levels))
