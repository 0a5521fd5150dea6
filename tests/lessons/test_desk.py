"""A learner's folder: nothing of theirs is overwritten, and what was done is kept."""

import json

import pytest

from lessons.desk import PROGRESS, Desk
from lessons.exercise import CourseError, exercises

FIRST, SECOND = exercises()[:2]


@pytest.fixture
def desk(tmp_path):
    found = Desk(tmp_path / "mine")
    found.start()
    return found


def test_starting_copies_each_exercise_as_it_is_given_out(desk):
    for exercise in exercises():
        assert desk.path(exercise).read_text() == exercise.text
    assert desk.is_set_up
    assert desk.current == FIRST


def test_starting_again_overwrites_nothing_and_brings_what_is_missing(desk):
    desk.path(FIRST).write_text("mine")
    desk.path(SECOND).unlink()
    assert desk.start() == 1
    assert desk.path(FIRST).read_text() == "mine"
    assert desk.path(SECOND).read_text() == SECOND.text


def test_what_was_done_is_there_the_next_time(desk):
    desk.change(FIRST, hints=2)
    desk.solve(FIRST)
    again = Desk(desk.folder)
    assert again.state(FIRST) == desk.state(FIRST)
    assert again.state(FIRST).word == "solved"
    assert again.state(FIRST).checks == 1


def test_a_look_at_the_solution_before_is_noted(desk):
    desk.change(FIRST, looked=True)
    assert desk.state(FIRST).word == "looked up"
    desk.solve(FIRST)
    assert Desk(desk.folder).state(FIRST).word == "solved, after a look"


def test_next_is_the_next_that_is_not_solved_and_in_the_end_none(desk):
    desk.solve(FIRST)
    assert desk.go_on() == SECOND
    assert Desk(desk.folder).current == SECOND
    for exercise in exercises()[2:]:
        desk.solve(exercise)
    assert desk.go_on() == SECOND
    desk.solve(SECOND)
    assert desk.go_on() is None


def test_a_reset_keeps_what_was_written(desk):
    assert desk.reset(FIRST) is None
    for number in (1, 2):
        desk.path(FIRST).write_text(f"mine {number}")
        kept = desk.reset(FIRST)
        assert kept is not None
        assert kept.read_text() == f"mine {number}"
        assert desk.path(FIRST).read_text() == FIRST.text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"current": 1, "exercises": {"map": 3}}', '{"exercises": {"x": {"y": 1}}}']
)
def test_a_spoilt_progress_file_is_one_line(desk, text):
    (desk.folder / PROGRESS).write_text(text)
    with pytest.raises(CourseError, match=r"progress\.json: is not what this program wrote"):
        Desk(desk.folder)


def test_a_current_exercise_that_the_course_has_no_more_is_refused_by_name(desk):
    state = json.loads((desk.folder / PROGRESS).read_text()) | {"current": "gone"}
    (desk.folder / PROGRESS).write_text(json.dumps(state))
    with pytest.raises(CourseError, match="there is no exercise 'gone'"):
        _ = Desk(desk.folder).current


def test_without_a_start_there_is_nothing_to_check(tmp_path):
    with pytest.raises(CourseError, match="no lessons were started here"):
        Desk(tmp_path).chosen(None)
