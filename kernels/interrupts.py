"""Signals that ask this process to end: the keyboard's interrupt, a system that goes down, a terminal that is gone.

All are answered alike: what is begun is ended in order, and the exit status says which it was.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt(KeyboardInterrupt):
    """One of these signals. `status` is what the process leaves with: 130, 143 or 129."""

    def __init__(self, number: int = signal.SIGINT, text: str = ""):
        super().__init__(text)
        self.number, self.status = number, 128 + number


@contextmanager
def answered(answer: Callable[[int], None]) -> Iterator[None]:
    """While inside, `answer` is called with the number of each of these signals. Only the main thread may say so.

    A SIGHUP that is ignored, as under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {n: signal.signal(n, lambda number, _: answer(number)) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def interrupt(number: int) -> None:
    """An answer: raises Interrupt."""
    raise Interrupt(number)


class Noted:
    """As a context: notes these signals and does not raise them, so that what is inside is made whole or not at all.

    seen    the signal that came last; 0 before any did

    What ends without an error although one came ends with Interrupt.
    """

    def __enter__(self):
        self.seen, self._breaks = 0, False
        self._answered = answered(self._note)
        self._answered.__enter__()
        return self

    def __exit__(self, kind, *error):
        self._answered.__exit__(None, None, None)
        if kind is None and self.seen:
            raise Interrupt(self.seen)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is inside ends at an interrupt, as nothing depends on it being whole; and it is noted."""
        try:
            self._breaks = True
            yield
        except KeyboardInterrupt:
            pass
        finally:
            self._breaks = False

    def _note(self, number: int) -> None:
        self.seen = number
        if self._breaks:
            raise Interrupt(number)
