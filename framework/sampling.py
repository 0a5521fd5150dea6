"""Which examples a training step sees: a pure function of seed and step, so that resuming needs no saved state.

The steps walk along one endless row of examples: epoch 0 in a random order, then epoch 1 in another, and so on.
Step t takes the positions t * size up to (t + 1) * size of that row; a mini-batch may therefore straddle two epochs.
Within an epoch every example comes exactly once.
"""

from functools import lru_cache

import numpy as np


def batch_indices(n: int, size: int, seed: int, step: int) -> np.ndarray:
    """The mini-batch of a step: int64 (size,), indices into n examples. Raises ValueError."""
    if n < 1 or size < 1 or seed < 0 or step < 0:
        raise ValueError(f"sampling: n {n} and size {size} must be at least 1, seed {seed} and step {step} at least 0")
    start, stop = step * size, (step + 1) * size
    epochs = range(start // n, (stop - 1) // n + 1)
    return np.concatenate([epoch_order(n, seed, e)[max(start - e * n, 0) : stop - e * n] for e in epochs])


@lru_cache(maxsize=4)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch shows its n examples: a permutation, int64 (n,), read-only."""
    order = np.random.default_rng((seed, epoch)).permutation(n)
    order.flags.writeable = False
    return order
