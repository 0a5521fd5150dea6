"""Learning-rate schedules: functions from the number of a step, counted from 0, to its rate."""

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[int], float]


def step_schedule(rate: float, milestones: Sequence[int] = (), factor: float = 0.1) -> Schedule:
    """`rate`, multiplied by `factor` at each milestone: 0.001, a tenth of it from 33 333, a hundredth from 66 666."""
    return lambda step: rate * factor ** sum(step >= milestone for milestone in milestones)


def cosine_schedule(rate: float, iterations: int, warmup: int = 0) -> Schedule:
    """From `rate` down to 0 along half a cosine (Loshchilov & Hutter, 2017).

    The first `warmup` steps take a growing part of it (Goyal et al., 2017): averages are still filling then.
    """
    return lambda step: (
        min(1.0, (step + 1) / max(warmup, 1)) * rate * 0.5 * (1 + math.cos(math.pi * min(step / iterations, 1.0)))
    )
