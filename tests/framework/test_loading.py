"""Batches from worker processes: the same as without, and nobody is left behind."""

import multiprocessing
import os
import signal
from dataclasses import dataclass

import numpy as np
import pytest

from framework.loading import NICE, Background, WorkerError


@dataclass(frozen=True)
class Squares:
    """Batches of a number; the process ends at a step, an error is raised at another."""

    ends: int = -1
    fails: int = -1

    def __call__(self, step):
        if step == self.ends:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == self.fails:
            raise ValueError(f"no batch {step}")
        return {"x": np.full(3, step**2), "process": np.array(os.getpid())}


def test_batches_are_those_of_the_function_in_any_order_of_steps():
    with Background(Squares(), workers=2) as batches:
        for step in (0, 1, 2, 7, 3, 3, 4):
            made = batches(step)
            np.testing.assert_array_equal(made["x"], np.full(3, step**2))
            assert made["process"] != os.getpid()
    assert not multiprocessing.active_children()


def niceness(_):
    return {"niceness": np.array(os.nice(0))}


@pytest.mark.skipif(not hasattr(os, "nice"), reason="a system without niceness")
def test_workers_stand_back_for_who_trains():
    with Background(niceness) as batches:
        assert batches(0)["niceness"] == min(os.nice(0) + NICE, 19)


def test_an_error_in_a_worker_reaches_the_caller_at_its_step():
    with Background(Squares(fails=2), ahead=3) as batches:
        batches(0)
        batches(1)
        with pytest.raises(ValueError, match="no batch 2"):
            batches(2)
        assert batches(3)["x"][0] == 9


def test_a_dead_worker_is_told_in_one_line():
    with Background(Squares(ends=1), ahead=0) as batches:
        batches(0)
        with pytest.raises(WorkerError, match=r"^a worker .* has died"):
            batches(1)


def test_workers_ignore_an_interrupt_from_their_first_moment_on():
    before = signal.getsignal(signal.SIGINT)
    with Background(Squares(), workers=2) as batches:
        assert signal.getsignal(signal.SIGINT) is before
        workers = multiprocessing.active_children()
        assert len(workers) == 2
        for worker in workers:  # they are still starting
            os.kill(worker.pid, signal.SIGINT)
        assert batches(5)["x"][0] == 25
    assert not multiprocessing.active_children()
