"""Derivatives by central differences, in float64: Zozoulenko (2018), eq. 13. They know no equation of a backward."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

STEP = 1e-6


def gradients(
    forward: Callable[..., np.ndarray], inputs: Mapping[str, Any], dy: np.ndarray, wrt: Sequence[str]
) -> dict[str, np.ndarray]:
    """{"dx": d(sum of y * dy) / dx} for each input that is named."""
    found = {}
    for name in wrt:
        x = np.array(inputs[name], np.float64)
        slopes = np.empty_like(x)
        for index in np.ndindex(x.shape):
            before = x[index]
            sides = []
            for side in (1, -1):
                x[index] = before + side * STEP
                sides.append(float(np.sum(forward(**{**inputs, name: x}) * dy)))
            x[index] = before
            slopes[index] = (sides[0] - sides[1]) / (2 * STEP)
        found[f"d{name}"] = slopes
    return found
