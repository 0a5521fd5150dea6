"""How often something is done: every so many steps, or minutes."""

import re
import time


class Interval:
    """`Interval("500")`, every 500 steps, or `Interval("10m")`, every 10 minutes. Raises ValueError for other text."""

    def __init__(self, text: str):
        found = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)m", text)
        steps, minutes = found.groups() if found else (None, None)
        self._steps, self._seconds = int(steps or 0), 60 * float(minutes or 0)
        if not (self._steps or self._seconds):
            raise ValueError(f"{text!r} is neither a number of steps, such as 500, nor of minutes, such as 10m")

    def start(self) -> None:
        """Minutes count from here on. Steps count from the first of the run, wherever it was resumed."""
        self._started = time.monotonic()

    def is_over(self, step: int) -> bool:
        """Whether it is due after a step. Of minutes, as the wall clock may be set, it is a monotonic clock's."""
        if self._steps:
            return step % self._steps == 0
        return time.monotonic() >= self._started + self._seconds
