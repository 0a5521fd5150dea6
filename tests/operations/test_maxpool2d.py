"""Max pooling: what must hold of it besides what tests/operations/test_operations.py asks of every operation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bench.trial import Trial
from kernels.operation import ShapeError
from kernels.operations.maxpool2d import operation
from tests.helpers.running import KINDS, trial
from tests.helpers.strategies import trials

every_implementation = pytest.mark.parametrize("kind", KINDS)


def pooled(kind, x, window, stride, padding=(0, 0)):
    x = np.asarray(x, np.float32).reshape(1, 1, *np.shape(x))
    case = {"x": x.shape, "window": window, "stride": stride, "padding": padding}
    one = Trial.of_shape(operation, case, np.random.default_rng(0))
    one.arrays["x"] = x
    return one, one.forward(kind)


@every_implementation
def test_figure_11_is_pooled_to_the_largest_of_each_quarter(kind):
    _, got = pooled(kind, [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], (2, 2), (2, 2))
    assert got["y"].tolist() == [[[[6, 8], [3, 4]]]]
    assert got["winner"].tolist() == [[[[5, 7], [8, 15]]]]


@every_implementation
@pytest.mark.parametrize("value", [0.0, -3.5, -np.inf, 1e38])
def test_the_first_of_equal_values_wins(kind, value):
    _, got = pooled(kind, np.full((4, 4), value), (2, 2), (2, 2))
    assert got["winner"].ravel().tolist() == [0, 2, 8, 10]
    assert (got["y"] == np.float32(value)).all()


@every_implementation
def test_padding_never_wins(kind):
    one, got = pooled(kind, -np.ones((3, 3)), (2, 2), (2, 2), (1, 1))
    assert (got["y"] == -1).all()
    assert (got["winner"] < one.arrays["x"].size).all()


@every_implementation
def test_nan_wins_so_that_it_is_not_lost(kind):
    x = np.zeros((4, 4))
    x[1, 0] = np.nan
    x[1, 1] = 9
    _, got = pooled(kind, x, (2, 2), (2, 2))
    assert np.isnan(got["y"][0, 0, 0, 0])
    assert got["winner"][0, 0, 0, 0] == 4


@every_implementation
@pytest.mark.parametrize(
    ("window", "stride", "padding"), [((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 1), (1, 1)), ((4, 3), (2, 3), (2, 0))]
)
def test_of_several_nan_in_a_window_the_one_that_wins_in_pytorch_wins(kind, window, stride, padding):
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    x = generator.standard_normal((7, 8)).astype(np.float32)
    x[generator.random(x.shape) < 0.4] = np.nan
    one, got = pooled(kind, x, window, stride, padding)
    tensor = torch.tensor(one.arrays["x"], requires_grad=True)
    y, winner = torch.nn.functional.max_pool2d(tensor, window, stride, padding, return_indices=True)
    np.testing.assert_array_equal(got["winner"], winner)
    np.testing.assert_array_equal(got["y"], y.detach())
    y.backward(torch.tensor(one.arrays["dy"]))
    np.testing.assert_allclose(one.backward(kind, got)["dx"], tensor.grad, rtol=1e-6, atol=1e-6)


@every_implementation
@given(data=st.data())
def test_backward_keeps_the_sum_of_the_delta_errors(kind, data):
    """Each window passes its delta-error to one value, so none is lost and none is doubled, overlaps included."""
    one = data.draw(trials(operation))
    dx = one.backward(kind, one.forward(kind))["dx"]
    np.testing.assert_allclose(dx.sum(), one.arrays["dy"].sum(), rtol=1e-4, atol=1e-4)


@every_implementation
@given(data=st.data())
def test_adding_a_constant_moves_the_output_and_not_the_winners(kind, data):
    one = data.draw(trials(operation))
    before = one.forward(kind)
    one.arrays["x"] = np.round(one.arrays["x"] * 8) / 8
    before = one.forward(kind)
    one.arrays["x"] = one.arrays["x"] + np.float32(2)
    after = one.forward(kind)
    np.testing.assert_array_equal(after["winner"], before["winner"])
    np.testing.assert_array_equal(after["y"], before["y"] + 2)


@every_implementation
def test_a_value_that_wins_overlapping_windows_collects_all_their_delta_errors(kind):
    x = np.zeros((3, 3))
    x[1, 1] = 1
    one, forward = pooled(kind, x, (2, 2), (1, 1))
    one.arrays["dy"] = np.float32([[[[1, 2], [4, 8]]]])
    dx = one.backward(kind, forward)["dx"]
    assert dx[0, 0, 1, 1] == 15
    assert np.count_nonzero(dx) == 1


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        ((2, 3, 4), {}, "maxpool2d: .*R, C, H, W"),
        ((1, 1, 2, 2), {"window": (3, 3)}, r"maxpool2d: window \(3, 3\) does not fit into input \(2, 2\)"),
        ((1, 1, 5, 5), {"padding": (2, 0)}, r"maxpool2d: padding \(2, 0\) must be smaller than window \(2, 2\)"),
        ((1, 1, 5, 5), {"stride": (0, 1)}, r"maxpool2d: window .* stride \(0, 1\) must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(x, settings, message):
    with pytest.raises(ShapeError, match=message):
        trial("maxpool2d", settings, x=np.zeros(x))


@pytest.mark.parametrize("width", [2, 15, 16, 17, 18, 31, 32, 33, 50])
def test_windows_of_four_in_registers(width):
    """Of fewer than WIDTH windows in a row, as many, and more; with many equals, and NaN; and an odd row and column."""
    generator = np.random.default_rng(width)
    x = generator.integers(-2, 3, (3, 2, 7, width)).astype(np.float32)
    x[generator.random(x.shape) < 0.1] = np.nan
    one = Trial.of_shape(operation, {"x": x.shape, "window": (2, 2), "stride": (2, 2)}, generator)
    one.arrays["x"] = x
    got, expected = one.forward("cpu"), one.forward("reference")
    np.testing.assert_array_equal(got["y"], expected["y"])
    np.testing.assert_array_equal(got["winner"], expected["winner"])
