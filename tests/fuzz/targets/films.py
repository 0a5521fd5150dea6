"""Films: their head, and their first pictures."""

import tempfile
from itertools import islice
from pathlib import Path
from unittest import mock

from apps.errors import DataError
from tests.fuzz.target import Target, instrumented
from tests.helpers.films import greys, made

with instrumented("apps.faces.pictures"):
    from apps import images
    from apps.faces.pictures import Film

MOST_PIXELS = 1 << 14  # as of pictures


def seeds():
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("mp4", "mkv", "avi", "webm"):
            path = Path(folder) / f"a.{suffix}"
            try:
                yield made(path, greys(2)).read_bytes()
            except ValueError:  # a container that has no such codec
                continue


def attempt(data, folder):
    import av

    av.logging.set_level(None)
    path = folder / "film.mp4"
    path.write_bytes(data)
    with mock.patch.object(images, "MOST_PIXELS", MOST_PIXELS):
        for picture in islice(Film(path), 3):
            assert picture.shape[0] * picture.shape[1] <= MOST_PIXELS


WORDS = (
    b"moov",
    b"trak",
    b"mdat",
    b"stsd",
    b"avc1",
    b"tkhd",
    b"ftyp",
    b"\x1aE\xdf\xa3",
    b"RIFF",
    b"AVI ",
    b"#EXTM3U\n",
)
TARGET = Target(attempt, (DataError,), seeds, WORDS, longest=8192)
