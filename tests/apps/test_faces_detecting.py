"""`detect`, run as a user runs it: animations and pages, names of copies, what fails, a camera, and what is said."""

import json
import os
import re
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.faces import album, camera
from apps.faces.album import copies_of
from apps.faces.camera import Camera
from apps.faces.pictures import Film
from framework import memory
from tests.apps.test_faces_cli import HERE, _folder, files, look, photograph, records, run, weights  # noqa: F401
from tests.helpers.films import greys, made
from tests.helpers.noise import example


def animation(path: str, count: int = 3, sides: tuple[int, ...] = (64,), **options) -> None:
    pictures = [Image.fromarray(example((sides[n % len(sides)], 64), n).picture) for n in range(count)]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)


# --- Animations and pages


@pytest.mark.parametrize(
    ("name", "copy", "form"),
    [
        ("a.gif", "a.png", "PNG"),
        ("a.webp", "a.png", "PNG"),
        ("a.png", "a.png", "PNG"),
        ("a.tif", "a.tif", "TIFF"),
        ("a.mpo", "a.jpg", "MPO"),
    ],
)
def test_every_frame_has_a_record_and_is_in_the_copy(look, name, copy, form):  # noqa: F811
    animation(name, **({} if form != "PNG" else {"duration": [100, 200, 300]}))
    said = look(name, "--json", "found.jsonl")
    found = records("found.jsonl")
    assert [(r["image"], r["frame"], r["output"]) for r in found] == [(name, n, f"faces/{copy}") for n in range(3)]
    faces = sum(len(record["boxes"]) for record in found)
    assert re.search(
        rf"^{name}: {faces:,} faces? in 3 frames, [\d.]+ a second, [\d.]+ s, drawn in faces/{copy}$", said, re.M
    )
    with Image.open(f"faces/{copy}") as drawn:
        assert (drawn.format, drawn.n_frames, drawn.size) == (form, 3, (64, 64))
        for number in range(3):
            drawn.seek(number)
            drawn.load()
            assert form != "PNG" or drawn.info["duration"] == 100 * (number + 1)


def test_a_frame_has_the_boxes_that_it_has_as_a_picture(look):  # noqa: F811
    animation("a.tif", 2)
    Image.fromarray(example((64, 64), 1).picture).save("b.png")
    look("a.tif", "b.png", "--json", "found.jsonl", "--threshold", "0.01")
    first, second, alone = records("found.jsonl")
    assert second["boxes"] == alone["boxes"] != first["boxes"]


def test_of_too_many_frames_the_first_are_looked_at_and_it_is_said(look, capsys, monkeypatch):  # noqa: F811
    from apps import images

    animation("a.gif", 5)
    monkeypatch.setattr(album, "FRAMES", 2)
    look("a.gif", "--json", "found.jsonl")
    assert len(records("found.jsonl")) == Image.open("faces/a.png").n_frames == 2
    monkeypatch.setattr(album, "FRAMES", 1000)
    monkeypatch.setattr(images, "MOST_PIXELS", 3 * 64 * 64)
    monkeypatch.setattr(album, "note", lambda text: said.append(text))
    said = []
    look("a.gif", "--json", "found.jsonl")
    assert len(records("found.jsonl")) == 3
    assert said == ["a.gif: only the first 3 of 5 frames are looked at, which fill the copy"]


def test_pages_of_several_sizes_stay_pages(look):  # noqa: F811
    animation("a.tiff", 2, sides=(64, 40))
    look("a.tiff", "--json", "found.jsonl")
    assert [record["height"] for record in records("found.jsonl")] == [64, 40]
    assert Image.open("faces/a.tiff").n_frames == 2


def test_of_a_photograph_whose_second_picture_is_cut_off_the_first_is_looked_at(look, capsys):  # noqa: F811
    """As telephones write them, a small copy or a map of depths behind, which other programs then cut off."""
    animation("a.mpo", 2)
    content = Path("a.mpo").read_bytes()
    Path("a.jpg").write_bytes(content[: len(content) * 2 // 3])
    with warnings.catch_warnings(record=True):
        look("a.jpg", "--json", "found.jsonl")
    assert [record["frame"] for record in records("found.jsonl")] == [0]
    assert Image.open("faces/a.jpg").size == (64, 64)


# --- Names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["holiday.jpg", "party.jpg"], ["holiday.jpg", "party.jpg"]),
        (["a/holiday.jpg", "b/holiday.jpg", "b/party.jpg"], ["a-holiday.jpg", "b-holiday.jpg", "party.jpg"]),
        (["2023/x/a.jpg", "2024/x/a.jpg"], ["2023-x-a.jpg", "2024-x-a.jpg"]),
        (["a.jpg", "x/a.jpg", "../y/a.jpg"], ["a.jpg", "x-a.jpg", "y-a.jpg"]),
        (["/p/a.JPG", "/q/A.jpg"], ["p-a.JPG", "q-A.jpg"]),
        (["a.bmp", "a.png", "a.gif"], ["a.bmp.png", "a.png", "a.gif.png"]),
        (["a.bmp", "b/a.bmp"], ["a.bmp.png", "b-a.bmp.png"]),
        (["a.mov", "a.mp4", "a.tif"], ["a.mov.mp4", "a.mp4", "a.tif"]),
        (["x/a.png", "../x/a.png"], ["x-a.png", "x-a.png"]),
    ],
)
def test_copies_of_one_name_say_which_is_which(paths, names):
    assert copies_of([Path(path) for path in paths]) == names


def test_two_pictures_of_one_name_have_a_copy_each(look, photograph):  # noqa: F811
    photograph("a/holiday.jpg")
    photograph("b/holiday.jpg", (40, 48))
    look("a", "b", "--json", "found.jsonl")
    assert [record["output"] for record in records("found.jsonl")] == ["faces/a-holiday.jpg", "faces/b-holiday.jpg"]
    assert Image.open("faces/b-holiday.jpg").size == (40, 48)


# --- What fails, and what is said in the end


def test_what_cannot_be_looked_at_is_recorded_and_counted_and_the_others_are_done(look, photograph, capsys):  # noqa: F811
    photograph("a.png")
    Path("empty").mkdir()
    said = look("none.jpg", "empty", "a.png", "--json", "found.jsonl", code=1).splitlines()
    found = records("found.jsonl")
    assert [record["image"] for record in found] == ["none.jpg", "empty", "a.png"]
    assert said == [f"apps.faces detect: {record['error']}" for record in found[:2]]
    assert found[0] == {"image": "none.jpg", "error": "none.jpg: no such file or folder"}
    assert "boxes" in found[2]


def test_a_line_ends_the_run_with_what_there_was(look, photograph):  # noqa: F811
    photograph("a.png")
    animation("b.gif", 2)
    said = look("a.png", "b.gif", "--json", "found.jsonl", "--threshold", "0.01")
    faces = sum(len(record["boxes"]) for record in records("found.jsonl"))
    last = rf"total  2 pictures, 2 frames \([\d.]+ a second\), {faces:,} faces, 0 failures, [\d.]+ s"
    assert re.fullmatch(last, said.splitlines()[-1])


def test_the_end_is_told_where_something_failed_too(look, photograph, capsys):  # noqa: F811
    from apps.faces.detecting import Done, total

    one = Done(True, "", [{"boxes": [1]}], 0.5)
    assert total([one, Done(False, "", [{"error": "x"}], 0.1)], 2) == "total  1 picture, 1 face, 1 failure, 2.00 s"


def test_where_there_may_be_more_faces_than_can_be_found_it_is_said_once_a_file(look, capsys):  # noqa: F811
    Image.fromarray(example((256, 192)).picture).save("a.png")
    animation("b.gif", 2)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(album, "note", said.append)
        look("a.png", "b.gif", "--longest", 256, "--threshold", 0)
    why = "score 0.0 or more, so that others are left out; a higher --threshold leaves fewer"
    assert said == [
        f"{name}: all candidates of a look at {size} pixels {why}"
        for name, size in (("a.png", "192 x 256"), ("b.gif", "256 x 256"))
    ]


def test_lines_are_there_as_pictures_are_done(look, photograph, monkeypatch):  # noqa: F811
    from apps.faces import detecting

    for name in ("a.png", "b.png"):
        photograph(name)
    read, seen = detecting.read_frames, []

    def reading(path):
        seen.append(len(records("found.jsonl")) if Path("found.jsonl").exists() else None)
        return read(path)

    monkeypatch.setattr(detecting, "read_frames", reading)
    look("a.png", "b.png", "--json", "found.jsonl")
    assert seen == [None, 1]


@pytest.mark.parametrize("arguments", [("none.jpg",), ("a.png", "--weights", "none"), ("--camera", "lavfi:none")])
def test_what_was_recorded_is_not_lost_by_a_start_that_fails(look, photograph, arguments):  # noqa: F811
    photograph("a.png")
    Path("found.jsonl").write_text("kept")
    look(*arguments, "--json", "found.jsonl", code=1)
    assert Path("found.jsonl").read_text() == "kept"


def test_a_picture_too_large_to_be_enlarged_is_named_and_the_others_are_done(run, weights, photograph, monkeypatch):  # noqa: F811
    """24 megapixels at twice the size are 96; as if there were 2 GB."""
    Image.new("RGB", (6000, 4000)).save("a.jpg", quality=20)
    photograph("b.png")
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * 10**9)
    arguments = ("detect", "a.jpg", "b.png", "--weights", weights, *HERE, "--scales", 2, "--json", "found.jsonl")
    said = run(*arguments, code=1)
    refused = "a look at 8000 x 12032 pixels: 2.1 GB needed, 2.0 GB free; smaller scales need less"
    assert said == f"apps.faces detect: a.jpg: memory of cpu: {refused}\n"
    assert ["error" in record for record in records("found.jsonl")] == [True, False]


# --- Films and a camera

BARS = "lavfi:testsrc2=size=64x48:rate=25"


def test_of_a_film_so_many_frames_are_looked_at(look):  # noqa: F811
    made(Path("a.mp4"), greys(6))
    assert re.search(r"^a\.mp4: [\d,]+ faces? in 4 frames, [\d.]+ a second, ", look("a.mp4", "--frames", 4), re.M)
    assert len(list(Film(Path("faces/a.mp4")))) == 4


def test_a_camera_is_a_film_of_what_it_shows(look):  # noqa: F811
    pytest.importorskip("av")
    said = look("--camera", BARS, "--frames", 3, "--json", "found.jsonl")
    found = records("found.jsonl")
    assert [(r["image"], r["frame"], r["output"]) for r in found] == [
        (f"camera {BARS}", n, "faces/camera.mp4") for n in range(3)
    ]
    assert f"camera {BARS}: " in said
    assert "3 frames (" in said.splitlines()[-1]
    assert len(list(Film(Path("faces/camera.mp4")))) == 3


def test_an_interrupt_ends_a_camera_and_its_film_is_whole(look, monkeypatch):  # noqa: F811
    pytest.importorskip("av")
    tick = Camera.tick

    def interrupting(film, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return tick(film, number)

    monkeypatch.setattr(Camera, "tick", interrupting)
    said = look("--camera", BARS, "--json", "found.jsonl")
    assert len(list(Film(Path("faces/camera.mp4")))) == len(records("found.jsonl")) == 4
    assert said.splitlines()[-1].startswith("total  1 picture, 4 frames (")


def test_pictures_of_a_camera_stand_in_the_film_when_they_were_seen(monkeypatch):
    pytest.importorskip("av")
    now = [100.0]
    monkeypatch.setattr(camera.time, "perf_counter", lambda: now[0])
    film = Camera(BARS)
    pictures = iter(film)
    ticks = []
    for number, passed in enumerate((0.0, 0.0, 0.5, 0.5, 2.0)):
        next(pictures)
        now[0] = 100 + passed
        ticks.append(film.tick(number))
    pictures.close()
    assert ticks == [0, 1, 12, 13, 50]


def test_where_a_camera_goes_away_the_film_ends_and_it_is_said(monkeypatch, capsys):
    pytest.importorskip("av")

    def two(self, film):
        yield from greys(2)
        raise OSError(19, "No such device")

    monkeypatch.setattr(Film, "_pictures", two)
    assert len(list(Camera(BARS))) == 2
    assert "(No such device), a number or a device of FFmpeg's expected: the film ends after 2 pictures" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--camera", "77"), r"camera 77: no camera found \(No such file or directory\), a number or a device of "),
        (("--camera", "lavfi:none"), r"camera lavfi:none: no camera found \(Filter not found\), a number or "),
        (("a.png", "--camera"), r"--camera: a\.png found beside it, one of them expected$"),
    ],
)
def test_no_camera_is_one_line(look, arguments, complaint):  # noqa: F811
    pytest.importorskip("av")
    assert re.match(f"apps.faces detect: {complaint}", look(*arguments, code=1))


def test_a_camera_without_the_extra_says_what_is_missing(look, monkeypatch):  # noqa: F811
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    said = "apps.faces detect: camera 0: films need the extra: pip install 'handwritten[video]'\n"
    assert look("--camera", code=1) == said


def test_json_has_a_line_a_frame(look):  # noqa: F811
    animation("a.gif", 2)
    look("a.gif", "--json", "found.jsonl")
    assert [json.loads(line)["frame"] for line in Path("found.jsonl").read_text().splitlines()] == [0, 1]
    assert np.array(records("found.jsonl")[0]["boxes"]).shape[-1] in (0, 4)
