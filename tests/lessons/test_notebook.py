"""check(): a kernel that stands in no file of the course is judged as one that does, and misuse is one line."""

import pytest

from kernels.gpu import Kernel, cuda, float32, kernel
from lessons import check
from lessons.answer import Answer
from lessons.exercise import CourseError, find

SEED = 7


@kernel
def relu(x, y):
    i = cuda.grid(1)
    y[i] = max(x[i], float32(0))


def named(name: str, text: str) -> Kernel:
    """A kernel out of a text of its own, as a notebook's cell is."""
    answer = Answer(
        f"from kernels.gpu import cuda, float32, kernel\n\n\n@kernel\ndef {name}{text}", f"cell-{hash(text)}"
    )
    return answer.value(name)


BACKWARD = """(dy, x, dx):
    i = cuda.grid(1)
    if i < x.size:
        dx[i] = dy[i] if x[i] > float32(0) else float32(0)
"""
LEAKY = "(x, y):\n    i = cuda.grid(1)\n    if i < x.size:\n        y[i] = x[i] if x[i] > float32(0) else {} * x[i]\n"


def test_a_right_kernel_solves_the_exercise():
    verdict = check("map", relu, seed=SEED)
    assert verdict.solved
    assert verdict.seed == SEED
    assert "solved" in verdict._repr_html_()
    assert check("relu_backward", named("relu_backward", BACKWARD), SEED).solved


def test_a_wrong_one_is_told_what_is_wrong_and_what_to_think_of():
    verdict = check("map", named("relu", "(x, y):\n    i = cuda.grid(1)\n    y[i] = x[i]\n"), SEED)
    assert verdict.failure
    assert verdict.failure.stage == "right"
    assert verdict.reply == find("map").judge.mistakes[1].say


def test_what_is_wrong_in_a_kernel_is_shown_by_its_own_line():
    verdict = check("map", named("relu", "(x, y):\n    i = cuda.grid(1)\n    y[i] = x[i + 1]\n"), SEED)
    assert verdict.failure
    assert "out of bounds" in verdict.failure.text
    assert "y[i] = x[i + 1]" in repr(verdict)


def test_answers_are_stated_by_name():
    assert check("coalesced", ALIGNED=4, SHIFTED=5, STRIDED=8, COLUMN=32, BROADCAST=1).solved
    failure = check("coalesced", ALIGNED=4, SHIFTED=4, STRIDED=8, COLUMN=32, BROADCAST=1).failure
    assert failure
    assert failure.text.startswith("SHIFTED: 4")


def test_an_answer_that_is_not_stated_is_a_gap():
    failure = check("coalesced", ALIGNED=4).failure
    assert failure
    assert failure.stage == "complete"
    failure = check("literal", named("leaky_relu", LEAKY.format("float32(0.01)")), SEED).failure
    assert failure
    assert "gap" in failure.text


def test_a_kernel_and_answers_together():
    kernel = named("leaky_relu", LEAKY.format("float32(0.01)"))
    assert check("literal", kernel, SEED, LINE=19, KIND="float64").solved
    failure = check("literal", kernel, SEED, LINE=18, KIND="float64").failure
    assert failure
    assert failure.stage == "detected"


def test_without_a_kernel_the_exercise_is_judged_and_not_its_solution():
    failure = check("map").failure
    assert failure
    assert failure.stage == "complete"
    failure = check("literal", LINE=19, KIND="float64").failure
    assert failure
    assert failure.stage == "within budget"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: check("mapp", relu), "mapp"),
        (lambda: check(relu), 'the name of an exercise comes first, and then the kernel: check("map", relu)'),
        (lambda: check("map", lambda x, y: None), "<lambda> is no kernel yet: write @kernel above the function"),
        (lambda: check("map", 3), "3 is no kernel: write @kernel above the function"),
        (lambda: check("relu_backward", relu), "relu_backward"),
        (lambda: check("map", relu, LINE=3), "map asks for nothing but a kernel: LINE is too much"),
        (lambda: check("coalesced", ALIGNT=3), "ALIGNED"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(call, text):
    with pytest.raises(CourseError) as raised:
        call()
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)
