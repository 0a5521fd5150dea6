"""What the figures of all apps share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.figures import curves, smoothed


@given(values=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=300))
def test_smoothing_keeps_the_range_and_the_first_value(values):
    smooth = smoothed(np.array(values))
    assert smooth.shape == (len(values),)
    assert smooth[0] == pytest.approx(values[0])
    assert smooth.min() >= min(values) * (1 - 1e-6) - 1e-9
    assert smooth.max() <= max(values) * (1 + 1e-6) + 1e-9


def test_smoothing_leaves_a_straight_line_straight():
    line = np.linspace(1, 2, 400)
    np.testing.assert_allclose(smoothed(line)[:-5], line[:-5])


def test_each_score_has_a_line_of_its_own_and_only_the_measured_ones():
    records = [{"iteration": i, "loss": 1 / i, "all": 1 - 1 / i, "some": 1 - 0.5 / i} for i in range(1, 9)]
    figure = curves(records, "title", "precision", {"all": "everything", "none": "never", "some": "a part"})
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "everything, 87.50 % at the end",
        "a part, 93.75 % at the end",
    ]
    assert [line.get_linestyle() for line in axes.lines] == ["-", ":"]
    assert axes.get_ylabel() == "precision"
