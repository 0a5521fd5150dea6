"""Signals that ask a process to end are answered alike, and noted where what goes on must be whole."""

import os
import signal
from contextlib import nullcontext

import pytest

from kernels.interrupts import SIGNALS, Interrupt, Noted, answered, interrupt


def send(number):
    os.kill(os.getpid(), number)


def noted(act, at_once=False):
    """With which signal it ends where this is done while signals are noted, and what came after it inside."""
    after = []
    try:
        with Noted() as signals, signals.at_once() if at_once else nullcontext():
            act()
            after.append("whole")
    except Interrupt as raised:
        return raised.number, after
    return None, after


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_is_raised_with_the_status_to_leave_with_and_noted(number, status):
    with pytest.raises(Interrupt) as raised, answered(interrupt):
        send(number)
    assert raised.value.status == status
    assert noted(lambda: send(number)) == (number, ["whole"])


def test_afterwards_they_are_handled_as_before():
    before = [signal.getsignal(number) for number in SIGNALS]
    with answered(interrupt), Noted():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with answered(interrupt):
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_may_end_at_once_does_and_is_noted():
    assert noted(lambda: send(signal.SIGTERM), at_once=True) == (signal.SIGTERM, [])


def test_an_error_goes_before_a_signal_that_was_noted():
    def fail():
        send(signal.SIGTERM)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        noted(fail)
