"""Films of a few grey pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest


def made(path: Path, pictures: list[np.ndarray], rate: Fraction | int = 10) -> Path:
    """A film of these pictures."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        for picture in pictures:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        film.mux(stream.encode())
    return path


def greys(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    return [np.full((height, width, 3), 20 + 20 * number, np.uint8) for number in range(count)]
