"""Batches made ahead of time by worker processes, so that the device does not wait for them.

The batch of a step is a function of the step alone, so it does not matter who makes it or when: training with workers
gives the same bits as training without.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import numpy as np

# How far workers stand back where the device is these same cores: a thread that is pushed aside keeps all others of a
# kernel waiting, while the gaps between kernels are long enough for batches that are made ahead.
NICE = 10

Batches = Callable[[int], dict[str, np.ndarray]]


class WorkerError(RuntimeError):
    """A worker that is gone: one line."""


class Background:
    """`Background(batches, workers=1)(step)` is `batches(step)`, of which the following ones are on their way already.

    `batches` must be picklable; it is sent to each worker once. Use it as a context, or `close` it: workers end then.
    They end with this process, however it ends.
    """

    def __init__(self, batches: Batches, workers: int = 1, ahead: int = 4):
        # Spawned, not forked: a fork would copy threads of Numba and CUDA in the midst of their work.
        context = multiprocessing.get_context("spawn")
        self._ahead = ahead
        self._coming: dict[int, Future] = {}
        with _without_interrupts():
            self._pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(batches,))
            for _ in range(workers):  # the pool starts a process for each task that finds all others busy
                self._pool.submit(int)

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step. Raises what `batches` raises, and WorkerError."""
        wanted = range(step, step + 1 + self._ahead)
        self._coming = {s: f for s, f in self._coming.items() if s in wanted}
        try:
            for s in wanted:
                if s not in self._coming:
                    self._coming[s] = self._pool.submit(_make, s)
            return self._coming.pop(step).result()
        except BrokenProcessPool:
            raise WorkerError("a worker that makes batches has died, perhaps for want of memory") from None

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# Signals that reach all processes of a terminal. They are for the trainer alone to act on.
OF_A_TERMINAL = (signal.SIGINT, signal.SIGHUP)


@contextmanager
def _without_interrupts():
    """Processes that start inside ignore what a terminal sends to all, from the first moment on."""
    if threading.current_thread() is not threading.main_thread():  # which alone may say how signals are handled
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in OF_A_TERMINAL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# In a worker: what it makes batches with. Sent once, at its start.
_batches: Batches


def _begin(batches):
    global _batches
    _batches = batches
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICE)
    for number in OF_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)  # where processes do not inherit it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.showwarning = lambda message, *_: print(f"note    {message}", file=sys.stderr)


def _end_with_parent():
    """Who waits for work would wait forever when nobody is left to send any, as after a SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _make(step):
    return _batches(step)
