"""Sums over the GPUs of several ranks, by NCCL: what framework/ranks.py does by MPI where arrays are on the host.

All of it is enqueued on the stream of the device, or on one beside it that waits for it and is waited for, so that it
becomes part of what is captured as one graph. NCCL adds up in an order that depends on the number of ranks alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from kernels.device import CudaDevice


class Enqueued:
    """A call of a program that launches no kernel of ours."""

    launch = None

    def __init__(self, name: str, run: Callable[[], Any]):
        self.name, self._run = name, run

    def __call__(self):
        self._run()


class Nccl:
    """The ranks' communicator. It is made by all ranks at once, with the key that `unique_id` gives one of them."""

    def __init__(self, device: CudaDevice, rank: int, size: int, key: Sequence[int]):
        cupy = device.cupy
        from cupy.cuda import nccl

        self._nccl, self._main = nccl, device.stream
        self._types = {"float32": nccl.NCCL_FLOAT32, "float64": nccl.NCCL_FLOAT64, "int32": nccl.NCCL_INT32}
        self._beside = cupy.cuda.Stream(non_blocking=True)
        self._event = lambda: cupy.cuda.Event(disable_timing=True)
        self._communicator = nccl.NcclCommunicator(size, tuple(key), rank)
        # The first sum connects the ranks, which cannot be captured.
        one = device.array([1.0])
        self._add_up(one, one, self._main)
        device.download(one)

    def all_reduce(self, pairs: Sequence[tuple[Any, Any]]) -> Enqueued:
        """The sum of each pair (part, sum), as one message."""

        def run():
            self._nccl.groupStart()
            for part, total in pairs:
                self._add_up(part, total, self._main)
            self._nccl.groupEnd()

        return Enqueued("all_reduce", run)

    def started(self, array: Any) -> Enqueued:
        """The sum of one array in its place, beside what the device computes meanwhile."""
        there = self._event()

        def run():
            there.record(self._main)
            self._beside.wait_event(there)
            self._add_up(array, array, self._beside)

        return Enqueued("all_reduce, started", run)

    def finished(self) -> Enqueued:
        """The device goes on when all sums are there."""
        done = self._event()

        def run():
            done.record(self._beside)
            self._main.wait_event(done)

        return Enqueued("all_reduce, finished", run)

    def _add_up(self, part, total, stream) -> None:
        kind = self._types[total.dtype.name]
        pointers = part.data.ptr, total.data.ptr
        self._communicator.allReduce(*pointers, total.size, kind, self._nccl.NCCL_SUM, stream.ptr)


def unique_id() -> list[int]:
    """A key by which ranks find each other: one of them makes it, and tells it to all others."""
    from cupy.cuda import nccl

    return [int(number) for number in nccl.get_unique_id()]
