"""Every so many steps, or minutes."""

import time

import pytest

from framework.interval import Interval


def test_steps_are_those_of_the_run():
    every = Interval("3")
    every.start()
    assert [step for step in range(1, 11) if every.is_over(step)] == [3, 6, 9]


def test_minutes_count_from_the_last_time(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    every = Interval("1.5m")
    every.start()
    due = []
    for step in range(1, 10):
        now += 30
        if every.is_over(step):
            due.append(step)
            every.start()
    assert due == [3, 6, 9]


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "m", "10 m", "10s", "1.5", "1e3", "nanm"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(ValueError, match="is neither a number of steps, such as 500, nor of minutes, such as 10m"):
        Interval(text)
