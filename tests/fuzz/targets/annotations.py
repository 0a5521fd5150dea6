"""Annotations in WIDER FACE's folder, in which two photographs are."""

from PIL import Image

from apps.errors import DataError
from tests.fuzz.target import Target, instrumented
from tests.helpers.wider_face import face, text

with instrumented("apps.faces.wider", "apps.files"):
    from apps.faces.wider import Wider, digest, read_wider, statistics


def seeds():
    yield text({"a.jpg": [face(), face(7, 8, 9, 10, 1)], "0--A/b.jpg": []}).encode()
    yield text({"../a.jpg": [face(w=-3), face(h=0)], "a.jpg": [face(x=39)]}).replace("\n", "\r\n").encode()


def attempt(data, folder):
    images, annotations = folder / "train" / "images", folder / "wider_face_split" / "wider_face_train_bbx_gt.txt"
    if not images.is_dir():
        (images / "0--A").mkdir(parents=True)
        annotations.parent.mkdir()
        for name in ("a.jpg", "0--A/b.jpg"):
            Image.new("RGB", (8, 8)).save(images / name)
    annotations.write_bytes(data)
    photographs, problems = read_wider(folder, "train", check=True)
    assert all(len(problem.splitlines()) == 1 for problem in problems)
    statistics(photographs)
    digest(photographs)
    for example in Wider(photographs[:3]):
        assert (example.boxes <= 8).all()


WORDS = (
    b"a.jpg\n",
    b"0--A/b.jpg\n",
    b"1\n",
    b"0\n",
    b"1 2 3 4 0 0 0 0 0 0\n",
    b"../",
    b"/",
    b"\\",
    b"16777216 ",
    b"-1 ",
)
TARGET = Target(attempt, (DataError,), seeds, WORDS)
