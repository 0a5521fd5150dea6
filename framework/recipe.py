"""Recipes: all that decides how a run trains, kept with the run, so that it can be gone on with and made again."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

from framework.checkpoint import CheckpointError
from framework.optimizer import Optimizer
from framework.run_state import RunState
from framework.schedule import Schedule, cosine_schedule, require_rate, step_schedule
from kernels.operation import unknown

SCHEDULES = ("cosine", "step")

# The least that whole numbers of a recipe may be.
LEAST = {"iterations": 1, "batch": 1, "warmup": 0, "seed": 0}


class RecipeError(ValueError):
    """A recipe that cannot be followed: one line that names the option."""


@dataclass(frozen=True)
class Recipe:
    """How a run trains: what the runs of all apps have in common. An app adds what its own need, and its defaults.

    model         the name of the network
    iterations    training steps
    batch         examples a step
    rate          the learning rate at its highest
    optimizer     "sgd", with momentum, or "adam"
    momentum      of sgd: the share of its velocity that a step keeps
    decay         weight decay
    schedule      "cosine", down to 0, or "step": a tenth at each of `milestones`
    milestones    of the step schedule, fractions of the run; by default those of Zozoulenko (2018)
    warmup        steps until the rate of the cosine schedule is full
    average       the decay of moving averages of the weights, which are what the run leaves; 0 for none
    seed          of weights and batches

    Raises RecipeError for what cannot be followed.
    """

    kind: ClassVar[str] = "this kind"  # of model that these recipes are for, in the words of an error

    model: str
    iterations: int
    batch: int
    rate: float
    optimizer: str = "sgd"
    momentum: float = 0.9
    decay: float = 1e-4
    schedule: str = "cosine"
    milestones: tuple[float, ...] = (1 / 3, 2 / 3)
    warmup: int = 0
    average: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise RecipeError(f"{name} {value!r} must be a whole number of at least {least}")
        if not 0 <= self.average < 1:
            raise RecipeError(f"average {self.average} must be at least 0 and below 1")
        require_choice("schedule", self.schedule, SCHEDULES)
        try:
            require_rate(self.rate)
            self.make_optimizer()
        except ValueError as error:
            raise RecipeError(str(error)) from None

    @classmethod
    def for_model(cls, model: str, own: Mapping[str, Any], **options: Any) -> Self:
        """The defaults, in their place what is the model's `own`, in its place the options; None stands for no option.

        The class must have a default for every field but `model`.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return cls(**{"model": model, **own, **_tuples(given)})

    @classmethod
    def of_run(cls, path: Path) -> Self:
        """The recipe of the run that left a checkpoint. Raises CheckpointError for a run that had no such recipe."""
        settings = RunState.read(path).settings
        names = [field.name for field in dataclasses.fields(cls)]
        if missing := [name for name in names if name not in settings]:
            raise CheckpointError(f"{path}: no {missing[0]} found in its settings, a run of {cls.kind} expected")
        try:
            return cls.of_settings({name: settings[name] for name in names})
        except (RecipeError, TypeError) as error:
            raise CheckpointError(f"{path}: {error}") from None

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The recipe with these settings, as JSON has them."""
        return cls(**_tuples(settings))

    def make_schedule(self) -> Schedule:
        if self.schedule == "cosine":
            return cosine_schedule(self.rate, self.iterations, self.warmup)
        return step_schedule(self.rate, [int(milestone * self.iterations) for milestone in self.milestones])

    def make_optimizer(self) -> Optimizer:
        momentum = {"momentum": self.momentum} if self.optimizer == "sgd" else {}
        return Optimizer(self.optimizer, decay=self.decay, **momentum)


def require_choice(what: str, given: Any, options: Iterable) -> None:
    """Raises RecipeError where something is none of its options."""
    if given not in options:
        raise RecipeError(unknown(what, given, options))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe has tuples where JSON and the command line have lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
