"""A ladder: the same computation written several times, naive first, each rung adding one idea.

A rung is a function that takes arrays and settings of an operation, those that it uses, and returns the launches that
compute it. Its first docstring line says what the rung adds.

    @rung(registers=40, tiny={"TILE": 4})
    def forward_tiled(x, w, y, *, TILE=16):
        '''Shared-memory tiles: each value of x is read from global memory once per tile, not once per thread.'''
        return [tiled(TILE=TILE)[grid, (TILE, TILE)](x, w, y)]

    forward = Ladder("forward", forward_naive, forward_tiled)

Where an operation computes several things that stand for themselves, such as the delta-errors of its inputs, each has
a ladder, and they add up:

    backward = Ladder("dx", dx_1, dx_2, writes="dx") + Ladder("dw", dw_1, writes="dw")
"""

import functools
import inspect


def rung(function=None, *, registers=None, tiny=None, float64=False):
    """Decorator: mark a rung.

    registers    the most that a thread of its kernels may take, on sm_90 and the operation's typical case: a budget,
                 in steps of 8, as registers are given out; tests hold the rung to it
    tiny         the compile-time parameters to use where a thread costs microseconds
    float64      whether they may compute in float64, which most GPUs do at a 32nd of the speed or less
    """
    if function is None:
        return functools.partial(rung, registers=registers, tiny=tiny, float64=float64)
    function.registers, function.tiny, function.float64 = registers, tiny or {}, float64
    return function


class Ladders:
    """Ladders that belong together: calling them gives the launches of a rung of each, in their order.

    Asked for a rung that one of them does not reach, they take its highest.
    """

    def __init__(self, *parts):
        self.parts = parts

    def __add__(self, other):
        return Ladders(*self.parts, *other.parts)

    def __len__(self):
        return max(len(part.rungs) for part in self.parts)

    def __call__(self, *, rung=None, tiny=False, **given):
        """The launches of rung number `rung`, by default the highest; with its `tiny` tiles if asked for.

        The operation's arrays and settings are given by name. Raises ValueError for a rung that there is not.
        """
        number = len(self) if rung is None else rung
        if not 1 <= number <= len(self):
            raise ValueError(f"unknown rung {number}; choose from 1 to {len(self)}")
        return [launch for part in self.parts for launch in part.launches(number, tiny, given)]


class Ladder(Ladders):
    """Rungs that compute the same thing, numbered from 1.

    name      what a user calls it: "forward", or what it computes, as "dx"
    writes    the array it computes: where that is None, nobody wants it, and there is nothing to launch
    """

    def __init__(self, name, *rungs, writes=None):
        super().__init__(self)
        self.name, self.rungs, self.writes = name, rungs, writes

    def launches(self, number, tiny, given):
        """What a rung launches, given at least the arrays and settings that it takes."""
        if self.writes and given[self.writes] is None:
            return []
        chosen = self.rungs[min(number, len(self.rungs)) - 1]
        return chosen(**{name: given[name] for name in taken(chosen)}, **(chosen.tiny if tiny else {}))


@functools.cache
def taken(function):
    """Names of the arrays and settings that a rung takes."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
