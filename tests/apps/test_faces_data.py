"""WIDER FACE's folder: what is read, what is refused, and what is said about the rest."""

import os
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from apps.errors import DataError
from apps.faces import wider
from apps.faces.crowds import Crowds
from apps.faces.data import load
from apps.faces.wider import Wider, read_annotations, read_wider
from tests.helpers.wider_face import face, text, write_split


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three photographs for training, one for validation."""
    write_split(
        tmp_path, "train", {"0--A/a.jpg": [face(), face(7, 8, 9, 10, 1)], "0--A/b.jpg": [], "1--B/c.jpg": [face(30)]}
    )
    write_split(tmp_path, "val", {"1--B/d.jpg": [face()]})
    return tmp_path


@pytest.fixture
def annotations(folder) -> Path:
    return folder / "wider_face_split" / "wider_face_train_bbx_gt.txt"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("WIDER_FACE_DIR", raising=False)


# --- Annotations

numbers = st.integers(-wider.LARGEST, wider.LARGEST)
rows = st.tuples(*[numbers] * wider.COLUMNS)
names = st.text("abz09_-é", min_size=1, max_size=8).map("0--A/{}.jpg".format)
entries = st.dictionaries(names, st.lists(rows, max_size=4), max_size=4)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("annotations") / "annotations.txt"


@given(entries=entries, newline=st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read(scratch, entries, newline):
    scratch.write_bytes(text(entries).replace("\n", newline).encode())
    found = list(read_annotations(scratch))
    assert [name for _, name, _ in found] == list(entries)
    for (line, name, faces), expected in zip(found, entries.values(), strict=True):
        assert faces.shape == (len(expected), wider.COLUMNS)
        assert faces.tolist() == [list(row) for row in expected]
        assert scratch.read_text(encoding="utf-8").split("\n")[line - 1] == name


@given(entries=entries.filter(bool), choice=st.data())
def test_annotations_without_any_one_of_their_lines_are_refused(scratch, entries, choice):
    lines = text(entries).splitlines()
    del lines[choice.draw(st.integers(0, len(lines) - 1))]
    scratch.write_text("\n".join(lines), encoding="utf-8")
    if lines:
        with pytest.raises(DataError, match=r"annotations\.txt:[0-9]+: .* found, .* expected"):
            list(read_annotations(scratch))


@given(content=st.text(alphabet="0123 -a./\n", max_size=60) | st.binary(max_size=30))
def test_any_other_file_is_read_or_refused_in_one_line(scratch, content):
    scratch.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        list(read_annotations(scratch))
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.jpg\n", r":2: the end of the file found, the number of faces in a\.jpg expected"),
        ("a.jpg\nmany\n", r":2: 'many' found, the number of faces in a\.jpg expected"),
        ("a.jpg\n-1\n", ":2: '-1' found, the number of faces"),
        ("a.jpg\n1 2\n", ":2: '1 2' found, the number of faces"),
        ("a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", ":4: the end of the file found, 10 integers for face 2 of 2 expected"),
        ("a.jpg\n1\n1 2 3 4 0 0 0 0 0\n", ":3: '1 2 3 4 0 0 0 0 0' found, 10 integers for face 1 of 1 expected"),
        ("a.jpg\n1\n1 2 3 4 0 0 0 0 0 0 0\n", ":3: '1 2 3 4 0 0 0 0 0 0 0' found"),
        ("a.jpg\n1\n1 2 3 4.5 0 0 0 0 0 0\n", r":3: '1 2 3 4\.5 0 0 0 0 0 0' found"),
        ("a.jpg\n1\n1 2 3 99999999999 0 0 0 0 0 0\n", ":3: '1 2 3 99999999999 0 0 0 0 0 0' found"),
        ("a.jpg\n0\n1 2 3 4 0 0 0 0 0 0\n", ":3: '1 2 3 4 0 0 0 0 0 0' found, 10 zeros for no face expected"),
        ("a.jpg\n0\n", ":3: the end of the file found, 10 zeros for no face expected"),
        ("a.jpg\n0\nb.jpg\n1\n", r":3: 'b\.jpg' found, 10 zeros for no face expected"),
        ("\na.jpg\n", ":1: '' found, the path of a photograph expected"),
        (b"a.jpg\n\xff\n", ": byte 6 is no text, lines of text expected"),
    ],
)
def test_a_malformed_file_is_refused_by_line(annotations, folder, content, message):
    annotations.write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(folder / "train" / "images" / name)
    with pytest.raises(DataError, match=f"wider_face_train_bbx_gt.txt{message}"):
        read_wider(folder, "train")


# --- Photographs and problems


def test_a_split_is_read(folder):
    photographs, problems = read_wider(folder, "train")
    assert problems == []
    first, second, third = photographs
    assert [p.path.name for p in photographs] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [p.line for p in photographs] == [1, 5, 8]
    np.testing.assert_array_equal(first.boxes, np.array([[1, 2, 6, 8], [7, 8, 16, 18]], np.float32), strict=True)
    np.testing.assert_array_equal(first.invalid, [False, True], strict=True)
    assert first.attributes.tolist() == [[1, 0, 1, 0, 2, 0], [1, 0, 1, 1, 2, 0]]
    assert (second.boxes.shape, second.invalid.shape, second.attributes.shape) == ((0, 4), (0,), (0, 6))
    assert third.boxes.dtype == np.float32


def test_the_prefix_of_the_archives_may_stay(tmp_path):
    write_split(tmp_path, "val", {"0--A/a.jpg": [face()]}, prefix="WIDER_")
    assert len(read_wider(tmp_path, "val")[0]) == 1


def test_a_missing_photograph_is_reported_and_left_out(folder, annotations):
    (folder / "train" / "images" / "0--A" / "b.jpg").unlink()
    photographs, problems = read_wider(folder, "train")
    assert [p.path.name for p in photographs] == ["a.jpg", "c.jpg"]
    images = folder / "train" / "images"
    assert problems == [f"{annotations}:5: 0--A/b.jpg found, but no such file in {images}"]


def test_a_box_of_negative_size_is_reported_and_left_out_and_an_empty_one_is_left_out(tmp_path):
    entries = {"a.jpg": [face(w=-3), face(h=0), face(w=0), face(x=9), face(h=-1, w=0)]}
    annotations = write_split(tmp_path, "train", entries)
    (photograph,), problems = read_wider(tmp_path, "train")
    assert photograph.boxes.tolist() == [[9, 2, 14, 8]]
    assert len(photograph.invalid) == len(photograph.attributes) == 1
    assert problems == [
        f"{annotations}:3: a box of -3 x 6 pixels found in a.jpg",
        f"{annotations}:7: a box of 0 x -1 pixels found in a.jpg",
    ]


def test_boxes_outside_are_reported_when_files_are_checked(tmp_path):
    entries = {"a.jpg": [face(), face(x=-1), face(w=0), face(x=36), face(y=24), face(y=25)], "b.jpg": [face()]}
    annotations = write_split(tmp_path, "train", entries)
    (tmp_path / "train" / "images" / "b.jpg").write_bytes(b"no picture")
    assert read_wider(tmp_path, "train")[1] == []
    photographs, problems = read_wider(tmp_path, "train", check=True)
    assert [len(p.boxes) for p in photographs] == [5, 1]
    assert problems == [
        f"{annotations}:4: a box from (-1, 2) to (4, 8) found in a.jpg of 40 x 30 pixels",
        f"{annotations}:6: a box from (36, 2) to (41, 8) found in a.jpg of 40 x 30 pixels",
        f"{annotations}:8: a box from (1, 25) to (6, 31) found in a.jpg of 40 x 30 pixels",
        f"{annotations}:9: b.jpg found, but it is no readable picture (no format that Pillow knows)",
    ]


def test_a_folder_without_annotations_or_photographs_is_refused(tmp_path, folder, annotations):
    annotations.unlink()
    with pytest.raises(DataError, match=r"wider_face_train_bbx_gt\.txt: No such file .* readable file expected"):
        read_wider(folder, "train")
    with pytest.raises(DataError, match="neither test/images nor WIDER_test/images found"):
        read_wider(folder, "test")


# --- Examples


def test_an_example_is_the_stored_picture_with_its_boxes_clipped(folder):
    examples = Wider(read_wider(folder, "train")[0])
    assert len(examples) == 3
    first, _, third = examples
    with Image.open(folder / "train" / "images" / "0--A" / "a.jpg") as stored:
        np.testing.assert_array_equal(first.picture, np.asarray(stored), strict=True)
    assert first.picture.flags.writeable
    assert first.name == "0--A/a"
    assert first.invalid.tolist() == [False, True]
    assert examples[-1].name == third.name == "1--B/c"
    with pytest.raises(IndexError, match="example 3 of 3"):
        examples[3]


def test_boxes_are_clipped_and_those_outside_left_out(tmp_path):
    write_split(tmp_path, "train", {"a.jpg": [face(x=38), face(y=30, invalid=1), face(x=-3, y=-3)]})
    example = Wider(read_wider(tmp_path, "train")[0])[0]
    assert example.boxes.tolist() == [[38, 2, 40, 8], [0, 0, 2, 3]]
    assert example.invalid.tolist() == [False, False]


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_every_kind_of_picture_becomes_rgb_and_exif_does_not_turn_it(folder, mode):
    path = folder / "train" / "images" / "0--A" / "a.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    Image.new(mode, (40, 30)).save(path, exif=turned)
    assert Wider(read_wider(folder, "train")[0])[0].picture.shape == (30, 40, 3)


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: b"no picture", lambda content: content[:-200]])
def test_a_broken_picture_is_replaced_by_the_next_with_one_warning(folder, damage):
    path = folder / "train" / "images" / "1--B" / "c.jpg"
    path.write_bytes(damage(path.read_bytes()))
    examples = Wider(read_wider(folder, "train")[0])
    with pytest.warns(UserWarning, match=r"1--B/c\.jpg: left out, no readable picture found \(.*\)$") as caught:
        assert examples[2].name == "0--A/a"  # after the last comes the first
    assert len(caught) == 1
    assert str(path) in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert examples[2].name == "0--A/a"
        assert [example.name for example in examples] == ["0--A/a", "0--A/b"]  # once each
        assert pickle.loads(pickle.dumps(examples))[2].name == "0--A/a"


@pytest.mark.filterwarnings("ignore:.*left out")
def test_what_was_readable_is_numbered_as_it_was_iterated(folder):
    (folder / "train" / "images" / "0--A" / "b.jpg").write_bytes(b"")
    examples = Wider(read_wider(folder, "train")[0])
    names = [example.name for example in examples]
    assert [examples.readable()[i].name for i in range(2)] == names == ["0--A/a", "1--B/c"]


@pytest.mark.filterwarnings("ignore:.*left out")
def test_a_folder_of_broken_pictures_is_an_error(folder):
    for path in (folder / "train" / "images").rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.jpg: none of 3 pictures is readable"):
        Wider(read_wider(folder, "train")[0])[0]


def test_examples_are_small_to_send_to_another_process(folder):
    assert len(pickle.dumps(Wider(read_wider(folder, "train")[0]))) < 4000
    assert len(pickle.dumps(Crowds(2000, 0))) < 200


# --- Where the faces come from


@pytest.mark.parametrize("source", ["auto", "wider"])
def test_a_folder_goes_before_crowds(folder, monkeypatch, source):
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder))
    found = load(source)
    assert found.source == "photographs from WIDER_FACE_DIR (3 / 1)"
    assert (len(found.train), len(found.validation), found.problems) == (3, 1, ())
    assert found.validation[0].name == "1--B/d"


def test_whoever_only_evaluates_needs_no_photographs_to_learn_from(folder, monkeypatch):
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder))
    shutil.rmtree(folder / "train")
    found = load(learning=False)
    assert found.source == "photographs from WIDER_FACE_DIR (1 held out)"
    assert (len(found.train), len(found.validation)) == (0, 1)
    (folder / "val" / "images" / "1--B" / "d.jpg").unlink()
    with pytest.raises(DataError, match="no photograph for validation found, at least one expected"):
        load(learning=False)


@pytest.mark.parametrize("source", ["auto", "wider"])
def test_an_unusable_folder_is_an_error_and_no_reason_to_look_elsewhere(folder, monkeypatch, source):
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder))
    (folder / "val" / "images" / "1--B" / "d.jpg").unlink()
    with pytest.raises(DataError, match="3 and 0 photographs found, at least one of both expected"):
        load(source)
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder / "absent"))
    with pytest.raises(DataError, match="absent: neither train/images nor WIDER_train/images found"):
        load(source)


@pytest.mark.parametrize(("most", "names"), [(1, "a"), (2, "ab"), (3, "abc"), (9, "abc"), (None, "abc")])
def test_pictures_held_out_may_be_some_that_are_spread_over_all(folder, monkeypatch, most, names):
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder))
    write_split(folder, "val", {f"0--A/{name}.jpg": [face()] for name in "abc"})
    found = load("wider", most)
    assert "".join(example.name[-1] for example in found.validation) == names
    assert found.source == load("wider").source == "photographs from WIDER_FACE_DIR (3 / 3)"
    assert len(load("builtin", 7).validation) == 7


def test_problems_are_passed_on(folder, monkeypatch):
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder))
    (folder / "train" / "images" / "0--A" / "b.jpg").unlink()
    (problem,) = load().problems
    assert "0--A/b.jpg" in problem


def test_without_a_folder_crowds_are_taken_and_it_is_said():
    found = load()
    assert found.source == "crowds composed of faces in scikit-image (2000 / 200)"
    assert found.problems[0].startswith("WIDER_FACE_DIR is not set")
    assert found.train == Crowds(2000, seed=0)
    assert found.validation == Crowds(200, seed=0, held_out=True)
    assert load("builtin").source == found.source
    assert not load("builtin").problems


def test_wider_without_a_folder_and_unknown_sources_are_refused():
    with pytest.raises(DataError, match="environment variable WIDER_FACE_DIR expected"):
        load("wider")
    with pytest.raises(DataError, match="'winder' found, auto, wider or builtin expected"):
        load("winder")


# --- The benchmark itself


@pytest.mark.skipif(not os.environ.get("WIDER_FACE_DIR"), reason="WIDER_FACE_DIR is not set")
@pytest.mark.parametrize("folder", [os.environ.get("WIDER_FACE_DIR")])
def test_the_benchmark_has_no_problems(folder):
    for split in ("train", "val"):
        photographs, problems = read_wider(folder, split, check=True)
        assert problems == []
        assert sum(len(photograph.boxes) for photograph in photographs) > len(photographs)
        examples = Wider(photographs)
        assert all(examples[i].picture.size for i in range(0, len(examples), len(examples) // 10))
