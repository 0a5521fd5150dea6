"""What kernels are tried on where compiling them takes most of the time: few compilations, many ways through each."""

import functools
from dataclasses import dataclass

import numpy as np

from kernels.bench.trial import Trial
from kernels.operation import RandomDraw
from tests.helpers.operations import OPERATIONS

# Cases of several blocks or tiles in each direction, the last ones not full, for operations whose typical case is not
# such, or takes the reference long. The first rung of `reduce` adds all values one by one: float32 allows no million.
LARGE: dict[str, list[dict]] = {
    "batchnorm": [{"x": (5, 70, 9, 11), "gamma": (70,), "beta": (70,)}],
    "conv2d": [
        {"x": (3, 20, 19, 21), "w": (72, 20, 5, 5), "b": (72,), "padding": (1, 1)},
        {"x": (2, 3, 9, 9), "w": (264, 3, 5, 5), "b": (264,), "padding": (1, 1)},
    ],
    "cross_entropy": [{"p": (300, 37), "target": (300, 37)}],
    "iou": [{"a": (700, 4), "b": (300, 4)}],
    "linear": [{"x": (130, 264), "w": (264, 264), "b": (264,)}],
    "loss": [{"prediction": (300, 37), "target": (300, 37)}],
    "match_anchors": [{"anchors": (700, 4), "boxes": (3, 300, 4), "label": (3, 300)}],
    "nms": [{"boxes": (300, 10, 4), "score": (300, 10)}, {"boxes": (2, 300, 4), "score": (2, 300)}],
    "reduce": [{"x": (90, 211)}],
    "resize": [{"x": (3, 3, 150, 201), "size": (121, 97)}],
    "softmax": [{"x": (300, 70)}],
    "softmax_cross_entropy": [{"x": (300, 70), "target": (300, 70)}],
}


@dataclass(frozen=True, eq=False)
class Answered:
    """A trial, and what the reference makes of it."""

    trial: Trial

    @functools.cached_property
    def forward(self):
        return self.trial.forward("reference")

    @functools.cached_property
    def saved(self):
        """What a forward run leaves for backward, in the types in which others keep it."""
        return {name: value.astype(self.trial.operation.dtype(name)) for name, value in self.forward.items()}

    @functools.cached_property
    def backward(self):
        return self.trial.backward("reference", self.saved)


@functools.cache
def large(name: str) -> tuple[Answered, ...]:
    """The typical case of an operation, unless LARGE has others."""
    operation, generator = OPERATIONS[name], np.random.default_rng(1)
    cases = LARGE.get(name, [operation.typical])
    return tuple(Answered(Trial.of_shape(operation, dict(case), generator)) for case in cases)


def small(name: str, direction: str, rung: int, tiny: bool, sets: int = 1, most: int = 6) -> list[Answered]:
    """Up to `most` random cases that a rung launches at most `sets` different sets of kernels for."""
    generator, known, found = np.random.default_rng(1), [], []
    for _ in range(40):
        trial = Trial.draw(OPERATIONS[name], RandomDraw(generator), generator)
        needed = compilations(trial, direction, rung, tiny)
        if len(known) < sets and needed not in known:
            known.append(needed)
        if needed in known and len(found) < most:
            found.append(Answered(trial))
    return found


def compilations(trial: Trial, direction: str, rung: int, tiny: bool = False) -> set:
    """What is compiled to run a trial: kernels, by the types of their arguments."""
    return {(launch.kernel, launch.types) for launch in trial.launches(direction, rung, tiny)}
