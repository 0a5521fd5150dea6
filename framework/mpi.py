"""One of several ranks, which tell each other by MPI what they have (mpi4py).

What travels are arrays and JSON, and nothing that could be executed.
"""

import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from framework.ranks import Ranks, RanksError
from kernels.device import Call, CudaDevice
from kernels.launched import launched

# Seconds that a rank waits for the others: longer than any has to compile, to read, or to write.
PATIENCE = 600.0


class Mpi(Ranks):
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


def find_ranks() -> Ranks:
    """This process's place among those that a launcher started with it. Raises RanksError."""
    return Mpi() if launched() else Ranks()
