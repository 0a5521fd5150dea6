"""The fuzzer finds what is wrong, makes it small, and says how to see it again; and it finds nothing else."""

import numpy as np
import pytest

from kernels.__main__ import main
from kernels.bench.fuzz import KINDS, Case, Choices, Judge, Subject, shrink, standing
from kernels.bench.trial import Trial
from kernels.commands.targets import operations
from kernels.gpu import cuda, kernel

OPERATIONS = operations()
ADD = OPERATIONS["add"]
ON_CPU = Subject(ADD, "forward", "cpu")


def of_kind(operation, kind):
    """The first case of an operation that has values of a kind."""
    return next(case for n in range(200) if (case := Case.draw(operation, 0, n)).kind == kind)


def broken(monkeypatch, wrong):
    """Let add.forward on the CPU go wrong as `wrong(a, b, y)` does."""
    right = ADD.implementation("cpu").forward

    def forward(a, b, y):
        right(a, b, y)
        wrong(a, b, y)

    monkeypatch.setattr(ADD.implementation("cpu"), "forward", forward)


def last_value_is_forgotten(a, b, y):
    if y.size > 3:
        y.flat[-1] = 0


def test_same_seed_and_number_give_the_same_case():
    one, two = (Case.draw(OPERATIONS["conv2d"], 5, 7) for _ in range(2))
    assert (one.kind, one.trial.shapes) == (two.kind, two.trial.shapes)
    np.testing.assert_array_equal(one.trial.arrays["x"], two.trial.arrays["x"])


def test_choices_make_the_case_again():
    drawn = Case.draw(OPERATIONS["conv2d"], 5, 7)
    again = Case.draw(OPERATIONS["conv2d"], 5, 7, drawn.choices.made)
    assert again.trial.shapes == drawn.trial.shapes
    assert again.kind == drawn.kind


def test_choices_that_end_take_the_least():
    choices = Choices([5])
    assert (choices.integer(1, 9), choices.integer(2, 9), choices.choice("abc")) == (5, 2, "a")


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_of_their_kind(kind):
    values = np.concatenate(
        [of_kind(ADD, kind).trial.arrays[n].reshape(-1) for n in standing(of_kind(ADD, kind).trial, "ties")]
    )
    size = np.abs(values)
    holds = {
        "plain": np.isfinite(values).all(),
        "ties": (values == np.round(values)).all(),
        "zeros": (values == 0).any(),
        "denormal": size.max() < np.finfo(np.float32).tiny,
        "tiny": size.max() < 1e-10,
        "huge": size.max() > 1e10,
        "infinite": np.isinf(values).sum() == 1,
        "nan": np.isnan(values).sum() == 1,
    }
    assert holds[kind]


def test_values_stay_in_the_domain_of_an_operation():
    for n in range(30):
        p = Case.draw(OPERATIONS["cross_entropy"], 0, n).trial.arrays["p"]
        assert (p > 0).all()
        np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["add", "conv2d", "maxpool2d", "softmax"])
def test_kernels_are_right_on_every_kind_of_values(name, kind):
    case = of_kind(OPERATIONS[name], kind)
    for direction in ("forward", "backward"):
        assert not Judge(case)(Subject(OPERATIONS[name], direction, "cpu")).problem


def test_a_value_that_is_wrong_is_found_and_shrunk(monkeypatch):
    broken(monkeypatch, last_value_is_forgotten)
    number, case = next((n, c) for n in range(99) if Judge(c := Case.draw(ADD, 0, n))(ON_CPU).problem)
    smallest, verdict = shrink(ON_CPU, case, 0, number)
    assert np.prod(smallest.trial.shapes["y"]) == 4
    assert smallest.kind == "plain"
    assert (smallest.trial.arrays["a"] == 1).all()
    assert "y is off by" in verdict.problem


def test_an_infinity_that_is_swallowed_is_found(monkeypatch):
    broken(monkeypatch, lambda a, b, y: np.nan_to_num(y, copy=False, posinf=1, neginf=1))
    in_a = (c for n in range(200) if np.isinf((c := Case.draw(ADD, 0, n)).trial.arrays["a"]).any())
    assert "finite" in Judge(next(in_a))(ON_CPU).problem


def test_a_value_that_nobody_wrote_is_found(monkeypatch):
    monkeypatch.setattr(ADD.implementation("cpu"), "forward", lambda a, b, y: None)
    assert "not written" in Judge(of_kind(ADD, "plain"))(ON_CPU).problem


def test_an_exception_is_a_problem_and_no_end(monkeypatch):
    monkeypatch.setattr(ADD.implementation("cpu"), "forward", lambda a, b, y: 1 / 0)
    assert Judge(of_kind(ADD, "plain"))(ON_CPU).problem.startswith("ZeroDivisionError")


@kernel
def adds_and_looks_further(a, b, y):
    i = cuda.grid(1)
    if i < y.size:
        y[i] = a[i] + b[i] + (a[i + 1] - a[i + 1])


def test_the_emulator_is_asked_to_check(monkeypatch):
    """What it reads beyond the end changes no value: only a checked run tells."""

    def forward(a, b, y, rung, tiny):
        return [adds_and_looks_further[-(-y.size // 32), 32](a.reshape(-1), b.reshape(-1), y.reshape(-1))]

    monkeypatch.setattr(ADD.implementation("cuda"), "forward", forward)
    problem = Judge(of_kind(ADD, "plain"))(Subject(ADD, "forward", "emulate", 1)).problem
    assert problem.startswith("OutOfBounds: adds_and_looks_further: block ")
    assert "a[" in problem


def test_errors_are_counted_in_ulp_of_the_largest_value(monkeypatch):
    trial = Trial.of_arrays(ADD, a=np.float32([1, 0]), b=np.float32([0, 0]))
    broken(monkeypatch, lambda a, b, y: y.__setitem__(1, y[1] + np.float32(2**-21)))
    verdict = Judge(Case(trial, "plain", Choices([])))(ON_CPU)
    assert verdict.ulp == 4
    assert verdict.relative == pytest.approx(2**-21)


def test_check_prints_the_smallest_case_and_the_command_that_repeats_it(monkeypatch, capsys):
    broken(monkeypatch, last_value_is_forgotten)
    assert main(["check", "add", "--device", "cpu", "--seconds", "2", "--seed", "3"]) == 1
    text = capsys.readouterr().out
    assert "FAILS" in text
    assert "smallest case found: a=" in text
    repeat = next(line for line in text.splitlines() if "repeat:" in line).partition("python -m kernels ")[2]
    assert main(repeat.split()) == 1
    monkeypatch.undo()
    assert main(repeat.split()) == 0
