"""The command line of the faces, run as a user runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

from apps.faces import figures
from apps.faces.__main__ import main, parser
from apps.faces.data import load
from apps.faces.detector import load_detector
from apps.faces.evaluation import intersections_over_unions
from apps.faces.models import MODELS, lite
from apps.faces.pictures import read_frames
from apps.faces.scoring import score
from apps.faces.training import DetectorRecipe
from apps.mnist.classifier import DigitRecipe
from framework import Model, checkpoint
from framework import weights as weights_files
from framework.run_state import RunState
from tests.helpers.films import greys, made
from tests.helpers.programs import environment, python
from tests.helpers.wider_face import face, write_split
from tests.helpers.wider_lists import write_lists

ASTRONAUT = np.array([[181, 68, 270, 179]])  # the face, from hairline to chin
BRIEF = ("--iterations", "2", "--batch-size", "2", "--sizes", "64", "--data", "builtin", "--validation", "1")
HERE = ("--device", "cpu")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Each test works in a folder of its own, without photographs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WIDER_FACE_DIR", raising=False)


@pytest.fixture
def run(capsys):
    """Runs a command; returns what it printed, or what it complained of."""

    def run(*arguments, code=0):
        capsys.readouterr()
        try:
            found = main([*map(str, arguments)])
        except SystemExit as end:  # argparse leaves so
            found = end.code
        said, complained = capsys.readouterr()
        assert found == code, said + complained
        return complained if code else said

    return run


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of a detector that has learned nothing, and finds faces nearly everywhere."""
    path = tmp_path_factory.mktemp("weights") / "lite.safetensors"
    weights_files.save(Model(lite, "cpu", seed=0), path, data="nothing", matching="refined")
    return path


@pytest.fixture
def look(run, weights):
    """Runs `detect` on a few pixels of what it is given, so that it is quick."""

    def look(*arguments, **options):
        return run("detect", "--weights", weights, *HERE, "--scales", 1, "--longest", 64, *arguments, **options)

    return look


@pytest.fixture
def photograph():
    """Writes a small picture and returns its bytes."""

    def photograph(name, size=(48, 40), **options):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures.astronaut()).resize(size).save(path, **options)
        return path.read_bytes()

    return photograph


def records(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def files(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


# --- detect


def test_without_arguments_the_picture_that_comes_with_scikit_image_is_looked_at(run, weights, monkeypatch):
    monkeypatch.setattr("apps.faces.detecting.load_detector", lambda path, device: load_detector(weights, "cpu"))
    said = run()
    assert "\nastronaut.png: " in said
    assert Image.open("faces/astronaut.png").size == (512, 512)


def test_the_weights_that_ship_find_the_astronaut(run):
    said = run("detect", *HERE, "--json", "found.jsonl")
    (found,) = records("found.jsonl")
    assert f"astronaut.png: {len(found['boxes'])} face" in said
    assert (found["width"], found["height"]) == (512, 512)
    assert intersections_over_unions(np.array(found["boxes"][:1]), ASTRONAUT)[0, 0] >= 0.5


@pytest.mark.parametrize(("orientation", "stored"), [(3, 2), (6, 1), (8, 3)])
@pytest.mark.parametrize("longest", [1536, 256])
def test_boxes_are_in_the_pixels_of_the_upright_picture(run, orientation, stored, longest):
    exif = Image.Exif()
    exif[0x0112] = orientation
    wide = np.pad(pictures.astronaut()[:400], ((0, 0), (100, 0), (0, 0)), mode="edge")
    Image.fromarray(np.rot90(wide, stored)).save("a.jpg", exif=exif)
    run("detect", "a.jpg", *HERE, "--json", "found.jsonl", "--longest", longest)
    (found,) = records("found.jsonl")
    assert (found["width"], found["height"]) == (612, 400)
    assert intersections_over_unions(np.array(found["boxes"][:1]), ASTRONAUT + np.array([100, 0, 100, 0]))[0, 0] >= 0.5
    assert Image.open("faces/a.jpg").size == (612, 400)


def test_each_picture_has_a_line_with_boxes_that_score_enough_and_lie_in_it(look, photograph):
    photograph("a.jpg", (20, 20))
    photograph("b.png", (600, 90))
    photograph("c.tif", (90, 300))
    said = look("a.jpg", "b.png", "c.tif", "--threshold", "0.02", "--json", "found.jsonl")
    found = records("found.jsonl")
    assert [(r["image"], r["width"], r["height"]) for r in found] == [
        ("a.jpg", 20, 20),
        ("b.png", 600, 90),
        ("c.tif", 90, 300),
    ]
    for record in found:
        boxes, scores = np.array(record["boxes"]), np.array(record["scores"])
        assert len(boxes) == len(scores) > 0
        assert f"{record['image']}: {len(boxes)} faces, " in said
        assert f"drawn in {record['output']}\n" in said
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        assert boxes.min() >= 0
        assert (boxes <= [*2 * (record["width"], record["height"])]).all()
        assert (scores >= 0.02).all()
        assert (np.diff(scores) <= 0).all()
        assert Image.open(record["output"]).size == (record["width"], record["height"])


def test_a_picture_of_24_megapixels_is_looked_at(look, photograph):
    photograph("a.jpg", (6000, 4000), quality=30)
    look("a.jpg", "--json", "found.jsonl")
    assert (records("found.jsonl")[0]["width"], Image.open("faces/a.jpg").size) == (6000, (6000, 4000))


def test_nothing_that_is_there_is_overwritten(look, photograph):
    before = {name: photograph(name, size) for name, size in (("a.png", (48, 40)), ("b/a.png", (40, 48)))}
    before["a-3.png"] = photograph("a-3.png")
    look("a.png", "b/a.png", "a.png", "--output", ".", "--json", "found.jsonl")
    assert [record["output"] for record in records("found.jsonl")] == ["a-2.png", "b-a.png"]
    look("a.png", "--output", ".")
    assert files() == ["a-2.png", "a-3.png", "a-4.png", "a.png", "b-a.png", "b/a.png", "found.jsonl"]
    assert Image.open("b-a.png").size == (40, 48)
    for name, content in before.items():
        assert Path(name).read_bytes() == content, name


def test_a_photograph_stays_a_jpeg_and_other_pictures_become_png(look, photograph):
    for name in ("a.jpg", "b.JPEG", "c.bmp", "d.webp"):
        photograph(name)
    look(".", "--output", "out")
    assert files("out") == ["a.jpg", "b.JPEG", "c.png", "d.png"]
    assert [Image.open(path).format for path in sorted(Path("out").iterdir())] == ["JPEG", "JPEG", "PNG", "PNG"]


def test_a_folder_is_looked_through_and_what_cannot_be_read_is_named(look, photograph):
    photograph("in/a.jpg")
    photograph("in/deep/b.png")
    Path("in/broken.png").write_bytes(photograph("in/deep/b.png")[:200])
    Path("in/text.jpg").write_text("no picture")
    Path("in/notes.txt").write_text("no picture either")
    complaints = look("in", "--json", "found.jsonl", code=1).splitlines()
    assert len(complaints) == 2
    found = records("found.jsonl")
    assert [record["image"] for record in found] == ["in/a.jpg", "in/broken.png", "in/deep/b.png", "in/text.jpg"]
    for complaint, record in zip(complaints, found[1::2], strict=True):
        assert complaint.startswith(f"apps.faces detect: {record['image']}: no readable picture found (")
        assert record == {"image": record["image"], "error": complaint.removeprefix("apps.faces detect: ")}
    assert files("faces") == ["a.jpg", "b.png"]


def test_looking_again_does_not_look_at_the_output(look, photograph):
    photograph("a.jpg")
    look(".")
    look(".", "--json", "found.jsonl")
    assert [record["image"] for record in records("found.jsonl")] == ["a.jpg"]
    assert files("faces") == ["a-2.jpg", "a.jpg"]


def test_a_film_has_boxes_and_a_line_for_each_frame(look):
    made(Path("a.mov"), greys(4))
    said = look("a.mov", "--json", "found.jsonl")
    found = records("found.jsonl")
    faces = sum(len(record["boxes"]) for record in found)
    assert f"a.mov: {faces} faces in 4 frames, " in said
    assert [(r["image"], r["frame"], r["width"], r["height"]) for r in found] == [
        ("a.mov", n, 48, 32) for n in range(4)
    ]
    assert {record["output"] for record in found} == {"faces/a.mp4"}
    assert files("faces") == ["a.mp4"]


def test_a_broken_film_is_named_and_leaves_nothing(look, photograph):
    photograph("b.png")
    content = made(Path("a.mp4"), greys(4)).read_bytes()
    Path("a.mp4").write_bytes(content[: len(content) // 2])
    assert "a.mp4: no readable film found (" in look("a.mp4", "b.png", code=1)
    assert files("faces") == ["b.png"]


def test_interrupted_it_says_so_and_keeps_what_was_found(look, photograph, monkeypatch):
    for name in ("a.png", "b.png", "c.png"):
        photograph(name)

    def interrupted(path):
        if path.name == "b.png":
            raise KeyboardInterrupt
        return read_frames(path)

    monkeypatch.setattr("apps.faces.detecting.read_frames", interrupted)
    assert look(".", "--json", "found.jsonl", code=130) == "apps.faces detect: interrupted\n"
    assert [record["image"] for record in records("found.jsonl")] == ["a.png"]


# --- train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "scout"
    assert main(["train", *BRIEF, *HERE, "--workers", "0", "--output", str(folder), "--json", f"{folder}.json"]) == 0
    return SimpleNamespace(folder=folder, result=json.loads(Path(f"{folder}.json").read_text()))


def test_a_run_leaves_weights_log_and_curves(trained):
    assert files(trained.folder) == ["checkpoint.safetensors", "curves.png", "metrics.jsonl", "weights.safetensors"]
    assert [record["iteration"] for record in records(trained.folder / "metrics.jsonl")] == [1, 2]
    assert Image.open(trained.folder / "curves.png").size[0] > 300


def test_the_result_is_that_of_the_last_step(trained):
    result = trained.result
    known = {"model": "scout", "device": "cpu", "data": "crowds composed of faces in scikit-image (2000 / 200)"}
    assert known.items() <= result.items()
    last = records(trained.folder / "metrics.jsonl")[-1]
    measured = {name.removeprefix("validation_"): last[name] for name in last if name.startswith("validation_")}
    assert measured.items() <= result.items()
    assert set(result) == {*known, *measured, "pictures", "seconds", "steps_per_second"}
    assert measured.keys() >= {"ap", "ap_16", "false_boxes", "ap_1.5x", "ap_16_2x", "found_large"}
    assert result["pictures"] == 1
    _, facts = checkpoint.read(trained.folder / "weights.safetensors")
    assert facts["data"] == result["data"]
    assert (facts["model"], facts["matching"], facts["iterations"]) == ("scout", "quality", "2")


def test_evaluate_finds_the_score_that_training_reported(trained, run, monkeypatch):
    monkeypatch.setattr("apps.faces.figures.SHEET_ROWS", 1)  # with so many false alarms, a whole sheet takes a while
    titles, draw = [], figures.precision_recall
    monkeypatch.setattr(figures, "precision_recall", lambda *given: (titles.append(given[-1]), draw(*given)))
    weights = trained.folder / "weights.safetensors"
    said = run("evaluate", "--weights", weights, *HERE, *BRIEF[-4:], "--output", "new/folder", "--json", "ap.json")
    assert titles == ["scout on 1 picture held out"]  # of all 200, it is asked to score one
    result = json.loads(Path("ap.json").read_text())
    reported = trained.result.keys() - {"model", "device", "data", "pictures", "seconds", "steps_per_second"}
    assert {name: result[name] for name in reported} == {name: trained.result[name] for name in reported}
    assert f"AP     {result['ap']:.3f}  all faces (" in said
    assert "trained on crowds" in said
    assert files("new/folder") == ["precision-recall.png", "worst-misses.png"]
    assert list(result["looks"]) == ["as stored", "longer side 640", "several scales"]
    assert result["looks"]["as stored"].items() <= result.items()
    for name, look in result["looks"].items():
        assert f"look   {name}, {look['seconds_a_picture']:.3f} s a picture\n" in said
        chosen = look["chosen"]
        assert chosen["false_boxes"] <= chosen["at_most"] == 0.3
        assert f"shown  from {chosen['threshold']:.4f} on (at most 0.3 false): " in said
    for size in ("1.5x", "2x"):
        assert f"size   {size}: ap {result[f'ap_{size}']:.3f}, ap_16 " in said
    assert f"size   large: found {result['found_large']:.3f}, false_boxes " in said


@pytest.fixture
def photographs(monkeypatch):
    """Photographs held out as WIDER FACE has them; the lists beside them have one more, and one less, than is there."""
    names = ["0--Parade/a", "1--Other/b", "91--Background/c"]
    write_split(Path("wider"), "val", {f"{name}.jpg": [face(2, 2, 9, 9), face(20, 10, 9, 9)] for name in names})
    boxes = {name: [[4, 4, 18, 18], [40, 20, 18, 18]] for name in (*names[:2], "0--Parade/gone")}
    write_lists(
        Path("wider/wider_face_split"),
        boxes,
        {"easy": {names[0]: [2]}, "medium": {names[0]: [1, 2]}, "hard": {names[0]: [1, 2], names[1]: [1]}},
    )
    monkeypatch.setenv("WIDER_FACE_DIR", "wider")


@pytest.fixture
def evaluated(run, weights, monkeypatch):
    """Runs `evaluate` in one look; returns what it printed and wrote."""
    monkeypatch.setattr("apps.faces.figures.SHEET_ROWS", 1)

    def evaluated(*options):
        said = run("evaluate", "--weights", weights, *HERE, "--scales", 1, "--json", "ap.json", *options)
        return said, json.loads(Path("ap.json").read_text())

    return evaluated


@pytest.mark.parametrize("given", [(), ("--lists", "elsewhere")])
def test_easy_medium_and_hard_faces_are_those_of_the_lists(photographs, evaluated, given):
    if given:
        Path("wider/wider_face_split").rename("split")
        shutil.copytree("split", "wider/wider_face_split", ignore=shutil.ignore_patterns("*.mat"))
        Path("split").rename("elsewhere")
    said, result = evaluated(*given)
    folder = "elsewhere" if given else "wider/wider_face_split"
    assert "data   photographs from WIDER_FACE_DIR (3 held out)\n" in said  # none to learn from are needed
    assert f"lists  {folder}: 2 pictures of theirs here, 1 not here; 1 picture of ours not in them, left out\n" in said
    faces = {line.split("  ")[-1].split(" (")[0]: line.split("(")[1] for line in said.splitlines() if line[:2] == "AP"}
    assert [faces[name] for name in ("easy", "medium", "hard")] == ["1 face)", "2 faces)", "3 faces)"]
    assert result["subsets"].keys() == {"all faces", "easy", "medium", "hard"}  # none has 16 pixels
    assert list(result["looks"]) == ["scales 1.0"]


def test_it_counts_as_the_toolbox_where_that_is_asked_for(photographs, evaluated):
    said, ours = evaluated()
    assert "counts at every score\n" in said
    said, theirs = evaluated("--thresholds", 2)
    assert "counts at 2 thresholds, as the toolbox does\n" in said
    assert (ours["thresholds"], theirs["thresholds"]) == (None, 2)
    assert ours["ap"] == theirs["ap"]  # what is measured under this name is always the same
    assert ours["subsets"] != theirs["subsets"]


def test_a_look_that_is_asked_for_is_the_only_one(photographs, evaluated):
    said, result = evaluated("--longest", 64, "--false-boxes", 2)
    assert list(result["looks"]) == ["longer side 64, scales 1.0"]
    assert result["chosen"]["at_most"] == 2
    assert said.count("look   ") == 1
    _, result = evaluated("--scales", "auto")
    assert list(result["looks"]) == ["scales auto"]
    _, result = evaluated("--scales", 1, 2)
    assert list(result["looks"]) == ["scales 1.0 2.0"]


def test_lists_that_do_not_fit_are_refused_before_anything_is_looked_at(photographs, run, weights, monkeypatch):
    monkeypatch.setattr("apps.faces.evaluating.score", None)
    write_lists(Path("other"), {"0--Parade/a": [[0, 0, 1, 1]]}, {name: {} for name in ("easy", "medium", "hard")})
    write_lists(Path("none"), {"0--Parade/x": [[0, 0, 1, 1]]}, {name: {} for name in ("easy", "medium", "hard")})
    Path("empty").mkdir()
    for options, complaint in (
        ("--lists other", "other/wider_easy_val.mat: 1 faces in 0--Parade/a found, 2 expected"),
        ("--lists none", "none: none of 3 pictures found in the lists, at least one expected"),
        (
            "--lists empty",
            "--lists: none of wider_easy_val.mat, wider_medium_val.mat, wider_hard_val.mat found in empty",
        ),
        (
            "--lists other --data builtin",
            "--lists: crowds composed of faces in scikit-image (2000 / 200) found, photographs of WIDER FACE expected",
        ),
    ):
        said = run("evaluate", "--weights", weights, *HERE, *options.split(), code=1)
        assert said == f"apps.faces evaluate: {complaint}\n"


def test_resuming_a_finished_run_changes_nothing(trained, run):
    tensors, facts = checkpoint.read(trained.folder / "weights.safetensors")
    said = run("train", "--resume", trained.folder, "--json", "again.json")
    assert "resumed at step 2" in said
    again = json.loads(Path("again.json").read_text())
    assert {**again, "steps_per_second": 0} == {**trained.result, "steps_per_second": 0}  # of seconds that are rounded
    tensors_again, facts_again = checkpoint.read(trained.folder / "weights.safetensors")
    assert facts_again == facts
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensors_again[name], tensor, err_msg=name)


def test_a_run_starts_from_weights_that_are_given(trained, run):
    given = trained.folder / "weights.safetensors"
    options = ("--workers", 0, "--learning-rate", 1e-9, "--average", 0)
    run("train", *BRIEF, *HERE, *options, "--start", given, "--output", "a")
    learned, facts = checkpoint.read(Path("a/weights.safetensors"))
    assert facts["rate"] == "1e-09"
    for name, tensor in checkpoint.read(given)[0].items():
        if "running" not in name:
            np.testing.assert_allclose(learned[name], tensor, atol=1e-7, err_msg=name)


def test_a_run_is_not_overwritten(trained, run):
    complaint = run("train", *BRIEF, *HERE, "--output", trained.folder, code=1)
    said = f"--output: {trained.folder} holds a run already; resume it or choose another folder"
    assert complaint == f"apps.faces train: {said}\n"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--seed", 1, "--learning-rate", 0.1), "--learning-rate"),
        (("--model", "lite"), "--model"),
        (("--frozen",), "--frozen"),
        (("--output", "here"), "--output"),
        (("--backbone", "here"), "--backbone"),
        (("--start", "here"), "--start"),
    ],
)
def test_a_run_goes_on_as_it_was_begun(trained, run, options, named):
    complaint = run("train", "--resume", trained.folder, *options, code=1)
    assert complaint.startswith(f"apps.faces train: {named}: cannot be given with --resume")
    assert len(complaint.splitlines()) == 1


def test_a_run_of_other_data_or_of_another_app_is_not_resumed(trained, run, monkeypatch):
    write_split(Path("wider"), "train", {"a.jpg": [face()]})
    write_split(Path("wider"), "val", {"a.jpg": [face()]})
    monkeypatch.setenv("WIDER_FACE_DIR", "wider")
    complaint = run("train", "--resume", trained.folder, "--data", "wider", code=1)
    ours, theirs = load("wider").digest, load("builtin").digest
    assert f"data digest is '{theirs}' there, '{ours}' in this run" in complaint
    RunState({}, {}, 5, 1.0, {"model": "cnn6", "iterations": 9}).write(Path("digits/checkpoint.safetensors"))
    complaint = run("train", "--resume", "digits", code=1)
    expected = "digits/checkpoint.safetensors: no batch found in its settings, a run of a face detector expected\n"
    assert complaint == f"apps.faces train: {expected}"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (DigitRecipe(), "no sizes found in its settings, a run of a face detector expected"),
        (DetectorRecipe(model="vgg"), "unknown model 'vgg'; choose from scout, lite, facenet, faceresnet"),
    ],
)
def test_a_run_of_another_model_is_not_resumed(run, settings, complaint):
    RunState({}, {}, 5, 1.0, asdict(settings)).write(Path("other/checkpoint.safetensors"))
    said = run("train", "--resume", "other", code=1)
    assert said == f"apps.faces train: other/checkpoint.safetensors: {complaint}\n"


def test_interrupted_it_ends_its_workers_and_says_how_to_go_on():
    command = [sys.executable, "-m", "apps.faces", "train", *BRIEF, *HERE, "--workers", "2", "--output", "run"]
    command[command.index("2")] = "100000"  # iterations
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        complaint = process.stderr.read(1)  # of the bar, which is there when training begins
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)  # as the keyboard does it: to all processes
        complaint += process.communicate(timeout=120)[1]
        assert process.returncode == 130, complaint
        steps = records("run/metrics.jsonl")[-1]["iteration"]
        command = "python -m apps.faces train --resume run"
        line = f"apps.faces train: interrupted at step {steps}; go on with: {command}"
        assert complaint.splitlines()[-1] == line
        assert "Traceback" not in complaint
        assert Path("run/checkpoint.safetensors").exists()
        ended = time.monotonic() + 10  # for a process of the standard library that outlives the workers a little
        while group_lives(process.pid):
            assert time.monotonic() < ended
            time.sleep(0.05)
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_loss_that_is_not_finite_is_one_line(run):
    complaint = run("train", *BRIEF, *HERE, "--workers", 0, "--learning-rate", 1e30, "--output", "run", code=1)
    assert "apps.faces train: iteration 2: loss nan" in complaint


# --- evaluate and data, on photographs


@pytest.fixture
def wider(monkeypatch):
    """Photographs with problems: a file is missing, one is no picture, a box lies outside, one has a negative size."""
    train = {"a/1.jpg": [face(), face(38)], "a/2.jpg": [face(w=-5)], "a/3.jpg": []}
    validation = {"a/4.jpg": [face()], "a/5.jpg": [face(invalid=1), face()], "a/6.jpg": [face()]}
    folder = Path("wider")
    write_split(folder, "train", train)
    write_split(folder, "val", validation)
    (folder / "train/images/a/3.jpg").unlink()
    (folder / "val/images/a/4.jpg").write_text("no picture")
    monkeypatch.setenv("WIDER_FACE_DIR", str(folder))
    return folder


def test_data_tells_problems_and_counts(run, wider):
    said = run("data", wider, "--json", "facts.json", "--output", "figures").splitlines()
    assert len([line for line in said if "_bbx_gt.txt:" in line]) == 4
    assert any("3.jpg found, but no such file" in line for line in said)
    facts = json.loads(Path("facts.json").read_text())
    assert facts["train"] == {
        "photographs": 2,
        "without_faces": 1,
        "faces": 2,
        "invalid": 0,
        "most_in_one": 2,
        "median_size": 5.48,
        "problems": 3,
    }
    assert (facts["val"]["faces"], facts["val"]["invalid"], facts["val"]["problems"]) == (4, 1, 1)
    assert run("data").splitlines()[-1] == "wrote face-sizes.png in faces-data"
    assert files("figures") == files("faces-data") == ["face-sizes.png"]


def test_evaluate_passes_over_a_broken_photograph_and_says_so(run, weights, wider, capsys):
    assert main(["evaluate", "--weights", str(weights), *HERE, "--json", "ap.json"]) == 0
    said, complained = capsys.readouterr()
    assert "data   photographs from WIDER_FACE_DIR (3 held out)" in said
    assert "(2 faces)" in said
    notes = complained.splitlines()
    assert all(line.startswith("note    ") for line in notes)
    assert "4.jpg: left out, no readable picture found" in notes[0]  # of those to learn from nothing is said
    assert not any("jpg" in note for note in notes[1:])
    result = json.loads(Path("ap.json").read_text())
    assert (result["pictures"], result["ap"]) == (2, 0)


def test_scored_examples_are_numbered_as_their_outcomes(weights, wider):
    model, _ = load_detector(weights, "cpu")
    with pytest.warns(UserWarning, match="left out"):
        found = score(model, load().validation)
    for number, (name, outcome) in enumerate(zip(found.names, found.shown(), strict=True)):
        example = found.examples[number]
        assert example.name == name
        np.testing.assert_array_equal(example.boxes, outcome.truth.boxes)


def test_evaluate_with_faces_that_none_count_has_no_score(run, weights, monkeypatch):
    write_split(Path("wider"), "train", {"a.jpg": [face()]})
    write_split(Path("wider"), "val", {"a.jpg": []})
    monkeypatch.setenv("WIDER_FACE_DIR", "wider")
    said = run("evaluate", "--weights", weights, *HERE, "--json", "ap.json")
    assert "AP       -    all faces (0 faces)" in said
    assert json.loads(Path("ap.json").read_text())["ap"] is None


def test_many_problems_are_told_in_part(run, weights, wider, capsys):
    path = wider / "wider_face_split" / "wider_face_val_bbx_gt.txt"
    path.write_text(path.read_text() + "".join(f"a/none{n}.jpg\n0\n{'0 ' * 10}\n" for n in range(20)))
    assert main(["evaluate", "--weights", str(weights), *HERE]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert sum("none" in note for note in notes) == 5
    assert "note    15 more like these; `data` tells all" in notes


# --- Mistakes


def test_models_lists_every_model(run):
    said = run("models")
    for name in MODELS:
        assert f"\n{name} " in f"\n{said}"


def test_summary_shows_layers_shapes_and_costs(run):
    said = run("summary", "--size", 64, "--batch-size", 3)
    assert "3 x 16 x 32 x 32" in said
    assert said.splitlines()[-1].startswith("scout")


@pytest.mark.parametrize("command", ["", "detect", "serve", "train", "evaluate", "summary", "data", "models"])
def test_help_ends_with_an_example_that_parses(run, command):
    said = run(*command.split(), "--help")
    example = said.strip().splitlines()[-1]
    assert example.startswith("example: python -m apps.faces ")
    assert parser().parse_args(example.split("apps.faces ")[1].split()).run


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("detect none.jpg", "none.jpg: no such file or folder"),
        ("detect empty", "empty: no picture in this folder, at least one expected (.avif"),
        (
            "detect text.txt",
            "text.txt: no readable picture found (no format that Pillow knows), an image file expected",
        ),
        ("detect text.txt --weights none", "none: no such file"),
        ("detect text.txt --weights text.txt", "text.txt: not a safetensors file"),
        (
            "detect text.txt --weights digits",
            "digits: model 'cnn6' found, one of scout, lite, facenet, faceresnet expected",
        ),
        (
            "detect text.txt --weights guess",
            "guess: matching 'guess' found, one of paper, per_level, refined, quality expected",
        ),
        ("detect text.txt --weights part", "part: x: the network has no such parameter"),
        ("detect --output text.txt", "--output: text.txt cannot be made a folder (File exists)"),
        ("detect --output text.txt/a", "--output: text.txt/a cannot be made a folder (Not a directory)"),
        ("train --resume empty", "empty/checkpoint.safetensors: no such file"),
        ("train --data builtin --frozen", "--frozen: scout has no ResNet"),
        ("train --data builtin --backbone none", "none: no such file"),
        ("train --data builtin --start none", "none: no such file"),
        ("train --data builtin --start part", "part: x: the network has no such parameter"),
        ("train --data builtin --backbone part", "part: scout has no ResNet-50 that could start from it"),
        ("train --data builtin --output text.txt", "--output: text.txt cannot be made a folder (File exists)"),
        ("train --data wider", "WIDER FACE: no folder found, one in the environment variable WIDER_FACE_DIR expected"),
        (
            "evaluate --data wider",
            "WIDER FACE: no folder found, one in the environment variable WIDER_FACE_DIR expected",
        ),
        ("evaluate --output text.txt", "--output: text.txt cannot be made a folder (File exists)"),
        ("data", "folder: none given, and WIDER_FACE_DIR is not set"),
        ("data empty", "empty: neither train/images nor WIDER_train/images found"),
    ],
)
def test_a_mistake_is_answered_in_one_line(run, weights, command, complaint):
    Path("empty").mkdir()
    Path("text.txt").write_text("no picture")
    for name, facts in (
        ("digits", {"model": "cnn6"}),
        ("guess", {"model": "lite", "matching": "guess"}),
        ("part", {"model": "lite", "matching": "paper"}),
    ):
        checkpoint.write(Path(name), {"x": np.zeros(1)}, facts)
    arguments = command.split()
    if arguments[0] in ("detect", "evaluate") and "--weights" not in arguments:
        arguments += ["--weights", str(weights)]
    said = [line for line in run(*arguments, code=1).splitlines() if not line.startswith("note ")]
    assert len(said) == 1
    assert said[0].startswith(f"apps.faces {arguments[0]}: {complaint}")
    assert Path("text.txt").read_text() == "no picture"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("dance", "apps.faces: unknown command 'dance'; choose from detect, "),
        ("--threshold=1", "apps.faces: the following arguments are required: COMMAND"),
        ("detect --threshold 2", "apps.faces detect: argument --threshold: '2' is not a number from 0 to 1"),
        ("detect --overlap x", "apps.faces detect: argument --overlap: 'x' is not a number from 0 to 1"),
        ("detect --longest 0", "apps.faces detect: argument --longest: '0' is not a whole number of at least 1"),
        (
            "detect --json a.jpg",
            "apps.faces detect: argument --json: 'a.jpg' is not the name of a file that ends in .json",
        ),
        ("detect --json .json", "apps.faces detect: argument --json: '.json' is not the name of a file"),
        ("detect --json no/a.json", "apps.faces detect: argument --json: 'no/a.json': there is no folder no"),
        ("detect --device tpu", "apps.faces detect: unknown device 'tpu'; choose from auto, "),
        ("serve --port 65536", "apps.faces serve: argument --port: '65536' is not a whole number of at most 65535"),
        ("serve --port x", "apps.faces serve: argument --port: 'x' is not a whole number of at least 0"),
        ("train --model vgg", "apps.faces train: unknown model 'vgg'; choose from scout, lite, "),
        ("train --sizes 64 31", "apps.faces train: argument --sizes: '31' is not a whole number of at least 32"),
        ("train --iterations -3", "apps.faces train: argument --iterations: '-3' is not a whole number of at least 1"),
        ("train --learning-rate 0", "apps.faces train: argument --learning-rate: '0' is not a number above 0"),
        ("train --workers 1.5", "apps.faces train: argument --workers: '1.5' is not a whole number of at least 0"),
        ("train --seed ²", "apps.faces train: argument --seed: '²' is not a whole number of at least 0"),
        ("evaluate --thresholds 0", "apps.faces evaluate: argument --thresholds: '0' is not a whole number of at "),
        ("evaluate --scales 1 big", "apps.faces evaluate: argument --scales: 'big' is not a number above 0"),
        ("evaluate --false-boxes -1", "apps.faces evaluate: argument --false-boxes: '-1' is not a number above 0"),
        (
            "evaluate --validation 0",
            "apps.faces evaluate: argument --validation: '0' is not a whole number of at least 1",
        ),
        ("summary --plan no/a.png", "apps.faces summary: argument --plan: 'no/a.png': there is no folder no"),
        ("summary --size", "apps.faces summary: argument --size: expected one argument"),
        ("models lite", "apps.faces: unrecognized arguments: lite"),
    ],
)
def test_an_impossible_option_is_refused_with_what_is_allowed(run, command, complaint):
    said = run(*command.split(), code=2)
    assert said.startswith(complaint)
    assert len(said.splitlines()) == 1


def test_it_runs_as_a_program():
    done = python("-m", "apps.faces", "detect", "none.jpg")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "apps.faces detect: none.jpg: no such file or folder\n"
