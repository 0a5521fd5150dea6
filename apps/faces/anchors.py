"""Anchors: the boxes that a detector corrects, spread evenly over the picture on every pyramid level.

Source: Zozoulenko (2018), section 3.3.2; Lin et al. (2017), Focal Loss for Dense Object Detection, section 4. Small
anchors may stand denser than cells: Zhang et al. (2017), FaceBoxes, section 3.2.
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
    tiles     rows, and columns, in which each of a level's sizes stands in a cell; without, each stands there once
    """

    strides: tuple[int, ...]
    sizes: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...]
    tiles: tuple[int, ...] = ()

    @property
    def per_cell(self) -> int:
        return sum(n * n for n in self._tiles) * len(self.ratios)

    def level(self, number: int, cells: Sequence[int]) -> np.ndarray:
        """The anchors of one level with (rows, columns) cells: float32 (rows * columns * per_cell, 4)."""
        stride = self.strides[number]
        here = [self._tiled(size, n, stride) for size, n in zip(self.sizes[number], self._tiles, strict=True)]
        rows, columns = cells
        centers = grid((np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride)
        return (centers + np.concatenate(here)).reshape(-1, 4).astype(np.float32)

    @property
    def _tiles(self) -> tuple[int, ...]:
        return self.tiles or (1,) * len(self.sizes[0])

    def _tiled(self, size: float, n: int, stride: int) -> np.ndarray:
        """The anchors of one size about the middle of a cell: (n * n * ratios, 4)."""
        shapes = [(size * ratio**0.5, size / ratio**0.5) for ratio in self.ratios]
        corners = np.array([(-w / 2, -h / 2, w / 2, h / 2) for w, h in shapes])
        places = ((np.arange(n) + 0.5) / n - 0.5) * stride
        return (grid(places, places) + corners).reshape(-1, 4)


def grid(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Each point (x, y), row by row, as what its boxes' corners are counted from: (rows * columns, 1, 4)."""
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)


def geometric(smallest: float, step: float, levels: int, per_level: int = 3) -> tuple[tuple[float, ...], ...]:
    """Sizes that grow by the factor `step`, the smallest on the first level."""
    return tuple(tuple(smallest * step ** (per_level * k + i) for i in range(per_level)) for k in range(levels))
