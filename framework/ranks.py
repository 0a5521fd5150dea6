"""Ranks: processes that learn one network together, each from its share of every batch (data parallel).

Every rank has the whole network, and after each step all have the same weights: they start with the same, and add up
their gradients before the step (Goyal et al., 2017, section 3). `Ranks` is one process alone, as most runs are, and
what may be asked of any; framework/mpi.py has one of several that a launcher started, as in

    mpirun -n 4 python -m apps.mnist train
"""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels.device import Call, Device

Pairs = Sequence[tuple[Any, Any]]


class RanksError(RuntimeError):
    """Processes that cannot work together: one line."""


class Ranks:
    """The only rank: what is asked of all is what it has itself.

    rank     this one's number, from 0
    size     how many there are
    here     how many of them are on this machine
    """

    rank, size, here = 0, 1, 1

    def __repr__(self):
        return f"rank {self.rank} of {self.size}"

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which alone prints, logs and writes."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of so many things, in their order, are this rank's: as many as any other's, or one more."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def rows(self, batch: int) -> range:
        """Which examples of a batch are this rank's. Raises RanksError where there are more ranks than examples."""
        if batch < self.size:
            raise RanksError(f"a batch of {batch} for {self.size} ranks: at least one example each is needed")
        return self.share(batch)

    def gather(self, value: Any) -> list[Any]:
        """What all ranks have, in their order: anything that JSON can say."""
        return [value]

    def broadcast(self, value: Any) -> Any:
        """What rank 0 has: anything that JSON can say."""
        return value

    def broadcast_array(self, array: np.ndarray) -> None:
        """An array of the host becomes what rank 0 has; all have one of that shape and type."""

    def join(self, rows: np.ndarray) -> np.ndarray:
        """The rows (n, ...) of all ranks, rank by rank."""
        return rows

    def join_each(self, arrays: Sequence[np.ndarray], like: np.ndarray) -> list[np.ndarray]:
        """The arrays (n, ...) of all ranks, each n its own, rank by rank; `like` is one without rows."""
        lengths = [length for each in self.gather([len(array) for array in arrays]) for length in each]
        rows = self.join(np.concatenate([like, *arrays]))
        return np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []

    def broadcast_arrays(self, arrays: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        """Arrays of the host by name, those of rank 0."""
        known = {n: (a.shape, a.dtype.name) for n, a in arrays.items()} if arrays is not None else {}
        found = {}
        for name, (shape, dtype) in self.broadcast(known).items():
            found[name] = np.array(arrays[name]) if arrays is not None else np.empty(shape, dtype)
            self.broadcast_array(found[name])
        return found

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sums, float64, of what all ranks have: a few numbers of the host."""
        return np.asarray(values, np.float64)

    def highest(self, values: Sequence[int]) -> list[int]:
        """Of each of these numbers the highest that a rank has."""
        return list(values)

    def agree(self, what: str, value: Any) -> None:
        """Raises RanksError where a rank has another value than rank 0: each must know what all others know."""
        ours, *others = self.gather(value)
        for rank, theirs in enumerate(others, start=1):
            if theirs != ours:
                raise RanksError(f"rank {rank}: {what} is {theirs!r} there, {ours!r} on rank 0")

    def all_reduce(self, device: Device, pairs: Pairs) -> Call:
        """A call of a program: of each pair (part, sum) of arrays of the device, the sum over all ranks."""

        def run():
            for part, total in pairs:
                total[...] = part

        return run

    def started(self, device: Device, array: Any) -> Call:
        """The same of one array in its place, which may be under way until the call of `finished`."""
        return self.all_reduce(device, [])

    def finished(self, device: Device) -> Call:
        """A call that waits until all that was started is there."""
        return self.all_reduce(device, [])

    def who(self) -> str:
        """Which process is which rank, as a launcher names them by their numbers in the system."""
        places = self.gather([socket.gethostname(), os.getpid()])
        hosts = dict.fromkeys(host for host, _ in places)
        each = (f"{', '.join(str(pid) for at, pid in places if at == host)} on {host}" for host in hosts)
        return f"{self.size}, processes {'; '.join(each)}"

    def abort(self, code: int) -> None:
        """End all ranks, at once."""
