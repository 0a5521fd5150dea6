"""Commands of several ranks: one voice, one folder, the same bits again; pictures and digits shared out."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from framework import checkpoint
from tests.helpers.checks import assert_same
from tests.helpers.mpi import carried_out

TRAIN = ("-m", "apps.mnist", "train", "--data", "builtin", "--model", "cnn3", "--batch-size", 10)


def train(ranks, folder, *more, output="run"):
    done = carried_out(ranks, *TRAIN, "--output", output, *more, folder=folder)
    assert done.returncode == 0, done.stderr
    return done


def left(folder):
    return checkpoint.read(folder / "weights.safetensors")[0]


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_first_rank_alone_speaks_and_two_equal_runs_leave_the_same_bits(tmp_path):
    first = train(3, tmp_path, "--iterations", 8)
    assert first.stdout.count("accuracy ") == first.stdout.count("output ") == 1
    assert "ranks   3, processes " in first.stdout
    train(3, tmp_path, "--iterations", 8, output="again")
    assert_same(left(tmp_path / "run"), left(tmp_path / "again"))
    assert losses(tmp_path / "run") == losses(tmp_path / "again")
    names = {"checkpoint.safetensors", "curves.png", "metrics.jsonl", "misclassified.png", "weights.safetensors"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == names


def test_a_batch_that_is_too_small_for_the_ranks_is_refused_in_one_line(tmp_path):
    done = carried_out(3, *TRAIN[:-1], 2, "--iterations", 3, "--output", "run", folder=tmp_path)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("apps.mnist")]
    assert said == ["apps.mnist train: a batch of 2 for 3 ranks: at least one example each is needed"]


def test_an_evaluation_finds_the_same_on_any_number_of_ranks(tmp_path):
    found = []
    for ranks in (1, 3):
        command = ("-m", "apps.mnist", "evaluate", "--data", "builtin", "--json", f"{ranks}.json")
        assert carried_out(ranks, *command, folder=tmp_path).returncode == 0
        found.append(json.loads((tmp_path / f"{ranks}.json").read_text()) | {"seconds": 0})
    assert found[0] == found[1]


def test_pictures_of_a_folder_are_shared_and_told_of_in_their_order(tmp_path):
    """Two have the same name, one cannot be read, and there are more ranks than one of them has pictures for."""
    for number, place in enumerate(("a/one.png", "b/one.png", "b/two.jpg", "c/broken.png", "c/three.png")):
        path = tmp_path / "pictures" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(path) if "broken" not in place else path.write_bytes(b"none")
    told = []
    for ranks in (1, 2, 3):
        output = ("--output", f"copies of {ranks}", "--json", f"{ranks}.jsonl")
        done = carried_out(ranks, "-m", "apps.faces", "detect", "pictures", *output, folder=tmp_path)
        assert done.returncode == 1
        assert "apps.faces detect: pictures/c/broken.png: no readable picture found" in done.stderr
        records = [json.loads(line) for line in (tmp_path / f"{ranks}.jsonl").read_text().splitlines()]
        lines = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("pictures/")]
        copies = [Path(record.pop("output")) for record in records if "error" not in record]
        assert re.search(r"^total  4 pictures, [\d,]+ faces?, 1 failure, [\d.]+ s$", done.stdout, re.M)
        told.append((lines, [path.name for path in copies], records))
        assert all((tmp_path / path).exists() for path in copies)
    assert told[0][0] == [f"pictures/{name}" for name in ("a/one.png", "b/one.png", "b/two.jpg", "c/three.png")]
    assert told[0][1] == ["a-one.png", "b-one.png", "two.jpg", "three.png"]
    assert [record["image"].split("/")[-1] for record in told[0][2] if "error" in record] == ["broken.png"]
    assert told[1:] == told[:1] * 2


def test_what_ranks_do_not_share_the_first_does(tmp_path):
    done = carried_out(3, "-m", "apps.mnist", "models", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("cnn6 ") == 1
