"""Pictures and films of any kind are read upright and in RGB, and what is no picture is refused in one line."""

import os
import re
import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from apps import images
from apps.errors import DataError
from apps.faces.pictures import FILMS, Film, bytes_of, find_pictures, is_film, read_frames, read_upright
from tests.helpers.films import greys, made

# What turns a picture upright, by the value of the EXIF tag for orientation: how it was stored.
STORED = {1: 0, 3: 2, 6: 1, 8: 3}  # quarter turns against the clock
ORIENTATION = 0x0112


def colours(height: int = 30, width: int = 40) -> np.ndarray:
    """Red grows to the right, green downwards; blue is 77."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x // width, 255 * y // height, np.full_like(x, 77)], axis=-1).astype(np.uint8)


def saved(path: Path, picture: Image.Image, **options) -> np.ndarray:
    picture.save(path, **options)
    found = read_upright(path)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    return found


def assert_near(found, expected, within):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= within


# --- A file and a stream


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGB", "jpg"), ("RGBA", "png"), ("I;16", "png"), ("L", "tif"), ("P", "gif")]
)
def test_a_stream_is_read_as_the_file_is(tmp_path, mode, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = Image.fromarray(colours()[:, :, 0].astype(np.uint16) * 200 if mode == "I;16" else colours())
    found = saved(tmp_path / f"a.{suffix}", stored if mode == "I;16" else stored.convert(mode), exif=exif)
    content = (tmp_path / f"a.{suffix}").read_bytes()
    np.testing.assert_array_equal(read_upright(BytesIO(content)), found)
    assert found.shape[:2] == ((30, 40) if suffix == "gif" else (40, 30))  # GIF has no EXIF


def test_a_stream_without_a_picture_is_refused_without_a_name():
    with pytest.raises(
        DataError, match=r"^no readable picture found \(no format that Pillow knows\), an image file expected$"
    ):
        read_upright(BytesIO(b"hello"))


# --- Modes


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", "png"), ("RGB", "tif"), ("RGB", "webp"), ("CMYK", "tif")])
def test_colours_are_kept(tmp_path, mode, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    found = saved(tmp_path / f"a.{suffix}", Image.fromarray(colours()).convert(mode), **options)
    assert_near(found, colours(), 1)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr"])
def test_photographs_are_nearly_kept(tmp_path, mode):
    picture = Image.fromarray(colours()).convert(mode)
    assert_near(saved(tmp_path / "a.jpg", picture, quality=95), colours(), 16)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "I", "F"])
def test_grey_is_the_same_in_all_colours(tmp_path, mode):
    grey = colours()[:, :, 0]
    kinds = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    picture = Image.fromarray(grey.astype(kinds[mode])) if mode in kinds else Image.fromarray(grey).convert(mode)
    found = saved(tmp_path / "a.tif", picture)
    assert np.ptp(found, axis=2).max() == 0
    if mode == "1":
        assert set(np.unique(found)) <= {0, 255}
    else:
        assert_near(found[:, :, 0], 255 / (grey.max() if mode == "F" else 255) * grey, 1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_on_white(tmp_path, mode):
    picture = Image.fromarray(colours()).convert(mode)
    picture.putalpha(Image.fromarray(np.repeat([[0, 128, 255]], 30, axis=0).astype(np.uint8)).resize((40, 30), 0))
    found = saved(tmp_path / "a.png", picture)
    assert (found[:, :13] == 255).all()
    assert_near(found[:, 27:], np.array(picture.convert("RGB"))[:, 27:], 1)


def test_one_transparent_colour_is_white(tmp_path):
    numbers = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = Image.fromarray(numbers).convert("P")
    palette.putpalette([255 - n // 3 * 20 for n in range(36)])
    found = saved(tmp_path / "a.png", palette, transparency=5)
    assert (found[1, 1] == 255).all()
    assert found[0, 1, 0] == 235
    assert (saved(tmp_path / "b.png", Image.fromarray(numbers), transparency=5)[1, 1] == 255).all()


def test_a_film_of_pictures_shows_its_first(tmp_path):
    pictures = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    found = saved(tmp_path / "a.gif", pictures[0], save_all=True, append_images=pictures[1:])
    assert (found == [255, 0, 0]).all()


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "mpo"])
def test_all_pictures_of_a_file_come_one_after_the_other(tmp_path, suffix):
    pictures = [Image.new("RGB", (50, 40), colour) for colour in ("red", "lime", "blue")]
    times = {} if suffix in ("tif", "mpo") else {"duration": [100, 200, 300]}
    path = tmp_path / f"a.{suffix}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **times)
    found = list(read_frames(path))
    for frame, picture in zip(found, pictures, strict=True):
        assert frame.frames == 3
        assert_near(frame.picture, np.array(picture), 8)
    assert [frame.milliseconds for frame in found] == (times or {"duration": [0, 0, 0]})["duration"]


def test_a_file_that_breaks_off_after_its_first_picture_gives_what_can_be_read_and_says_so(tmp_path):
    path, noise = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3), np.uint8)
    pages = [Image.fromarray(page) for page in noise]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert len(list(read_frames(path))) == 3
    path.write_bytes(path.read_bytes().replace(noise[1].tobytes(), b""))  # so that what is after it has moved
    with pytest.warns(UserWarning, match=r"a\.tif: only the first of its pictures can be read \(.+\)$"):
        (frame,) = read_frames(path)
    assert_near(frame.picture, noise[0], 0)


def test_pages_are_turned_and_refused_for_their_size_each_on_its_own(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (5, 4)).save(tmp_path / "b.tif", exif=exif)
    turned, path = Image.open(tmp_path / "b.tif"), tmp_path / "a.tif"
    Image.new("RGB", (7, 6)).save(path, save_all=True, append_images=[turned])
    assert [frame.picture.shape for frame in read_frames(path)] == [(6, 7, 3), (5, 4, 3)]
    Image.new("RGB", (7, 6)).save(path, save_all=True, append_images=[Image.new("RGB", (70, 60))])
    monkeypatch.setattr(images, "MOST_PIXELS", 100)
    frames = read_frames(path)
    assert next(frames).picture.shape == (6, 7, 3)
    said = r"only the first 1 of its 2 pictures can be read \(70 x 60 pixels, more than the 100 that are allowed\)"
    with pytest.warns(UserWarning, match=said):
        assert list(frames) == []


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1), st.sampled_from(["I;16", "F"]))
def test_deep_grey_keeps_its_order_and_its_zero(values, mode):
    deep = np.array(values, np.float32)
    grey = bytes_of(deep, mode)
    assert (np.diff(grey[np.argsort(deep, kind="stable")].astype(int)) >= 0).all()
    assert (grey[deep == 0] == 0).all()
    if deep.max() >= 255:
        assert grey.max() == 255


def test_grey_of_16_bits_that_fits_into_8_is_kept(tmp_path):
    grey = np.arange(200, dtype=np.uint16).reshape(10, 20)
    assert (saved(tmp_path / "a.png", Image.fromarray(grey))[:, :, 0] == grey).all()
    assert saved(tmp_path / "b.png", Image.fromarray(grey * 300))[:, :, 0].max() == 255


# --- Orientation and size


@pytest.mark.parametrize("orientation", list(STORED))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
def test_a_picture_is_turned_upright_once(tmp_path, orientation, suffix, mode):
    if (mode, suffix) == ("CMYK", "png"):
        pytest.skip("PNG has no CMYK")
    corner = np.zeros((30, 40, 3), np.uint8)
    corner[:10, :10] = 255  # white at the top left, once it is upright
    stored = Image.fromarray(np.rot90(corner, STORED[orientation])).convert(mode)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = saved(tmp_path / f"a.{suffix}", stored, exif=exif)
    assert found.shape == corner.shape
    assert found[3, 3].min() > 200
    assert max(found[3, 36].max(), found[26, 3].max(), found[26, 36].max()) < 50


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (20, 20), (4000, 6000)])
def test_any_size_is_read_as_it_is(tmp_path, size):
    assert saved(tmp_path / "a.jpg", Image.new("RGB", size[::-1], "teal"), quality=50).shape == (*size, 3)


# --- What is no picture


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a"])
def test_what_is_no_picture_is_refused_in_one_line(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"no readable picture found \(.+\), an image file expected$") as caught:
        read_upright(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError):
        read_upright(path)


def test_values_that_are_no_numbers_are_refused(tmp_path):
    Image.fromarray(np.array([[1, np.nan]], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="values that are no numbers"):
        read_upright(tmp_path / "a.tif")


# --- Which files are meant


@pytest.fixture
def album(tmp_path):
    """A folder with pictures, and much else."""
    names = ["b.jpg", "a.PNG", "sub/c.webp", "sub/deep/f.mov", "notes.txt", "d.pdf", "sub/.thumbs/x.png", "._b.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    return tmp_path


def test_a_folder_stands_for_the_pictures_and_films_in_it_and_below(album):
    found = find_pictures([album], album / "none")
    assert [str(path.relative_to(album)) for path in found] == ["a.PNG", "b.jpg", "sub/c.webp", "sub/deep/f.mov"]


def test_a_file_is_taken_whatever_its_name_and_only_once(album):
    named = [album / "notes.txt", album / "sub" / "c.webp", album / "sub"]
    found = find_pictures(named, album / "none")
    assert [path.name for path in found] == ["notes.txt", "c.webp", "f.mov"]


def test_the_output_is_not_looked_at_again_unless_it_is_what_is_meant(album):
    assert [path.name for path in find_pictures([album], album / "sub")] == ["a.PNG", "b.jpg"]
    assert [path.name for path in find_pictures([album / "sub"], album / "sub")] == ["c.webp", "f.mov"]
    assert [path.name for path in find_pictures([album / "sub" / "c.webp"], album / "sub")] == ["c.webp"]


def test_nothing_to_look_at_stands_in_its_place_with_what_is_wrong(album):
    (album / "empty").mkdir()
    meant = [album / "nowhere.jpg", album / "a.PNG", album / "empty"]
    nowhere, picture, empty = find_pictures(meant, album / "none")
    assert (nowhere.path, picture, empty.path) == tuple(meant)
    assert nowhere.why.endswith("nowhere.jpg: no such file or folder")
    assert re.search(r"empty: no picture in this folder, at least one expected \(.*\.png.*\)$", empty.why)


def test_a_folder_that_cannot_be_read_is_named_beside_what_can(album, monkeypatch):
    """As for root every folder can be read, the system says no by our own hand."""
    scan = os.scandir

    def refusing(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    refused, *found = find_pictures([album], album / "none")
    assert refused.path == album / "sub"
    assert refused.why.endswith("sub: no readable folder found (Permission denied)")
    assert [path.name for path in found] == ["a.PNG", "b.jpg"]


def test_what_may_not_be_seen_is_named(album, monkeypatch):
    stat = Path.stat

    def refusing(path, **options):
        if path.name in ("a.PNG", "locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refusing)
    refused, *found = find_pictures([album / "locked", album], album / "none")
    assert refused.why == f"{album / 'locked'}: Permission denied"
    assert album / "a.PNG" in found  # and who reads it says why it cannot be


# --- Films


def test_films_are_known_by_their_names():
    assert all(is_film(Path(f"a{suffix}")) and is_film(Path(f"a{suffix.upper()}")) for suffix in FILMS)
    assert not is_film(Path("a.jpg"))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_film_is_its_pictures_in_order(tmp_path, suffix):
    film = Film(made(tmp_path / f"a{suffix}", greys(5), Fraction(30000, 1001)))
    assert abs(film.rate - Fraction(30000, 1001)) < 1
    assert film.frames in (5, None)
    for _ in range(2):
        found = list(film)
        assert [picture.shape for picture in found] == [(32, 48, 3)] * 5
        for picture, expected in zip(found, greys(5), strict=True):
            assert_near(picture, expected, 4)


@pytest.mark.parametrize("size", [(32, 48), (31, 47), (1, 1)])
def test_a_film_that_is_written_has_the_pictures_and_the_rate(tmp_path, size):
    film = Film(made(tmp_path / "a.mp4", greys(2), 12))
    assert film.write(tmp_path / "b.mp4", iter(greys(4, *size))) == 4
    again = Film(tmp_path / "b.mp4")
    assert again.rate == 12
    for picture, expected in zip(again, greys(4), strict=True):
        assert_near(picture[0, 0], expected[0, 0], 6)
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}


@pytest.mark.parametrize(("quarters", "matrix"), [(-1, (0, 1, -1, 0)), (2, (-1, 0, 0, -1)), (1, (0, -1, 1, 0))])
def test_a_film_is_turned_upright_as_the_telephone_was_held(tmp_path, quarters, matrix):
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :16] = 255
    path = made(tmp_path / "a.mp4", [picture] * 2)
    content = bytearray(path.read_bytes())
    start = content.find(b"tkhd") + 44  # of the matrix in the header of a track: ISO/IEC 14496-12, section 8.3.2
    a, b, c, d = (n << 16 for n in matrix)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    for found in Film(path):
        assert_near(found, np.rot90(picture, quarters), 40)


def cut(content: bytes) -> bytes:
    return content[:-400]


def noisy(content: bytes) -> bytes:
    start = content.find(b"mdat") + 100
    return content[:start] + b"\x55" * 600 + content[start + 600 :]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b"no film" * 99, cut, noisy])
def test_a_broken_film_is_one_line(tmp_path, damage):
    rng = np.random.default_rng(0)
    path = made(tmp_path / "a.mp4", [rng.integers(0, 256, (32, 48, 3), np.uint8) for _ in range(5)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"a\.mp4: no readable film found \(.+\), a video file expected$"):
        list(Film(path))


def test_sound_alone_is_no_film(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44100
        film.mux(stream.encode(sound))
        film.mux(stream.encode())
    with pytest.raises(DataError, match="no pictures in it"):
        Film(path)


def test_a_film_that_fails_on_the_way_leaves_nothing(tmp_path):
    film = Film(made(tmp_path / "a.mp4", greys(2)))

    def failing():
        yield from greys(3)
        raise DataError("enough")

    for pictures, message in ((failing(), "enough"), (iter([]), "a film without pictures")):
        with pytest.raises(DataError, match=message):
            film.write(tmp_path / "b.mp4", pictures)
        assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_film_without_the_extra_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(DataError, match=r"a\.mp4: films need the extra: pip install 'handwritten\[video\]'"):
        Film(tmp_path / "a.mp4")
