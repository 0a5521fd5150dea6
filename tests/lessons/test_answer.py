"""A learner's file: loaded afresh, and refused where it fetches what it is to write."""

import pytest

from lessons.answer import Answer, AnswerError
from lessons.exercise import find
from lessons.judging import Judge, Write, check
from lessons.judging.draw import Draw

HEAD = "from kernels.gpu import cuda, float32, kernel\n"
TWICE = """

@kernel
def twice(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = float32(2) * x[i]


def launches(x, y):
    return [twice[-(-x.size // 8), 8](x, y)]
"""


def case(draw: Draw):
    return {"x": draw.normal(draw.size(1, 20))}


def judge(**more) -> Judge:
    return Write(case=case, expected=lambda x: {"y": 2 * x}, **more)


def judged(text, rules=None, seed=1):
    answer = Answer(text, "mine.py")
    return check("twice", rules or judge(), answer, answer, seed=seed)


def test_what_is_right_is_solved():
    assert judged(HEAD + TWICE).solved


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import kernels.operations.softmax", "kernels.operations.softmax"),
        ("from kernels.operations.conv2d import cuda as ours", "cuda of kernels.operations.conv2d"),
        ("from kernels.gpu.reduce import block_sum", "block_sum of kernels.gpu.reduce"),
        ("from kernels.gpu import reduce", "reduce of kernels.gpu"),
        ("from lessons.exercise import find", "find of lessons.exercise"),
        ("import importlib", "importlib"),
        ("import os", "os"),
        ("from . import solution", "solution"),
    ],
)
def test_reference_solutions_are_not_imported(line, what):
    failure = judged(f"{HEAD}{line}\n{TWICE}").failure
    assert failure is not None
    assert failure.text.startswith(f"line 2: imports {what}")


@pytest.mark.parametrize("call", ["open('x')", "eval('1')", "exec('1')", "__import__('os')", "globals()"])
def test_ways_around_that_are_refused(call):
    failure = judged(f"{HEAD}SECRET = {call}\n{TWICE}").failure
    assert failure is not None
    assert "which an exercise has no need of" in failure.text


def test_what_numpy_computes_does_not_count():
    """Outputs are poisoned once the answer's own Python has had them."""
    text = TWICE.replace("    return [twice", "    y[...] = 2 * x\n    return [twice").replace("y[i] =", "z =")
    failure = judged(HEAD + text).failure
    assert failure is not None
    assert "as before anybody has written it" in failure.text


def test_inputs_cannot_be_changed():
    failure = judged(HEAD + TWICE.replace("y[i] =", "x[i] =")).failure
    assert failure is not None
    assert failure.text.startswith("ReadOnly")


def test_a_kernel_from_elsewhere_does_not_count():
    solution = find("map").solution.module
    text = HEAD + TWICE.replace("[twice[", "[elsewhere[")
    answer = Answer(text, "mine.py")
    answer.module.elsewhere = solution.relu  # type: ignore[attr-defined]
    failure = check("twice", judge(), answer, answer, seed=1).failure
    assert failure is not None
    assert "does not stand in this file" in failure.text


def test_a_NaN_must_stand_where_it_is_expected_and_nowhere_else():
    def with_nan(draw):
        x = case(draw)["x"]
        x[-1] = float("nan")
        return {"x": x}

    rules = Write(case=with_nan, expected=lambda x: {"y": 2 * x})
    assert judged(HEAD + TWICE, rules).solved
    swallowed = TWICE.replace("float32(2) * x[i]", "float32(2) * x[i] if x[i] == x[i] else float32(0)")
    assert not judged(HEAD + swallowed, rules).solved
    everywhere = TWICE.replace("float32(2) * x[i]", "x[i] * float32(math.nan)")
    assert not judged("import math\n" + HEAD + everywhere, rules).solved


def test_cases_are_drawn_anew_on_each_check():
    seeds = {check("twice", judge(), Answer(HEAD + TWICE, "mine.py"), Answer("", "x.py")).seed for _ in range(5)}
    assert len(seeds) == 5


def test_the_file_is_read_as_it_is_now(tmp_path):
    """Kernels come from Python's cache of lines, which must not lag behind a file that is saved twice in a second."""
    path = tmp_path / "mine.py"
    for factor, solved in ((2, True), (3, False), (2, True)):
        path.write_text(HEAD + TWICE.replace("float32(2)", f"float32({factor})"))
        answer = Answer.of_file(path)
        assert check("twice", judge(), answer, answer, seed=1).solved == solved


SUM = (
    HEAD
    + """

@kernel
def total(x, y):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.add(y, 0, x[i])


def launches(x, y):
    return [total[-(-x.size // 8), 8](x, y)]
"""
)


def test_the_order_of_threads_must_not_matter():
    def many(draw):
        return {"x": draw.normal(90), "y": draw.normal(1)}

    rules = Write(case=many, expected=lambda x, y: {"y": y + x.sum()})
    failure = judged(SUM, rules).failure
    assert failure is not None
    assert failure.stage == "in any order"
    assert "with threads in another order" in failure.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def launches(x, y:\n", "line 1: is no Python"),
        ("1 / 0\n", "ZeroDivisionError"),
        (HEAD + "def launches(x, y):\n    return 3\n", "and not a list of launches"),
        (HEAD, "launches is not there any more"),
        (HEAD + TWICE.replace("x.size // 8", "x.sise // 8"), "has no attribute 'sise'"),
        (HEAD + TWICE.replace("* x[i]", "* z[i]"), "z"),
        (HEAD + TWICE.replace("* x[i]", "* x[i + 1]"), "OutOfBounds: x["),
    ],
)
def test_what_cannot_be_judged_is_one_line(text, said):
    failure = judged(text).failure
    assert failure is not None
    assert said in failure.text
    assert "\n" not in failure.text


def test_an_edit_must_be_of_what_stands_there_once():
    with pytest.raises(AnswerError, match="stands 2 times"):
        Answer("a a", "x.py").edited("a", "b")
