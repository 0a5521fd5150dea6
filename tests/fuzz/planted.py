"""A reader with faults, for the tests of who looks for them. What an input begins with says what becomes of it."""

import os
import time

from tests.fuzz.target import Target

KEPT = []

# Each fault is among them, so that whoever looks for faults has a chance of time alone to miss one.
SEEDS = [b"taken", b"refused", b"wrong", b"2 lines", b"slow", b"hangs", b"aborts"]


class Refused(ValueError):
    """What this reader documents."""


def attempt(data, folder):
    match data[:1]:
        case b"r":
            raise Refused("refused in one line")
        case b"2":
            raise Refused("refused\nin two lines")
        case b"w":
            raise KeyError("what no reader documents")
        case b"s":
            time.sleep(0.3)
        case b"l":
            KEPT.append(bytes(range(256)) * (1 << 16))
        case b"a":
            os.abort()
        case b"h":
            time.sleep(1000)


TARGET = Target(attempt, (Refused,), lambda: SEEDS, seconds=0.2, room=1 << 20, longest=1)
