"""Picture files of all formats, as both apps read them. A PNG gets its checksums right before it is read."""

import io
import struct
import zlib
from itertools import islice
from unittest import mock

import numpy as np

from apps.errors import DataError
from tests.fuzz.target import Target, instrumented

with instrumented("PIL", "apps.images", "apps.faces.pictures", "apps.mnist.picture"):
    from PIL import Image

    from apps import images
    from apps.faces.pictures import read_frames
    from apps.mnist.picture import read_digit

MOST_PIXELS = 1 << 14  # so that the largest take no longer than others
SUFFIXES = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "tga", "qoi", "avif", "jp2")
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def seeds():
    noise = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    noise[[0, -1]] = noise[:, [0, -1]] = 0  # plain paper around it
    for suffix in SUFFIXES:
        for mode in ("RGB", "P", "LA", "I;16"):
            picture = Image.fromarray(noise).convert("L" if mode == "I;16" else mode)
            file = io.BytesIO()
            try:
                picture.convert(mode).save(file, Image.registered_extensions()[f".{suffix}"])
            except (KeyError, OSError, ValueError):  # a mode that the format has not, a format that Pillow has not
                continue
            yield file.getvalue()
    film = io.BytesIO()
    first, *others = (Image.new("P", (5, 4), number) for number in range(3))
    first.save(film, "gif", save_all=True, append_images=others)
    yield film.getvalue()


def mended(data: bytes) -> bytes:
    """A PNG with the right checksums, as far as its chunks can be told."""
    at, whole = len(SIGNATURE), SIGNATURE
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        whole += struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return whole


def attempt(data, folder):
    path = folder / "picture"
    path.write_bytes(mended(data) if data.startswith(SIGNATURE) else data)
    with mock.patch.object(images, "MOST_PIXELS", MOST_PIXELS):
        try:
            read_digit(path)
        finally:
            for frame in islice(read_frames(path), 3):
                assert frame.picture.shape[0] * frame.picture.shape[1] <= MOST_PIXELS


WORDS = (
    *(SIGNATURE, b"GIF89a", b"II*\0", b"RIFF", b"WEBPVP8X", b"P6\n", b"ftypavif", b"qoif", b"Exif\0\0"),
    *b"IHDR IDAT tRNS PLTE acTL fcTL zTXt iCCP eXIf \xff\xd8 \xff\xc2 \xff\xda".split(),
)
TARGET = Target(attempt, (DataError,), seeds, WORDS)
