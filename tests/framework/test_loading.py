"""Batches from other processes: the same as without, in any order; what goes wrong there is said here."""

import os
import signal
import time

import numpy as np
import pytest

from framework.loading import Background, WorkerError


class Broken(ValueError):
    """What a source of data may raise."""


class Batches:
    """A function of the step, that can be sent to another process; it fails at some steps."""

    def __init__(self, *bad):
        self.bad = bad

    def __call__(self, step):
        if step in self.bad:
            raise Broken(f"photograph.jpg: step {step} cannot be made")
        generator = np.random.default_rng((3, step))
        # The later, the quicker: with several workers batches are not finished in their order.
        time.sleep(0.05 / (step + 1))
        return {"image": generator.integers(0, 256, (2, 5, 5, 3), np.uint8), "process": np.array(os.getpid())}


@pytest.fixture(scope="module")
def background():
    with Background(Batches(13), workers=2, ahead=3) as background:
        yield background


def test_batches_are_those_without_workers_whatever_the_order(background):
    batches = Batches()
    for step in (0, 1, 2, 3, 4, 100, 101, 7, 7, 3):  # a run that goes on elsewhere, and one that starts again
        np.testing.assert_array_equal(background(step)["image"], batches(step)["image"])


def test_batches_are_made_by_other_processes(background):
    assert int(background(0)["process"]) != os.getpid()


def test_what_fails_is_raised_when_its_batch_is_asked_for_in_one_clear_piece(background):
    for step in (10, 11, 12):  # 13 has failed by now, ahead of time
        background(step)
    with pytest.raises(Broken, match=r"^photograph\.jpg: step 13 cannot be made$"):
        background(13)
    # Others can still be had, and 13 fails each time.
    np.testing.assert_array_equal(background(14)["image"], Batches()(14)["image"])
    with pytest.raises(Broken):
        background(13)


def test_an_interrupt_from_the_keyboard_is_left_to_the_trainer(background):
    """It goes to all processes of a terminal; workers go on."""
    for worker in {int(background(step)["process"]) for step in range(20, 30)}:
        os.kill(worker, signal.SIGINT)
    for step in range(30, 40):
        np.testing.assert_array_equal(background(step)["image"], Batches()(step)["image"])


def test_workers_end_with_the_context():
    with Background(Batches(), ahead=0) as background:
        worker = int(background(5)["process"])
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_worker_that_was_killed_is_noticed():
    with Background(Batches(), ahead=0) as background:
        os.kill(int(background(0)["process"]), signal.SIGKILL)
        with pytest.raises(WorkerError, match=r"^batch \d+: a worker process was ended from outside"):
            [background(step) for step in range(1, 100)]
