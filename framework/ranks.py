"""Ranks: processes that learn one network together, each from its share of every batch (data parallel).

Every rank has the whole network, and after each step all have the same weights: they start with the same, and add up
their gradients before the step (Goyal et al., 2017, section 3). `Alone` is the one process that most runs are; `Mpi` is
one of several that a launcher started, as in

    mpirun -n 4 python -m apps.mnist train

What travels between hosts are arrays and JSON, and nothing that could be executed.
"""

import json
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from kernels.device import Call, CudaDevice, Device
from kernels.launched import launched

Pairs = Sequence[tuple[Any, Any]]


# Seconds that a rank waits for the others: longer than any has to compile, to read, or to write.
PATIENCE = 600.0


class RanksError(RuntimeError):
    """Processes that cannot work together: one line."""


class Alone:
    """The only rank: what is asked of all is what it has itself. It is what `Mpi` is for one of several.

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
        for rank, theirs in enumerate(self.gather(value)):
            if theirs != (ours := self.broadcast(value)):
                raise RanksError(f"rank {rank}: {what} is {theirs!r} there, {ours!r} on rank 0")

    def all_reduce(self, device: Device, pairs: Pairs) -> Call:
        """A call of a program: of each pair (part, sum) of arrays of the device, the sum over all ranks."""
        raise NotImplementedError("one rank has nobody to add up with")

    def started(self, device: Device, array: Any) -> Call:
        """The same of one array in its place, which may be under way until the call of `finished`."""
        raise NotImplementedError("one rank has nobody to add up with")

    def finished(self, device: Device) -> Call:
        """A call that waits until all that was started is there."""
        raise NotImplementedError("one rank has nobody to add up with")

    def who(self) -> str:
        """Which process is which rank, as a launcher names them by their numbers in the system."""
        places = self.gather([socket.gethostname(), os.getpid()])
        hosts = dict.fromkeys(host for host, _ in places)
        each = (f"{', '.join(str(pid) for at, pid in places if at == host)} on {host}" for host in hosts)
        return f"{self.size}, processes {'; '.join(each)}"

    def abort(self, code: int) -> None:
        """End all ranks, at once."""


class Mpi(Alone):
    """One of several ranks of MPI (mpi4py). Raises RanksError where there is no MPI that could tell them of each other.

    On a GPU arrays are added up by NCCL, on the stream of the device, within what is captured as one graph.

    Whoever waits for the others longer than PATIENCE says so and ends all: one of them hangs.
    """

    def __init__(self):
        try:
            from mpi4py import MPI  # here, because it starts MPI, and most runs are alone
        except (ImportError, RuntimeError) as error:
            problem = " ".join(str(error).split())
            raise RanksError(
                f"started as one of several ranks, which need MPI: pip install 'handwritten[cluster]' ({problem})"
            ) from None
        self._mpi, self._world = MPI, MPI.COMM_WORLD
        self.rank, self.size = self._world.rank, self._world.size
        known = launched()
        if known and known.size != self.size:
            library = MPI.Get_library_version().split("\n")[0].strip("\0 ")
            raise RanksError(
                f"started as one of {known.size} ranks, of which mpi4py knows {self.size}: its MPI ({library}) is not "
                "the launcher's; call the mpirun of the MPI that mpi4py uses"
            )
        self.here = known.local_size if known else self.size
        self._patience = Patience(patience(), self._give_up)
        self._under_way: list[Any] = []
        self._nccl: dict[int, Any] = {}

    def gather(self, value):
        mine = np.frombuffer(json.dumps(value).encode(), np.uint8)
        counts = self._counts(mine)
        all_of_them = self.join(mine).tobytes()
        ends = np.cumsum(counts)
        return [json.loads(all_of_them[end - count : end]) for count, end in zip(counts, ends, strict=True)]

    def broadcast(self, value):
        return self.gather(value if self.first else None)[0]

    def broadcast_array(self, array):
        with self._patience:
            self._world.Bcast(array)

    def join(self, rows):
        rows = np.ascontiguousarray(rows)
        counts = self._counts(rows)
        found = np.empty((counts.sum(), *rows.shape[1:]), rows.dtype)
        each = rows.dtype.itemsize * int(np.prod(rows.shape[1:], dtype=int))
        with self._patience:
            self._world.Allgatherv(rows.view(np.uint8) if rows.size else b"", [found, counts * each, self._mpi.BYTE])
        return found

    def _counts(self, rows: np.ndarray) -> np.ndarray:
        counts = np.empty(self.size, np.int64)
        with self._patience:
            self._world.Allgather(np.array([len(rows)]), counts)
        return counts

    def total(self, values):
        sums = np.array(values, np.float64)
        with self._patience:
            self._world.Allreduce(self._mpi.IN_PLACE, sums)
        return sums

    def highest(self, values):
        found = np.array(values, np.int64)
        with self._patience:
            self._world.Allreduce(self._mpi.IN_PLACE, found, self._mpi.MAX)
        return found.tolist()

    def all_reduce(self, device, pairs):
        if isinstance(device, CudaDevice):
            return self._by_nccl(device).all_reduce(pairs)
        if len(pairs) == 1:
            ((part, total),) = pairs
            in_place = np.may_share_memory(part, total)  # of which MPI must be told
            return self._host_call(self._mpi.IN_PLACE if in_place else part, total)
        together = np.concatenate([part.ravel() for part, _ in pairs])
        add_up = self._host_call(self._mpi.IN_PLACE, together)
        places = np.split(together, np.cumsum([part.size for part, _ in pairs])[:-1])

        def run():
            for place, (part, _) in zip(places, pairs, strict=True):
                place[:] = part.ravel()
            add_up()
            for place, (_, total) in zip(places, pairs, strict=True):
                total[...] = place.reshape(total.shape)

        return run

    def _host_call(self, part: Any, total: np.ndarray) -> Call:
        def add_up():
            with self._patience:
                self._world.Allreduce(part, total)

        return add_up

    def started(self, device, array):
        if isinstance(device, CudaDevice):
            return self._by_nccl(device).started(array)

        def start():
            self._mpi.Request.Testall(self._under_way)  # what is under way moves on where MPI is called alone
            self._under_way.append(self._world.Iallreduce(self._mpi.IN_PLACE, array))

        return start

    def finished(self, device):
        if isinstance(device, CudaDevice):
            return self._by_nccl(device).finished()

        def finish():
            with self._patience:
                self._mpi.Request.Waitall(self._under_way)
            self._under_way.clear()

        return finish

    def _by_nccl(self, device: CudaDevice):
        """The communicator of a device; made when first asked for, by all ranks at once."""
        from framework.nccl import Nccl, unique_id  # here, because it loads CuPy

        if id(device) not in self._nccl:
            key = self.broadcast(unique_id() if self.first else None)
            self._nccl[id(device)] = Nccl(device, self.rank, self.size, key)
        return self._nccl[id(device)]

    def _give_up(self):
        said = f"rank {self.rank}: the other ranks did not answer for {self._patience.seconds:g} s: one of them hangs"
        print(said, file=sys.__stderr__, flush=True)
        time.sleep(0.3)  # until a launcher has passed it on
        self.abort(1)

    def abort(self, code):
        self._world.Abort(code)


def patience() -> float:
    """Seconds to wait for other ranks. Raises RanksError."""
    said = os.environ.get("HANDWRITTEN_PATIENCE", str(PATIENCE))
    with suppress(ValueError):
        if (seconds := float(said)) > 0:
            return seconds
    raise RanksError(f"HANDWRITTEN_PATIENCE: {said!r} found, seconds above 0 expected")


class Patience:
    """As a context, again and again: calls `give_up`, in a thread of its own, where what is inside takes too long."""

    def __init__(self, seconds: float, give_up: Callable[[], None]):
        self.seconds, self._give_up = seconds, give_up
        self._since = math.inf
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self):
        self._since = time.monotonic()

    def __exit__(self, *_):
        self._since = math.inf

    def _watch(self):
        while time.monotonic() < self._since + self.seconds:
            time.sleep(min(1.0, self.seconds))
        self._give_up()


def find_ranks() -> Alone:
    """This process's place among those that a launcher started with it. Raises RanksError."""
    return Mpi() if launched() else Alone()


def buckets(ends: Sequence[tuple[int, int, int]], size: int) -> list[tuple[int, slice]]:
    """Parts of a flat array that are added up together, each as soon as all that is in it is there.

    ends    of each array in it: where it begins, where it ends, and the step after which it is there
    size    the fewest numbers of a part, but for the last

    Returns for each part the step after which it can start, and where it lies; they start in this order. What the last
    layers learn is there first, so it goes from the end.
    """
    found: list[tuple[int, slice]] = []
    step, stop = -1, None
    for begin, end, there in reversed(ends):
        step, stop = max(step, there), end if stop is None else stop
        if stop - begin >= size or begin == 0:
            found.append((step, slice(begin, stop)))
            step, stop = -1, None
    return sorted(found, key=lambda part: part[0])
