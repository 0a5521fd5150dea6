"""A ladder for CPU cores: one direction of an operation written several times, naive first, each rung adding one idea.

A rung is a function with the signature of the operation's `forward` or `backward`; it computes, all gradients at once.
Its first docstring line says what the rung adds. A rung that works, or pays, for some shapes only says for which:

    @rung
    def forward_loops(x, w, b, y, stride, padding):
        '''The equation, word for word.'''

    @rung(suits=lambda w, stride: w[2:] == (3, 3) and stride == (1, 1))
    def forward_winograd(x, w, b, y, stride, padding):
        '''Fewer products: ...'''

    forward = Ladder("forward", forward_loops, forward_winograd)

A rung's name, here "winograd", is that of the algorithm. Called, a ladder computes by its highest rung that suits.
Ladders of CUDA kernels are another thing: kernels/gpu/ladder.py.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.cpu.checked import require
from kernels.operation import unknown


def rung(function=None, *, suits=None):
    """Decorator: mark a rung. Numba's, if it compiles the rung itself, stands below it.

    suits    which of the operation's cases the rung can take: a function of the shapes of some of its arrays and of
             settings, by their names; an array that there is not, or that nobody wants, is None. Unless said: all
    """
    if function is None:
        return functools.partial(rung, suits=suits)
    function.suits = suits
    return function


@dataclass(frozen=True)
class Rung:
    """A rung at its place in a ladder.

    number      from 1
    name        of the algorithm: the function's, without that of the ladder
    adds        what it adds to the rung below
    function    takes arrays and settings, which it does not check, and computes
    suits       as `rung` takes it
    """

    number: int
    name: str
    adds: str
    function: Callable[..., None]
    suits: Callable[..., bool] | None

    def takes(self, case: Mapping[str, Any]) -> bool:
        """Whether it can take a case: shapes and settings by name."""
        if self.suits is None:
            return True
        return bool(self.suits(**{name: case[name] for name in inspect.signature(self.suits).parameters}))


class Ladder:
    """Rungs that compute the same thing. The first of them takes every case.

    name    "forward" or "backward"
    """

    def __init__(self, name: str, *functions: Callable[..., None]):
        self.name, self.rungs = name, []
        for number, function in enumerate(functions, 1):
            plain = getattr(function, "py_func", function)  # of one that Numba compiles
            adds = (inspect.getdoc(plain) or "").partition("\n")[0]
            suits = getattr(function, "suits", None)
            self.rungs.append(Rung(number, plain.__name__.removeprefix(f"{name}_"), adds, function, suits))
            self.__signature__ = inspect.signature(plain)
        if self.rungs[0].suits:
            raise ValueError(f"{name}: rung 1, {self.rungs[0].name}, must take every case")

    def __len__(self):
        return len(self.rungs)

    def __call__(self, *arguments, **named):
        """Compute by the highest rung that suits. Raises ShapeError for arrays that do not fit."""
        given = self.__signature__.bind(*arguments, **named).arguments
        require(self.rungs[0].function, self.name, given)
        self.choose(given).function(**given)

    def suiting(self, case: Mapping[str, Any]) -> list[Rung]:
        """The rungs that can take a case, as `choose` knows it."""
        shapes = {name: value.shape if isinstance(value, np.ndarray) else value for name, value in case.items()}
        return [each for each in self.rungs if each.takes(shapes)]

    def choose(self, case: Mapping[str, Any], wanted: int | str | None = None) -> Rung:
        """The rung that computes a case: the highest that suits and that is not above the one that is wanted.

        case      arrays, or their shapes, and settings by name; None where there is none
        wanted    number or name of a rung, by default the highest

        Raises ValueError for a rung that there is not.
        """
        return [each for each in self.suiting(case) if each.number <= self.number(wanted)][-1]

    def number(self, wanted: int | str | None) -> int:
        """Of a rung that is wanted as in `choose`."""
        found = [each.number for each in self.rungs if wanted in (None, each.number, each.name)]
        if not found:
            names = (f"{each.number} ({each.name})" for each in self.rungs)
            raise ValueError(f"{self.name}: {unknown('rung', wanted, names)}")
        return found[-1]
