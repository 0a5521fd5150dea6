"""How long a call takes, and what the machine could do at best: the same rules for whatever is timed.

Calls that are to be compared are timed in turns, so that what else the machine does meets them alike. What is reported
is the median, with the times that a tenth of the runs stayed below and a tenth exceeded: a busy machine shows.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np

import kernels.cpu  # noqa: F401  makes Numba's cache safe
from kernels.device import Call, CudaDevice, Device

WARM_UP = 3
COPY_BYTES = 2**28  # far more than any cache holds
GEMM_SIZE = 2048


@dataclass(frozen=True)
class Timing:
    """Seconds: the median of some runs, the times that a tenth stayed below and a tenth exceeded, and the best."""

    median: float
    fast: float
    slow: float
    best: float
    runs: int

    @classmethod
    def of(cls, times: Sequence[float]) -> "Timing":
        median, fast, slow = np.quantile(times, (0.5, 0.1, 0.9)).tolist()
        return cls(median, fast, slow, min(times), len(times))


@dataclass(frozen=True)
class Machine:
    """Copy bandwidth in bytes/s and float32 matrix-product rate in flop/s: the roof over whatever runs here."""

    name: str
    bandwidth: float
    rate: float

    def shortest(self, flops: float, size: float) -> float:
        """Seconds below which no call can stay that computes so much and moves so many bytes."""
        return max(flops / self.rate, size / self.bandwidth)


class HostClock:
    """Times calls that run on the CPU."""

    def __init__(self, device: Device):
        self.device = device

    def sequence(self, calls: Sequence[Call]) -> Call:
        """Calls as one, in the form in which it is timed."""
        return self.device.sequence(calls)

    def once(self, call: Call) -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started

    def timings(self, calls: Mapping[str, Call], seconds: float = 1.0, most: int = 200) -> dict[str, Timing]:
        """Time each call, in turns, for so many seconds together; at least five times."""
        for call in calls.values():
            for _ in range(WARM_UP):
                self.once(call)
        times: dict[str, list[float]] = {name: [] for name in calls}
        end = time.perf_counter() + seconds
        turn = 0
        while turn < 5 or (turn < most and time.perf_counter() < end):
            for name, call in calls.items():
                times[name].append(self.once(call))
            turn += 1
        return {name: Timing.of(t) for name, t in times.items()}

    def machine(self) -> Machine:
        """Measured now, by a copy on all cores and a matrix product of NumPy's BLAS."""
        source = np.ones(COPY_BYTES // 4, np.float32)
        target = np.empty_like(source)
        a = np.ones((GEMM_SIZE, GEMM_SIZE), np.float32)
        out = np.empty_like(a)
        best = self.timings({"copy": lambda: _copy(source, target), "gemm": lambda: np.matmul(a, a, out=out)}, 1.0)
        return Machine(
            f"CPU, {numba.get_num_threads()} cores",
            2 * COPY_BYTES / best["copy"].best,
            2 * GEMM_SIZE**3 / best["gemm"].best,
        )


@numba.njit(parallel=True, cache=True)
def _copy(source, target):
    for i in numba.prange(source.size):
        target[i] = source[i]


class CudaClock(HostClock):
    """Times calls that enqueue work on its stream: by CUDA events, with a cold L2 cache.

    Before each run a buffer larger than the cache is overwritten. That also gives the host time to enqueue the call
    while the GPU is busy, so what is measured is the GPU's work and not the host's.
    """

    device: CudaDevice

    def __init__(self, device: CudaDevice):
        super().__init__(device)
        self.cupy = cupy = device.cupy
        self.stream = device.stream
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self.name = properties["name"].decode()
        self.flush = cupy.empty(max(4 * properties["l2CacheSize"], 2**27), np.uint8)
        self.start, self.stop = cupy.cuda.Event(), cupy.cuda.Event()

    def once(self, call):
        with self.stream:
            self.flush.fill(0)
        self.start.record(self.stream)
        call()
        self.stop.record(self.stream)
        self.stop.synchronize()
        return self.cupy.cuda.get_elapsed_time(self.start, self.stop) / 1e3

    def sequence(self, calls):
        """Calls as one CUDA graph: run once, if need be, to be compiled and loaded; recorded; replayed."""
        one = self.device.sequence(calls)
        one()
        one()
        return one

    def machine(self):
        cupy, size = self.cupy, 2 * GEMM_SIZE
        source, target = self.device.array(np.ones(COPY_BYTES, np.uint8), "uint8"), self.device.bytes(COPY_BYTES)
        # Values as they stand in a network: a GPU multiplies ones or zeros faster, since fewer bits change.
        a = self.device.array(np.random.default_rng(0).standard_normal((size, size)))
        out = self.device.array(np.zeros((size, size)))

        def copy():
            with self.stream:
                cupy.copyto(target, source)

        def gemm():
            with self.stream:
                cupy.matmul(a, a, out=out)

        best = self.timings({"copy": copy, "gemm": gemm}, 1.0)
        return Machine(self.name, 2 * COPY_BYTES / best["copy"].best, 2 * size**3 / best["gemm"].best)


def clock(device: Device) -> HostClock:
    """The clock that goes with a device."""
    return CudaClock(device) if isinstance(device, CudaDevice) else HostClock(device)
