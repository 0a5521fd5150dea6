"""Which examples a training step sees: a pure function of seed and step, so that resuming needs no saved state.

The steps walk along one endless row of examples: epoch 0 in a random order, then epoch 1 in another, and so on.
Step t takes the positions t * size up to (t + 1) * size of that row; a mini-batch may therefore straddle two epochs.
Within an epoch every example comes exactly once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Sampler:
    """Mini-batches of `size` out of `n` examples: `Sampler(n, size, seed)(step)`. Raises ValueError."""

    n: int
    size: int
    seed: int

    def __post_init__(self) -> None:
        if self.n < 1 or self.size < 1 or self.seed < 0:
            raise ValueError(f"{self}: n and size must be at least 1, seed at least 0")

    def __call__(self, step: int) -> np.ndarray:
        """The examples of a step: int64 (size,), each from 0 to n - 1."""
        if step < 0:
            raise ValueError(f"{self}: step {step} must be at least 0")
        n, start, stop = self.n, step * self.size, (step + 1) * self.size
        epochs = range(start // n, (stop - 1) // n + 1)
        return np.concatenate([epoch_order(n, self.seed, e)[max(start - e * n, 0) : stop - e * n] for e in epochs])


@lru_cache(maxsize=4)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch shows its n examples: a permutation, int64 (n,), read-only."""
    order = np.random.default_rng((seed, epoch)).permutation(n)
    order.flags.writeable = False
    return order
