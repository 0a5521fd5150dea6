"""Learning-rate schedules: functions from the number of a step, counted from 0, to its rate."""

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[int], float]


def require_rate(rate: float) -> None:
    """Raises ValueError for a learning rate with which nothing is learned."""
    if not 0 < rate < math.inf:
        raise ValueError(f"learning rate {rate} must be a number above 0")


def step_schedule(rate: float, milestones: Sequence[int] = (), factor: float = 0.1) -> Schedule:
    """`rate`, multiplied by `factor` at each milestone: 0.001, a tenth of it from 33 333, a hundredth from 66 666.

    Raises ValueError for a rate that is not above 0.
    """
    require_rate(rate)
    return lambda step: rate * factor ** sum(step >= milestone for milestone in milestones)


def cosine_schedule(rate: float, iterations: int, warmup: int = 0) -> Schedule:
    """From `rate` down to 0 along half a cosine (Loshchilov & Hutter, 2017).

    The first `warmup` steps take a growing part of it (Goyal et al., 2017): averages are still filling then.
    Raises ValueError for a rate that is not above 0, and for less than 1 iteration.
    """
    require_rate(rate)
    if iterations < 1:
        raise ValueError(f"{iterations} iterations found, at least 1 expected")
    return lambda step: (
        min(1.0, (step + 1) / max(warmup, 1)) * rate * 0.5 * (1 + math.cos(math.pi * min(step / iterations, 1.0)))
    )
