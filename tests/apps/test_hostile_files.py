"""Files that are made to do harm: small ones that unpack to gigabytes, paths that lead elsewhere, lists of files."""

import ast
import gzip
import os
import struct
import subprocess
import sys
import textwrap
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps import images
from apps.errors import DataError
from apps.faces.pictures import Film, read_upright
from apps.faces.wider import Wider, read_wider
from apps.mnist import idx
from apps.mnist.idx import read_idx
from apps.mnist.picture import read_digit
from tests.helpers import ROOT
from tests.helpers.films import greys, made
from tests.helpers.wider_face import face, write_split

MIB = 1 << 20


def peak(action) -> int:
    """The most bytes that Python and NumPy held while an action was refused in one line."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            action()
        assert "\n" not in str(caught.value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- IDX files


def packed(count: int, zeros: int) -> bytes:
    """A compressed file whose header promises so many images, and that has so many bytes after it."""
    return gzip.compress(struct.pack(">4I", 0x803, count, 28, 28) + bytes(zeros))


def test_a_file_that_unpacks_to_more_than_its_header_promises_is_unpacked_no_further(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(packed(5, 64 * MIB))
    with pytest.raises(DataError, match=r"at least 3937 bytes found, 3936 expected for 5 images: trailing bytes"):
        read_idx(path)
    assert peak(lambda: read_idx(path)) < MIB


def test_a_header_that_promises_more_than_is_ever_held_is_refused_before_anything_is_unpacked(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(packed(idx.HELD // 784 + 1, 64 * MIB))
    with pytest.raises(DataError, match=r"of 1073742096 bytes found, at most 1073741824 bytes expected; unpacked, it"):
        read_idx(path)
    assert peak(lambda: read_idx(path)) < MIB


def test_a_header_that_promises_much_and_has_little_takes_little(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(packed(40_000, 784))
    with pytest.raises(DataError, match="800 bytes found, 31360016 expected for 40000 images: truncated"):
        read_idx(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path):
    for path in (tmp_path / "digits", tmp_path / "val" / "images", tmp_path / "wider_face_split"):
        path.parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / "digits")
    with pytest.raises(DataError, match="digits: a pipe or a device found, a readable file expected"):
        read_idx(tmp_path / "digits")
    with pytest.raises(DataError, match="a pipe or a device found"):
        read_idx("/dev/zero")


# --- Pictures


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A black PNG of one bit a pixel, with other chunks before its pixels."""
    head = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    unpacked = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    data = b"".join(unpacked.compress(row) for _ in range(height)) + unpacked.flush()
    parts = [(b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")]
    whole = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + whole


@pytest.mark.parametrize("read", [read_upright, read_digit])
@pytest.mark.parametrize("size", [(8200, 8200), (12_000, 12_000), (30_000, 30_000)])
@pytest.mark.filterwarnings("error")
def test_a_small_file_of_a_huge_picture_is_refused_before_it_is_unpacked(tmp_path, read, size):
    path = tmp_path / "a.png"
    path.write_bytes(png(size[0], 1)[:33])  # the head alone: more is not looked at
    head = bytearray(path.read_bytes())
    head[20:24] = struct.pack(">I", size[1])
    head[29:33] = struct.pack(">I", zlib.crc32(head[12:29]))
    path.write_bytes(head + png(1, 1)[33:])
    with pytest.raises(
        DataError, match=r"more than the 67,108,864 (pixels )?that are allowed\), an image file expected"
    ):
        read(path)


@pytest.mark.parametrize("read", [read_upright, read_digit])
def test_a_picture_may_have_as_many_pixels_as_are_allowed(tmp_path, monkeypatch, read):
    monkeypatch.setattr(images, "MOST_PIXELS", 40 * 30)
    for size, allowed in (((40, 30), True), ((40, 31), False)):
        noise = np.random.default_rng(0).integers(0, 2, size[::-1], np.uint8) * 255
        noise[[0, -1]] = noise[:, [0, -1]] = 0
        Image.fromarray(noise).save(tmp_path / "a.png")
        if allowed:
            read(tmp_path / "a.png")
        else:
            with pytest.raises(DataError, match="40 x 31 pixels, more than the 1,200 that are allowed"):
                read(tmp_path / "a.png")


def test_a_huge_photograph_of_a_data_set_is_left_out_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    write_split(tmp_path, "train", {"a.jpg": [face()]})
    photographs, problems = read_wider(tmp_path, "train", check=True)
    assert "40 x 30 pixels, more than the 1,000 that are allowed" in problems[0]
    with pytest.warns(UserWarning, match="left out.*40 x 30 pixels, more than"), pytest.raises(DataError):
        Wider(photographs)[0]


BOMB = zlib.compress(bytes(200 * MIB), 9)


@pytest.mark.parametrize(
    "chunk", [(b"zTXt", b"Comment\0\0" + BOMB), (b"iCCP", b"profile\0\0" + BOMB), (b"iTXt", b"a\0\1\0\0\0" + BOMB)]
)
@pytest.mark.parametrize("read", [read_upright, read_digit])
def test_what_is_packed_beside_the_pixels_takes_little_memory(tmp_path, read, chunk):
    (tmp_path / "a.png").write_bytes(png(8, 8, chunk))

    def reading():
        read(tmp_path / "a.png")
        raise DataError("read, without what stands beside the pixels")

    reading_alone = peak(reading)
    assert reading_alone < 8 * MIB


@pytest.mark.parametrize("read", [read_upright, read_digit])
@pytest.mark.parametrize("prefix", [0, (1 << 20) - 700])
def test_a_photograph_that_is_drawn_over_and_over_is_refused(tmp_path, read, prefix):
    """Of 8192 x 8192 pixels each scan takes 45 ms, and a scan is 122 bytes."""
    noise = np.zeros((64, 64), np.uint8)
    noise[20:40, 20:40] = 255
    file = BytesIO()
    Image.fromarray(noise).save(file, "jpeg", progressive=True)
    content = file.getvalue()
    content = content[:2] + b"\xff\xfe\xff\xff".join([b""] + [bytes(65533)] * (prefix // 65533)) + content[2:]
    last = content[content.rindex(b"\xff\xc4", 0, content.rindex(b"\xff\xda")) : -2]
    for more in (0, images.MOST_SCANS - content.count(b"\xff\xda")):
        (tmp_path / "a.jpg").write_bytes(content[:-2] + more * last + content[-2:])
        read(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(content[:-2] + (more + 1) * last + content[-2:])
    with pytest.raises(DataError, match="101 scans, more than the 100 that are allowed"):
        read(tmp_path / "a.jpg")


def test_pictures_that_other_programs_would_have_to_read_are_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(a) print\nshowpage\n%%EOF\n")
    with Image.open(path) as found:
        assert found.format == "EPS"  # which Pillow gives to Ghostscript
    with pytest.raises(DataError, match="no format that Pillow knows"):
        read_upright(path)


MEASURED = """
    import resource, sys
    from pathlib import Path
    from apps.errors import DataError
    from apps.faces.pictures import read_upright
    read_upright(Path(sys.argv[1]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        print(read_upright(Path(sys.argv[2])).shape)
    except DataError as error:
        print(error)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what ru_maxrss counts differs")
@pytest.mark.parametrize(("name", "frames"), [("a.gif", 200), ("a.webp", 60), ("a.tif", 60), ("a.png", 60)])
def test_of_a_film_of_pictures_only_the_first_is_unpacked(tmp_path, name, frames):
    first = tmp_path / f"small{Path(name).suffix}"
    Image.new("RGB", (4, 4)).save(first)
    pictures = [Image.new("P" if name.endswith("gif") else "RGB", (600, 600), number) for number in range(frames)]
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
    program = [sys.executable, "-c", textwrap.dedent(MEASURED), str(first), str(tmp_path / name)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, check=True)
    shape, mebibytes = done.stdout.splitlines()
    assert shape == "(600, 600, 3)"
    assert int(mebibytes) < 24  # 60 pictures would take 82


# --- Films


def test_a_list_of_other_files_is_no_film(tmp_path):
    made(tmp_path / "secret.mp4", greys(2))
    playlists = {
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    }
    for name, content in playlists.items():
        path = tmp_path / f"{name}.mp4"
        path.write_text(content)
        with pytest.raises(DataError, match=rf"{name}\.mp4: no readable film found"):
            list(Film(path))


def test_a_film_of_huge_frames_is_refused_when_it_is_opened_and_when_they_come(tmp_path, monkeypatch):
    film = Film(made(tmp_path / "a.mp4", greys(2)))
    assert len(list(film)) == 2
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    with pytest.raises(DataError, match=r"a\.mp4: no readable film found"):
        list(film)
    with pytest.raises(DataError, match=r"48 x 32 pixels, more than the 1,000 that are allowed"):
        Film(tmp_path / "a.mp4")


# --- Paths that somebody else has written


@pytest.mark.parametrize(
    "name", ["../b.jpg", "0--A/../../b.jpg", "/etc/hostname", "link.jpg", "folder/b.jpg", "..", "."]
)
def test_a_path_that_leads_out_of_the_folder_is_refused_by_line(tmp_path, name):
    annotations = write_split(tmp_path, "train", {"0--A/a.jpg": [face()]})
    outside = tmp_path / "train" / "b.jpg"
    Image.new("RGB", (8, 8)).save(outside)
    (tmp_path / "train" / "images" / "link.jpg").symlink_to(outside)
    (tmp_path / "train" / "images" / "folder").symlink_to(outside.parent)
    with annotations.open("a") as file:
        file.write(f"{name}\n1\n1 2 3 4 0 0 0 0 0 0\n")
    with pytest.raises(DataError, match=r"_gt\.txt:4: .* found, the path of a file within .*images expected"):
        read_wider(tmp_path, "train")


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path):
    write_split(tmp_path / "real", "train", {"0--A/a.jpg": [face()], "0--A/b.jpg": [face()]})
    folder = tmp_path / "real" / "train" / "images" / "0--A"
    (folder / "b.jpg").unlink()
    (folder / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    photographs, problems = read_wider(tmp_path / "linked", "train")
    assert (len(photographs), problems) == (2, [])


def test_a_name_that_would_write_on_the_terminal_is_refused(tmp_path):
    annotations = write_split(tmp_path, "train", {"a.jpg": [face()]})
    annotations.write_text("a\x1b[2J.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n")
    with pytest.raises(DataError, match=r":1: 'a\\x1b\[2J\.jpg' found, the path of a photograph expected"):
        read_wider(tmp_path, "train")


# --- What would run what a file says


@pytest.mark.parametrize(
    "path",
    sorted((*(ROOT / "apps").rglob("*.py"), *(ROOT / "framework").rglob("*.py"))),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_apps_and_framework_unpickle_nothing(path):
    """Kernels keep their own code pickled, in a folder of the user's that nobody else can write (kernels/store.py)."""
    forbidden = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not forbidden & {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in forbidden
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle"
