"""Learning rates: where they begin, fall and end."""

import numpy as np

from framework.schedule import cosine_schedule, step_schedule


def test_the_paper_divides_the_rate_by_ten_twice():
    rate = step_schedule(0.001, (33_333, 66_666))
    np.testing.assert_allclose([rate(0), rate(33_332), rate(33_333), rate(99_999)], [1e-3, 1e-3, 1e-4, 1e-5])


def test_a_cosine_ends_at_zero():
    rate = cosine_schedule(0.1, 100)
    np.testing.assert_allclose([rate(0), rate(50), rate(100), rate(200)], [0.1, 0.05, 0, 0], atol=1e-12)


def test_a_cosine_can_begin_slowly_and_then_goes_on_as_any_other():
    plain, warm = cosine_schedule(0.1, 100), cosine_schedule(0.1, 100, warmup=10)
    for step in range(120):
        np.testing.assert_allclose(warm(step), min(1, (step + 1) / 10) * plain(step), rtol=1e-12)
    assert max(map(warm, range(100))) == warm(9) < plain(8)
