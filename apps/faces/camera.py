"""A camera, as a film that goes on until somebody ends it."""

import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from apps.faces.pictures import Film
from kernels.commands.command_line import note
from kernels.interrupts import answered, interrupt

# What FFmpeg calls cameras, and the first part of a camera's name before its number.
SYSTEMS = {"linux": ("v4l2", "/dev/video"), "darwin": ("avfoundation", ""), "win32": ("dshow", "video=")}

# What FFmpeg makes pictures with by itself, for a machine without a camera: lavfi:testsrc2.
VIRTUAL = "lavfi:"


class Camera(Film):
    """The pictures of a camera, one after the other, until an interrupt, and a film of them. Raises DataError.

    name    its number, from 0, or its device as FFmpeg has it on this system; "lavfi:..." is a virtual one

    What it shows while a picture is looked at passes by: each stands in the film when it was seen. Where the camera
    goes away, the film ends.
    """

    expected = "no camera found ({}), a number or a device of FFmpeg's expected"

    def __init__(self, name: str):
        self._format, prefix = SYSTEMS.get(sys.platform, SYSTEMS["linux"])
        self._device = f"{prefix}{name}" if name.isdecimal() else name
        if name.startswith(VIRTUAL):
            self._format, self._device = "lavfi", name.removeprefix(VIRTUAL)
        self._last, self._began = -1, 0.0
        super().__init__(f"camera {name}")

    def _look_at(self, film) -> None:
        super()._look_at(film)
        self.rate, self.frames = self.rate or Fraction(25), None

    def _opened(self):
        return self._av.open(self._device, format=self._format)

    def _pictures(self, film) -> Iterator[np.ndarray]:
        seen: list[int] = []  # signals: the first ends the film, a second one what is going on

        def answer(number: int) -> None:
            if seen:
                interrupt(number)
            seen.append(number)

        self._last, self._began = -1, time.perf_counter()
        with answered(answer):
            pictures, number = super()._pictures(film), 0
            while not seen:
                try:
                    picture = next(pictures, None)
                except Exception as error:
                    if not number:
                        raise
                    note(f"{self._unreadable(error)}: the film ends after {number} pictures")
                    return
                if picture is None:
                    return
                yield picture
                number += 1

    def tick(self, number: int) -> int:
        """The time that has passed, in pictures; later than the one before."""
        passed = int((time.perf_counter() - self._began) * float(self.rate))
        self._last = max(self._last + 1, passed)
        return self._last
