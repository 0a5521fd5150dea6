"""A ladder: the same computation written several times, naive first, each rung adding one idea.

A rung is a function that takes an operation's arrays and settings and returns the launches that
compute it. Its first docstring line says what the rung adds.

    @rung(tiny={"TILE": 4})
    def forward_tiled(x, w, b, y, *, TILE=16):
        '''Shared-memory tiles: each value of x is read from global memory once per tile, not once per thread.'''
        return [tiled(TILE=TILE)[grid, (TILE, TILE)](x, w, b, y)]

    forward = Ladder(forward_naive, forward_tiled)
"""

import functools


def rung(function=None, *, tiny=None):
    """Decorator: mark a rung. `tiny` are the compile-time parameters to use where a thread costs microseconds."""
    if function is None:
        return functools.partial(rung, tiny=tiny)
    function.tiny = tiny or {}
    return function


class Ladder:
    """Rungs that compute the same thing, numbered from 1. Calling it gives the launches of one of them.

    Ladders with the same arguments add up: `backward = dx + dw` launches a rung of each. Asked for a rung
    that one of them does not reach, the sum takes its highest.
    """

    def __init__(self, *rungs):
        self.parts = (rungs,)

    def __add__(self, other):
        both = Ladder()
        both.parts = self.parts + other.parts
        return both

    def __len__(self):
        return max(len(rungs) for rungs in self.parts)

    def __call__(self, *args, rung=None, tiny=False, **kwargs):
        """The launches of rung number `rung`, by default the highest; with its `tiny` tiles if asked for."""
        number = len(self) if rung is None else rung
        if not 1 <= number <= len(self):
            raise ValueError(f"rung: {number} is none, choose from 1 to {len(self)}")
        launches = []
        for rungs in self.parts:
            chosen = rungs[min(number, len(rungs)) - 1]
            launches += chosen(*args, **kwargs, **(chosen.tiny if tiny else {}))
        return launches
