"""What is fuzzed: a reader, what it may raise, and inputs to begin with."""

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

# Set by a worker before it imports a target. Elsewhere modules stay as they are.
instrument: Callable[[list[str]], AbstractContextManager] | None = None


@dataclass(frozen=True)
class Target:
    """A reader.

    attempt     (input, a folder to write in) -> nothing: give the reader the input
    errors      what the reader may raise: one line each
    seeds       () -> inputs to begin with
    words       what inputs are put together from
    longest     bytes of an input, at most
    seconds     that one input may take
    room        bytes of memory that one input may take, beside 64 times its size
    """

    attempt: Callable[[bytes, Path], None]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    longest: int = 4096
    seconds: float = 20.0
    room: int = 64 << 20


def instrumented(*modules: str) -> AbstractContextManager:
    """What is imported inside tells a worker which of its branches an input reaches, if it is of these modules.

    They must not have been imported before: a worker stops there.
    """
    if instrument is None:
        return nullcontext()
    if early := sorted(set(modules) & sys.modules.keys()):
        raise ImportError(f"{', '.join(early)}: imported before it could be instrumented")
    return instrument(list(modules))
