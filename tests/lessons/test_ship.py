"""Kernels that are to be shipped: all of an operation, written in the file, and by kernels alone."""

import pytest

from lessons.answer import Answer
from lessons.exercise import find

RELU, SGD = find("activation"), find("sgd")


def failure(exercise, old, new):
    found = exercise.check(exercise.solution.edited(old, new), seed=1).failure
    assert found is not None
    return found


def test_a_direction_that_is_missing_is_not_ours():
    text = RELU.solution.text.partition("def backward(")[0]
    found = RELU.check(Answer(text, "04_activation.py"), seed=1).failure
    assert found is not None
    assert found.text == "04_activation.py has no backward"


def test_what_numpy_computes_does_not_count():
    head = "def forward(x, y, function):\n"
    text = RELU.solution.text.replace(head, f"{head}    y[...] = (x > 0) * x\n").replace(
        "        y[i] = max", "        z = max"
    )
    found = RELU.check(Answer(text, "04_activation.py"), seed=1).failure
    assert found is not None
    assert "as before anybody has written it" in found.text


def test_inputs_cannot_be_changed():
    assert failure(RELU, "        y[i] = max", "        x[i] = max").text.startswith("ReadOnly")


def test_what_is_changed_in_place_starts_as_it_was():
    assert SGD.check(SGD.solution, seed=1).solved
    head = "def forward(dw, rate, norm, w, velocity, momentum, decay):\n"
    text = SGD.solution.text.replace(head, f"{head}    w[...] = 0\n")
    assert SGD.check(Answer(text, "07_sgd.py"), seed=1).solved  # the answer's own Python changes nothing


@pytest.mark.parametrize("exercise", [RELU, SGD], ids=lambda exercise: exercise.name)
def test_kernels_from_elsewhere_do_not_count(exercise):
    answer = Answer(exercise.solution.text, "mine.py")
    for name, thing in vars(exercise.solution.module).items():
        if name in ("relu_forward", "step"):
            setattr(answer.module, name, thing)
    found = exercise.check(answer, seed=1).failure
    assert found is not None
    assert "does not stand in this file" in found.text
