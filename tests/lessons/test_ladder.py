"""A learner's ladder beside ours: every rung in the table, with the counts of the judge, and in the picture."""

import numpy as np
import pytest
from PIL import Image

from lessons.exercise import CourseError, exercises, find
from lessons.judging import Climb, Draw
from lessons.judging.counting import QUANTITIES
from lessons.judging.judge import cost_of
from lessons.ladder import NONE, OURS, PREDICTED, YOURS, Rung, draw, ours, table

CLIMBS = [exercise for exercise in exercises() if isinstance(exercise.judge, Climb)]
TRANSPOSE = find("transpose")


def test_the_table_has_each_rung_of_both_and_ends_with_the_budget():
    rungs = table(TRANSPOSE, TRANSPOSE.solution)
    heads, *lines, last = rungs.cells()
    assert heads == ["rung", "whose", "sectors", "turns", PREDICTED]
    assert [line[:4] for line in lines] == [
        ["1 direct", YOURS, "9,216", "0"],
        ["2 tiled", YOURS, "2,048", "512"],
        ["1 transpose_direct", OURS, "9,216", "0"],
        ["2 transpose_tiled", OURS, "2,048", "8,448"],
        ["3 transpose_tiled", OURS, "2,048", "512"],
        ["4 transpose_fitted", OURS, "2,048", "512"],
        ["5 transpose_fours", OURS, "2,048", "512"],
    ]
    assert last[:4] == ["at most", "", "2,048", "512"]
    assert "not measured" in repr(rungs)
    assert "2 transpose_tiled" in rungs._repr_html_()


@pytest.mark.parametrize("exercise", CLIMBS, ids=lambda exercise: exercise.name)
def test_the_highest_rung_has_the_counts_that_are_judged(exercise):
    judge = exercise.judge
    cost = cost_of(judge, exercise.solution)
    highest = [rung for rung in table(exercise, exercise.solution) if rung.whose == YOURS][-1]
    assert highest.counts == {name: QUANTITIES[name].find(cost) for name in judge.budget.most}


@pytest.mark.parametrize("exercise", [climb for climb in CLIMBS if climb.judge.ours], ids=lambda climb: climb.name)
def test_our_rungs_compute_what_the_exercise_asks_for(exercise):
    judge = exercise.judge
    case = judge.rules.of(judge.case(Draw(np.random.default_rng(3))))
    for number in range(len(ours(exercise))):
        arrays = {name: np.full(wanted.shape, np.nan, np.float32) for name, wanted in case.expected.items()}
        name, launches = judge.ours(**case.inputs, **arrays)[number]
        for launch in launches:
            launch.interpret(checked=False)
        for output, wanted in case.expected.items():
            np.testing.assert_allclose(arrays[output], wanted, rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_function_that_is_no_ladder_is_one_rung():
    text = 'forward = Ladder("forward", direct, tiled)'
    (rung,) = (r for r in table(TRANSPOSE, TRANSPOSE.solution.edited(text, "forward = tiled")) if r.whose == YOURS)
    assert rung.row() == {"rung": "1 forward", "whose": YOURS, "sectors": "2,048", "turns": "512", PREDICTED: "0.0646"}


def test_a_rung_that_does_not_run_says_why_and_the_others_stay(tmp_path):
    answer = TRANSPOSE.solution.edited(
        "if i < x.shape[0] and j < x.shape[1]:\n        y[j, i] = x[i, j]", "y[i, j] = x[i, j]"
    )
    rungs = table(TRANSPOSE, answer)
    assert rungs[0].row() == {"rung": "1 direct", "whose": YOURS, "sectors": NONE, "turns": NONE, PREDICTED: NONE}
    assert "1 direct does not run: line 13: OutOfBounds: y[" in rungs.title()
    assert rungs[1].counts == {"sectors": 2048, "turns": 512}
    draw(TRANSPOSE, answer, tmp_path / "ladder.png")
    assert (tmp_path / "ladder.png").exists()


def test_the_picture_is_drawn_twice_with_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        draw(TRANSPOSE, TRANSPOSE.solution, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert Image.open(tmp_path / "a.png").width == 1350


def test_an_exercise_that_is_no_climb_has_no_ladder():
    with pytest.raises(CourseError, match="map has no ladder"):
        table(find("map"), find("map").solution)


def test_a_quantity_that_nobody_can_count_here_is_left_open():
    assert Rung("1 direct", YOURS, {"registers": None}, 1.0).row()["registers"] == NONE
