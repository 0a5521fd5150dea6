"""Average pooling: a linear map that keeps the mean."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.running import KINDS, backward, forward
from tests.helpers.strategies import trials

AVGPOOL = all_operations()["avgpool2d"]


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(AVGPOOL))
def test_dx_is_the_adjoint_of_forward(kind, trial):
    y = trial.forward(kind)
    dx = trial.backward(kind, y)["dx"]
    ours, theirs = np.vdot(y["y"], trial.arrays["dy"]), np.vdot(trial.arrays["x"], dx)
    size = np.linalg.norm(trial.arrays["x"]) * np.linalg.norm(trial.arrays["dy"])
    assert abs(ours - theirs) <= 1e-5 * size


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(AVGPOOL), factor=st.floats(-4, 4, width=16))
def test_forward_is_linear(kind, trial, factor):
    x = trial.arrays["x"]
    other = x[::-1, :, ::-1].copy()
    combined = forward("avgpool2d", kind, trial.settings, x=x + np.float32(factor) * other)["y"]
    y, y_other = trial.forward(kind)["y"], forward("avgpool2d", kind, trial.settings, x=other)["y"]
    np.testing.assert_allclose(combined, y + factor * y_other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(rows=st.integers(1, 3), columns=st.integers(1, 3), seed=st.integers(0, 99))
def test_windows_side_by_side_keep_the_mass(kind, rows, columns, seed):
    x = np.random.default_rng(seed).random((2, 2, 3 * rows, 2 * columns))
    window = {"window": (rows, columns), "stride": (rows, columns)}
    y = forward("avgpool2d", kind, window, x=x)["y"]
    np.testing.assert_allclose(y.sum() * rows * columns, x.sum(), rtol=1e-5)
    dx = backward("avgpool2d", kind, window, x=x, dy=y)["dx"]
    np.testing.assert_allclose(dx.sum(), y.sum(), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(AVGPOOL), down=st.integers(0, 2), right=st.integers(0, 2))
def test_a_shift_of_whole_strides_shifts_the_output(kind, trial, down, right):
    settings = trial.settings | {"padding": (0, 0)}
    rows, columns = down * settings["stride"][0], right * settings["stride"][1]
    margin = [(0, 0), (0, 0), (0, settings["window"][0]), (0, settings["window"][1])]
    x = np.pad(trial.arrays["x"], margin)
    shifted = np.pad(x, [(0, 0), (0, 0), (rows, 0), (columns, 0)])
    y, y_shifted = (forward("avgpool2d", kind, settings, x=array)["y"] for array in (x, shifted))
    np.testing.assert_allclose(y_shifted[:, :, down:, right:], y, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(AVGPOOL))
def test_a_constant_stays_where_no_padding_dilutes_it(kind, trial):
    settings = trial.settings | {"padding": (0, 0)}
    x = np.full_like(np.pad(trial.arrays["x"], [(0, 0), (0, 0), (0, 3), (0, 3)]), 7)
    np.testing.assert_allclose(forward("avgpool2d", kind, settings, x=x)["y"], 7, rtol=1e-6)


@pytest.mark.parametrize("name", ["maxpool2d", "avgpool2d", "l2pool2d"])
@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((3, 28), {}, "x (3, 28) must have 4 sizes (R, C, H, W) of at least 1"),
        ((1, 1, 3, 28), {"window": (5, 5)}, "window (5, 5) does not fit into input (3, 28) with padding (0, 0)"),
        (
            (1, 1, 4, 4),
            {"padding": (2, 0)},
            "padding (2, 0) must be smaller than window (2, 2), or windows hold no value",
        ),
        (
            (1, 1, 4, 4),
            {"stride": (0, 1)},
            "window (2, 2) and stride (0, 1) must be at least 1, padding (0, 0) at least 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name, shape, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"{name}: {message}")):
        forward(name, "cpu", settings, x=np.ones(shape))
