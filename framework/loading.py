"""Batches made ahead of time by worker processes, so that the device does not wait for them.

The batch of a step is a function of the step alone, so it does not matter who makes it or when: training with workers
gives the same bits as training without.
"""

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

Batches = Callable[[int], dict[str, np.ndarray]]


class WorkerError(RuntimeError):
    """A worker process that ended without a word."""


class Background:
    """`Background(batches, workers=1)(step)` is `batches(step)`, of which the following ones are on their way already.

    `batches` must be picklable; it is sent to each worker once. Use it as a context, or `close` it: workers end then.
    """

    def __init__(self, batches: Batches, workers: int = 1, ahead: int = 4):
        # Spawned, not forked: a fork would copy threads of Numba and CUDA in the midst of their work.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(batches,))
        self._ahead = ahead
        self._coming: dict[int, Future] = {}

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step. Raises what `batches` raises, and WorkerError where a worker was killed."""
        wanted = range(step, step + 1 + self._ahead)
        self._coming = {s: f for s, f in self._coming.items() if s in wanted}
        try:
            for s in wanted:
                if s not in self._coming:
                    self._coming[s] = self._pool.submit(_make, s)
            return self._coming.pop(step).result()
        except BrokenProcessPool:
            problem = f"batch {step}: a worker process was ended from outside, perhaps for want of memory"
            raise WorkerError(problem) from None

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# In a worker: what it makes batches with. Sent once, at its start.
_batches: Batches


def _begin(batches):
    global _batches
    _batches = batches
    # An interrupt from the keyboard reaches all processes; it is for the trainer alone to act on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make(step):
    return _batches(step)
