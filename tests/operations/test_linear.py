"""Linear layer: what must hold of it besides what tests/operations/test_operations.py asks of every operation."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bench.trial import Trial
from kernels.cpu.products import CHUNK
from kernels.operation import ShapeError
from kernels.operations.linear import cpu, operation
from tests.helpers.checks import check_backward, check_forward
from tests.helpers.running import KINDS, backward, forward, trial

every_kind = pytest.mark.parametrize("kind", KINDS)


@st.composite
def problems(draw):
    """x (R, N), w (M, N), b (M,) and dy (R, M) of small whole numbers, whose sums float32 holds exactly."""
    R, N, M = (draw(st.integers(1, 9)) for _ in range(3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = {"x": (R, N), "w": (M, N), "b": (M,), "dy": (R, M)}
    return {name: generator.integers(-9, 9, shape).astype(float) for name, shape in shapes.items()}


@every_kind
@given(problem=problems())
def test_whole_numbers_come_out_exactly(kind, problem):
    x, w, b, dy = (problem[name] for name in ("x", "w", "b", "dy"))
    np.testing.assert_array_equal(forward("linear", kind, **problem)["y"], x @ w.T + b)
    gradients = backward("linear", kind, **problem)
    np.testing.assert_array_equal(gradients["dx"], dy @ w)
    np.testing.assert_array_equal(gradients["dw"], dy.T @ x)
    np.testing.assert_array_equal(gradients["db"], dy.sum(axis=0))


@every_kind
@given(problem=problems())
def test_dx_and_dw_are_the_adjoints_of_forward(kind, problem):
    """Without a bias y is linear in x and in w: <y, dy> = <x, dx> = <w, dw>."""
    problem["b"] = None
    y = forward("linear", kind, **problem)["y"]
    gradients = backward("linear", kind, **problem)
    product = np.vdot(y, problem["dy"])
    assert product == np.vdot(problem["x"], gradients["dx"])
    assert product == np.vdot(problem["w"], gradients["dw"])
    assert "db" not in gradients


@every_kind
@given(problem=problems(), factor=st.integers(-4, 4))
def test_forward_is_linear_in_the_input(kind, problem, factor):
    problem["b"] = None
    x, y = problem["x"], forward("linear", kind, **problem)["y"]
    other = np.roll(x, 1, axis=0)
    y_other = forward("linear", kind, **{**problem, "x": other})["y"]
    y_both = forward("linear", kind, **{**problem, "x": x + factor * other})["y"]
    np.testing.assert_array_equal(y_both, y + factor * y_other)


@every_kind
def test_the_unit_matrix_changes_nothing(kind):
    x = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    np.testing.assert_array_equal(forward("linear", kind, x=x, w=np.eye(6), b=np.zeros(6))["y"], x)


@every_kind
def test_a_nan_reaches_its_example_only(kind):
    x = np.ones((3, 5))
    x[1, 2] = np.nan
    y = forward("linear", kind, x=x, w=np.ones((4, 5)), b=np.zeros(4))["y"]
    assert np.isnan(y[1]).all()
    np.testing.assert_array_equal(y[[0, 2]], 5)


@pytest.mark.parametrize(("R", "N", "M"), [(70, 333, 205), (1, CHUNK + 9, 17), (CHUNK + 9, 17, 3), (17, 2, CHUNK + 9)])
def test_products_on_the_cpu_are_cut_into_jobs_blocks_and_stretches_and_put_together_again(R, N, M):
    """More rows than a job has, more columns than a block of lanes, more terms than a stretch; and less than one."""
    case = Trial.of_shape(operation, {"x": (R, N), "w": (M, N), "b": (M,)}, np.random.default_rng(0))
    check_forward(case, "cpu")
    check_backward(case, "cpu")


@given(problem=problems(), rung=st.integers(1, 5))
def test_whole_numbers_come_out_exactly_on_every_rung_for_the_cpu(problem, rung):
    x, w, b, dy = (problem[name] for name in ("x", "w", "b", "dy"))
    case = trial("linear", **problem)
    np.testing.assert_array_equal(case.forward("cpu", rung=rung)["y"], x @ w.T + b)
    gradients = case.backward("cpu", {}, rung=min(rung, 4))
    np.testing.assert_array_equal(gradients["dx"], dy @ w)
    np.testing.assert_array_equal(gradients["dw"], dy.T @ x)
    np.testing.assert_array_equal(gradients["db"], dy.sum(axis=0))


@pytest.mark.parametrize("unwanted", ["dx", "dw", "db"])
def test_a_gradient_that_nobody_wants_may_be_none(unwanted):
    case = trial("linear", x=np.ones((2, 3)), w=np.ones((4, 3)), b=np.ones(4))
    expected = case.backward("reference", {})
    arrays = {name: case.arrays[name] for name in ("dy", "x", "w")}
    gradients = {name: None if name == unwanted else np.empty(expected[name].shape, "f") for name in ("dx", "dw", "db")}
    cpu.backward(**arrays, **gradients)
    interpreted = {name: None if array is None else np.empty_like(array) for name, array in gradients.items()}
    for launch in operation.implementation("cuda").backward(**arrays, **interpreted, tiny=True):
        launch.interpret()
    for name in gradients.keys() - {unwanted}:
        np.testing.assert_allclose(gradients[name], expected[name], rtol=1e-5)
        np.testing.assert_allclose(interpreted[name], expected[name], rtol=1e-5)


@every_kind
@pytest.mark.parametrize("biased", [True, False])
def test_it_computes_what_pytorch_computes(kind, biased):
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    shapes = {"x": (7, 30), "w": (5, 30), "b": (5,), "dy": (7, 5)}
    arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    if not biased:
        arrays["b"] = None
    tensors = {n: None if a is None else torch.tensor(a, requires_grad=n != "dy") for n, a in arrays.items()}
    y = torch.nn.functional.linear(tensors["x"], tensors["w"], tensors["b"])
    y.backward(tensors["dy"])
    np.testing.assert_allclose(forward("linear", kind, **arrays)["y"], y.detach(), rtol=1e-4, atol=1e-5)
    for name, gradient in backward("linear", kind, **arrays).items():
        np.testing.assert_allclose(gradient, tensors[name[1:]].grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rung", [1, 2, 3])
def test_every_rung_stays_in_float32_and_in_registers(rung):
    """No float64, and no local memory: sums of a thread that are not in registers would cost most of its time."""
    case = Trial.of_shape(operation, {"x": (50, 70), "w": (90, 70), "b": (90,)}, np.random.default_rng(0))
    for direction in ("forward", "backward"):
        for launch in case.launches(direction, rung):
            assert not re.search(r"\.f64|(ld|st)\.local", launch.ptx("sm_90")), launch.kernel


def test_register_tiles_are_read_four_values_at_a_time():
    case = Trial.of_shape(operation, {"x": (50, 70), "w": (90, 70)}, np.random.default_rng(0))
    products = [*case.launches("forward", 3), *case.launches("backward", 3)]
    assert len(products) == 3
    for launch in products:
        assert "ld.shared.v4.f32" in launch.ptx("sm_90")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"x": (3,), "w": (4, 3)}, "linear: x (3,) must have 2 sizes (R, N) of at least 1"),
        ({"x": (2, 3), "w": (4, 3, 1)}, "linear: w (4, 3, 1) must have 2 sizes (M, N) of at least 1"),
        ({"x": (0, 3), "w": (4, 3)}, "linear: x (0, 3) must have 2 sizes (R, N) of at least 1"),
        (
            {"x": (2, 3), "w": (3, 4)},
            "linear: w (3, 4) does not fit x (2, 3): it must have a column for each of the 3 inputs",
        ),
        ({"x": (2, 3), "w": (4, 3), "b": (3,)}, "linear: b (3,) must be (4,)"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(shapes, message):
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        operation.shapes(**shapes)


def test_flops_count_a_multiply_add_as_two():
    assert operation.flops(x=(2, 3), w=(4, 3), b=(4,)) == (2 * 2 * 3 * 4 + 2 * 4, 4 * 2 * 3 * 4 + 2 * 4)
