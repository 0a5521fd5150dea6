"""python -m lessons, as a learner types it."""

import json

import pytest

from lessons.__main__ import main
from lessons.exercise import exercises, find
from tests.helpers import ROOT
from tests.helpers.programs import python

MAP = "01_neuron/01_map.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["start"]) == 0
    return tmp_path / "my-lessons"


def solve(folder, name):
    exercise = find(name)
    (folder / exercise.file).write_text(exercise.solution.text)


def test_without_a_command_it_says_where_one_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    assert "python -m lessons start" in capsys.readouterr().out
    main(["start"])
    capsys.readouterr()
    main([])
    assert "now     map" in capsys.readouterr().out


def test_a_check_says_what_is_wrong_and_then_that_it_is_solved(folder, capsys):
    assert main(["check"]) == 1
    assert "there is a gap on line" in capsys.readouterr().out
    solve(folder, "map")
    assert main(["check"]) == 0
    assert "map is solved" in capsys.readouterr().out
    main(["next"])
    assert exercises()[1].page.title in capsys.readouterr().out


def test_the_same_seed_gives_the_same_verdict(folder, tmp_path, capsys):
    (folder / MAP).write_text(find("map").solution.text.replace("max", "min"))
    found = []
    for name in ("one.json", "two.json"):
        assert main(["check", "map", "--seed", "3", "--json", name]) == 1
        found.append(json.loads((tmp_path / name).read_text()) | {"seconds": 0})
    assert found[0] == found[1]
    assert found[0]["failure"]["stage"] == "right"
    assert found[0]["reply"]
    assert not found[0]["solved"]


def test_hints_come_one_by_one_and_then_all(folder, capsys):
    said = []
    for _ in range(4):
        main(["hint", "map"])
        said.append(capsys.readouterr().out)
    assert [f"Hint {n} of 3" in text for n, text in zip((1, 2, 3), said, strict=False)] == [True] * 3
    assert all(f"Hint {n} of 3" in said[3] for n in (1, 2, 3))


def test_a_solution_is_shown_on_request_and_that_is_noted(folder, tmp_path, capsys):
    main(["solution", "map"])
    assert "max(x[i], float32(0))" in capsys.readouterr().out
    main(["list", "--json", "list.json"])
    listed = json.loads((tmp_path / "list.json").read_text())["exercises"]
    assert [row["looked"] for row in listed if row["name"] == "map"] == [True]
    assert len(listed) == len(exercises())


def test_a_reset_says_where_the_old_file_is(folder, capsys):
    (folder / MAP).write_text("mine")
    main(["reset", "map"])
    assert "01_map.1.txt" in capsys.readouterr().out
    assert (folder / "01_neuron/01_map.1.txt").read_text() == "mine"


def test_a_report_has_the_code_of_what_is_solved(folder, tmp_path, capsys):
    solve(folder, "map")
    main(["check", "map"])
    main(["report", "--html", "report.html"])
    text = (tmp_path / "report.html").read_text()
    assert "max(x[i], float32(0))" in text
    assert f"1 of {len(exercises())} exercises solved" in text


def test_in_the_folder_itself_it_is_found(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    main(["check"])
    assert "there is a gap" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "nothing"], "lessons check: there is no exercise 'nothing'; `list` has all"),
        (["check", "gard"], "lessons check: there is no exercise 'gard': did you mean guard?"),
        (["--folder", "elsewhere", "check"], "lessons check: elsewhere: no lessons were started here"),
    ],
)
def test_what_cannot_be_is_one_line(folder, capsys, words, said):
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1


def test_a_file_that_is_gone_is_one_line(folder, capsys):
    (folder / MAP).unlink()
    assert main(["check"]) == 1
    assert "01_map.py: No such file or directory; `reset` brings the exercise back" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["guard", "Guard", "02_guard.py", "my-lessons/01_neuron/02_guard.py"])
def test_an_exercise_is_found_by_its_name_and_by_its_file(name):
    assert find(name).name == "guard"


def test_piped_it_is_plain_text(folder):
    done = python("-m", "lessons", cwd=folder.parent)
    assert "\x1b" not in done.stdout


def test_the_document_shows_what_a_check_prints(folder, capsys):
    text = (ROOT / "docs" / "lessons.md").read_text()
    shown = text.split("$ python -m lessons check map --seed 3\n")[1].split("```")[0]
    (folder / MAP).write_text(find("map").solution.text.replace("max(x", "min(x"))
    main(["check", "map", "--seed", "3"])
    printed = capsys.readouterr().out.split("\nthe same cases again")[0]
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()


def test_a_trace_is_a_page_of_the_case_that_fails(folder, tmp_path, capsys):
    assert main(["trace", "map", "--html", "map.html"]) == 1
    assert "there is a gap on line" in capsys.readouterr().err
    (folder / MAP).write_text(find("map").solution.text.replace("x[i]", "x[i + 1]"))
    assert main(["trace", "map", "--html", "map.html", "--seed", "1"]) == 0
    assert "OutOfBounds in step" in capsys.readouterr().out
    assert "OutOfBounds" in (tmp_path / "map.html").read_text()


def test_a_ladder_is_shown_beside_ours_and_only_where_one_climbs(folder, capsys):
    assert main(["ladder", "transpose"]) == 0
    assert "transpose_tiled   ours" in capsys.readouterr().out
    assert (folder / "pictures" / "transpose-ladder.png").is_file()
    assert main(["ladder", "map"]) == 1
    assert "map has no ladder" in capsys.readouterr().err


def test_the_page_of_an_exercise_is_printed_and_its_picture_drawn(folder, capsys):
    assert main(["show", "map"]) == 0
    assert find("map").page.title in capsys.readouterr().out
    assert (folder / "pictures" / "map-picture.png").is_file()
