"""Inputs changed at random, for where no coverage can guide."""

from collections.abc import Sequence
from random import Random

NUMBERS = [n.to_bytes(size, order) for size in (1, 2, 4, 8) for order in ("little", "big")
           for n in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)]  # fmt: skip
TEXTS = [
    b"0",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"nan",
    b"\n",
    b"\0",
    b'"',
    b"{}",
    b"[]",
    b"\xff",
    "é".encode(),
]


def mutate(known: Sequence[bytes], words: Sequence[bytes], longest: int, chance: Random) -> bytes:
    """One of the known inputs with one to a few changes."""
    data = chance.choice(known)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        data = _changed(data, known, words, chance)
    return data[:longest]


def _changed(data: bytes, known: Sequence[bytes], words: Sequence[bytes], chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    to = min(len(data), at + chance.choice((0, 1, 1, 2, 4, 8, 64)))
    match chance.randrange(7):
        case 0:
            return data[:at] + chance.randbytes(max(1, to - at)) + data[to:]
        case 1:
            return data[:at] + data[to:]
        case 2:
            return data[:to] + data[at:to] * chance.choice((1, 2, 50)) + data[to:]
        case 3:
            number = chance.choice(NUMBERS)
            return data[:at] + number + data[at + len(number) :]
        case 4:
            other = chance.choice(known)
            return data[:at] + other[chance.randrange(len(other) + 1) :]
        case 5:
            return data[:at] + chance.choice(words or TEXTS) + data[to:]
    return data[:at] + chance.choice(TEXTS) + data[to:]
