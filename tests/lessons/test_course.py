"""Every exercise keeps its promises: unsolved it fails as meant, solved it passes, each known mistake is answered."""

import ast
import difflib
import re

import numpy as np
import pytest

from lessons.answer import Answer
from lessons.exercise import Exercise, course, exercises
from lessons.judging import FAULTS, Climb, Derive, Detect, Draw, Network, Predict, Ship, Write, check
from lessons.judging.counting import QUANTITIES
from lessons.judging.judge import cost_of
from lessons.judging.running import compare, interpret, prepare
from tests.helpers import ROOT
from tests.helpers.citations import SEEDS, cited, equations, source_of

SEED = 7
ALL = exercises()
STATEMENT, GAP = 60, 20  # lines, at most
SLACK = 1.1  # of a budget


def parametrized(*kinds, budget=False):
    """One test for each exercise of these kinds."""
    chosen = [e for e in ALL if isinstance(e.judge, kinds or object) and (e.judge.budget or not budget)]
    return pytest.mark.parametrize("exercise", chosen, ids=lambda exercise: exercise.name)


@parametrized()
def test_unsolved_it_fails_and_says_what_is_missing(exercise: Exercise):
    verdict = exercise.check(exercise.original, SEED)
    assert verdict.failure is not None
    if isinstance(exercise.judge, Climb):
        assert verdict.failure.stage == "within budget"
    else:
        assert verdict.failure.stage == "complete"
        assert "gap" in verdict.failure.text


@parametrized()
def test_the_solution_passes(exercise: Exercise):
    for seed in (SEED,) if isinstance(exercise.judge, Network) else (SEED, 1000):  # of a network no case is drawn
        assert exercise.check(exercise.solution, seed).failure is None


@parametrized()
def test_each_known_mistake_gets_its_reply(exercise: Exercise):
    assert exercise.judge.mistakes
    for mistake in exercise.judge.mistakes:
        verdict = exercise.check(exercise.solution.edited(mistake.old, mistake.new), SEED)
        assert verdict.failure is not None, f"{mistake.new} passes"
        assert verdict.reply == mistake.say, verdict


@parametrized(budget=True)
def test_the_budget_is_met_with_little_to_spare_and_missed_by_the_naive_form(exercise: Exercise):
    judge = exercise.judge
    assert judge.budget
    cost = cost_of(judge, exercise.solution)
    for name, most in judge.budget.most.items():
        assert most / SLACK <= QUANTITIES[name].find(cost) <= most, name
    forms = [exercise.original, *(exercise.solution.edited(m.old, m.new) for m in judge.mistakes)]
    if isinstance(judge, Detect):
        forms.append(unrepaired(exercise))
    verdicts = (check(exercise.name, judge, form, exercise.original, seed=SEED) for form in forms)
    assert any(verdict.failure and verdict.failure.stage == "within budget" for verdict in verdicts)


def unrepaired(exercise: Exercise) -> Answer:
    """A kernel whose fault was named rightly, and left as it is."""
    text = exercise.original.text
    for name in ("LINE", "KIND"):
        (right,) = re.findall(rf"^{name} = .*$", exercise.solution.text, re.MULTILINE)
        text = re.sub(rf"^{name} = .*$", right, text, flags=re.MULTILINE)
    return Answer(text, f"{exercise.original.file}-unrepaired")


@parametrized(Detect)
def test_the_planted_fault_passes_its_tests_and_is_found(exercise: Exercise):
    judge = exercise.judge
    assert isinstance(judge, Detect)
    answer = unrepaired(exercise)
    case = judge.rules.of(judge.tests(Draw(np.random.default_rng(0))))
    run = prepare(answer, judge.function, case)
    interpret(run, checked=False)
    assert compare(run, case, judge.tolerance) is None
    failure = exercise.check(answer, SEED).failure
    assert failure is not None
    assert judge.found in (failure.stage, failure.mark[0])


@parametrized()
def test_the_page_states_the_matter_in_a_page_with_its_source(exercise: Exercise):
    page = exercise.page
    assert page.title
    assert 5 <= len(page.statement.splitlines()) <= STATEMENT
    assert all(page.hints)
    assert page.solution
    assert "Source: " in page.statement
    default = source_of(page.statement)
    for seed, number in cited(page.statement, default):
        if seed in SEEDS:
            assert number in {n for equation in equations(seed) for n in equation.numbers}, f"{seed}, eq. {number}"


@parametrized()
def test_the_gap_is_small(exercise: Exercise):
    given, solved = (answer.text.splitlines() for answer in (exercise.original, exercise.solution))
    added = [line for line in difflib.ndiff(given, solved) if line.startswith("+ ")]
    assert 1 <= len(added) <= (4 * GAP if isinstance(exercise.judge, Climb | Ship) else GAP)


@parametrized(Write, Derive, Climb, Detect)
def test_results_are_compared_and_no_answer_is_told(exercise: Exercise):
    assert exercise.judge.case
    assert "lessons" not in exercise.original.text.replace("python -m lessons", "")


@parametrized(Predict)
def test_what_is_predicted_is_counted(exercise: Exercise):
    names = {node.targets[0].id for node in ast.parse(exercise.original.text).body if is_gap(node)}
    assert names == set(exercise.judge.answers)


def is_gap(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is ...


def test_names_are_unique_and_lessons_are_numbered_in_a_row():
    names = [exercise.name for exercise in ALL]
    assert len(set(names)) == len(names)
    assert [lesson.number for lesson in course()] == list(range(1, len(course()) + 1))
    for lesson in course():
        assert [exercise.number for exercise in lesson.exercises] == list(range(1, len(lesson.exercises) + 1))


def test_the_readme_says_how_many_exercises_there_are():
    assert f"a course of {len(ALL)} exercises" in (ROOT / "README.md").read_text()


def test_every_kind_of_fault_is_planted_somewhere():
    assert {exercise.judge.fault for exercise in ALL if isinstance(exercise.judge, Detect)} == set(FAULTS)
