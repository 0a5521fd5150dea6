"""Ranks in one process, each a thread: they tell each other in memory, and add up in the order of their numbers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from framework.ranks import Ranks


class Threads(Ranks):
    """One of several ranks that meet at a barrier. As those of MPI, but for what carries their messages."""

    def __init__(self, rank, size, barrier, desk):
        self.rank, self.size, self._barrier, self._desk = rank, size, barrier, desk

    def gather(self, value):
        self._desk[self.rank] = value
        self._barrier.wait()
        found = list(self._desk)
        self._barrier.wait()
        return found

    def broadcast(self, value):
        return self.gather(value)[0]

    def broadcast_array(self, array):
        array[...] = self.gather(array.copy())[0]

    def join(self, rows):
        return np.concatenate(self.gather(rows.copy()))

    def total(self, values):
        return np.sum(self.gather(np.array(values, np.float64)), axis=0)

    def highest(self, values):
        return [max(each) for each in zip(*self.gather(list(values)), strict=True)]

    def all_reduce(self, device, pairs):
        def run():
            for part, total in pairs:
                total[...] = sum(self.gather(part.copy()))

        return run

    def started(self, device, array):
        return self.all_reduce(device, [(array, array)])

    def finished(self, device):
        return lambda: None


class OverNccl(Ranks):
    """A rank whose arrays are added up by a communicator of framework/nccl.py."""

    def __init__(self, nccl):
        self._nccl = nccl

    def all_reduce(self, device, pairs):
        return self._nccl.all_reduce(pairs)

    def started(self, device, array):
        return self._nccl.started(array)

    def finished(self, device):
        return self._nccl.finished()


def together(size, work):
    """What `work(rank)` returns on each of so many ranks that run at once; raises what one of them raises."""
    barrier, desk = threading.Barrier(size, timeout=60), [None] * size

    def run(rank):
        try:
            return work(Threads(rank, size, barrier, desk))
        except BaseException:
            barrier.abort()  # nobody waits for who is gone
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size)))
