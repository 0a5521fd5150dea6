"""How long a launch would take on a GPU at the least, predicted from counts and datasheets. Nothing is measured.

Three things can be the limit, each working without a pause: memory moves every byte that is touched once, the cores
calculate with all lanes of the warps that come by, and each multiprocessor serves one turn of its level 1 cache and
shared memory a clock, 128 bytes at the most. Where the compiled kernel was counted too (kernels/gpu/executed), there is
a fourth: each multiprocessor starts 4 instructions of warps a clock, of whatever kind. What this leaves out makes a GPU
slower: waiting for memory and barriers, the level 2 cache, and how a launch starts and ends; and without that count,
integer arithmetic.
"""

import math
from dataclasses import dataclass

from kernels.gpu.xray.counts import SECTOR
from kernels.table import Row


@dataclass(frozen=True)
class Gpu:
    """Figures of a datasheet: bytes and float32 operations a second, multiprocessors, clock in Hz when boosted."""

    name: str
    architecture: str
    """What its compiler is asked for, as "sm_90"."""
    bandwidth: float
    float32: float
    multiprocessors: int
    clock: float
    source: str


STARTED = 4  # instructions of warps, by each multiprocessor in a clock: all of these have 4 schedulers

# Compared with what others publish of the datasheets (2026): all agree. The float32 rate is also what multiprocessors,
# clock and two operations a core make together: 64 cores in each multiprocessor of T4 and A100, 128 in the others.
GPUS = {
    "t4": Gpu("T4", "sm_75", 320e9, 8.1e12, 40, 1.59e9, "NVIDIA T4 Tensor Core GPU datasheet (2019)"),
    "a100": Gpu("A100 SXM 80GB", "sm_80", 2039e9, 19.5e12, 108, 1.41e9, "NVIDIA A100 Tensor Core GPU datasheet (2021)"),
    "rtx4090": Gpu("RTX 4090", "sm_89", 1008e9, 82.6e12, 128, 2.52e9, "NVIDIA Ada GPU Architecture whitepaper (2022)"),
    "h100": Gpu("H100 SXM", "sm_90", 3350e9, 67e12, 132, 1.98e9, "NVIDIA H100 Tensor Core GPU datasheet (2023)"),
    "h200": Gpu("H200 SXM", "sm_90", 4800e9, 67e12, 132, 1.98e9, "NVIDIA H200 Tensor Core GPU datasheet (2024)"),
}


@dataclass(frozen=True, repr=False)
class Prediction(Row):
    """Seconds that each resource needs for a whole launch. The largest is the least that the launch takes."""

    gpu: str
    memory: float
    arithmetic: float
    cache: float
    """Level 1 cache and shared memory."""
    uncached_memory: float
    """Memory, if no cache ever kept a sector for the next request."""
    instructions: float | None = None
    """Starting all instructions of warps, if they were counted."""

    @property
    def times(self) -> dict[str, float]:
        """Of each resource."""
        found = {"memory": self.memory, "arithmetic": self.arithmetic, "cache and shared memory": self.cache}
        return found if self.instructions is None else found | {"instructions": self.instructions}

    @property
    def seconds(self):
        return max(self.times.values())

    @property
    def without_caches(self):
        """Seconds if no cache helped. What a GPU takes in fact depends on how much its caches keep."""
        return max(self.seconds, self.uncached_memory)

    @property
    def limit(self):
        """What takes longest."""
        return max(self.times, key=lambda name: self.times[name])

    def row(self):
        return {
            "gpu": self.gpu,
            **{name: duration(seconds) for name, seconds in self.times.items()},
            "without caches": duration(self.without_caches),
            "at least": duration(self.seconds),
            "because of": self.limit,
        }

    def as_dict(self):
        times = {"cache" if name.startswith("cache") else name: seconds for name, seconds in self.times.items()}
        whole = {"seconds": self.seconds, "limit": self.limit, "without_caches": self.without_caches}
        return {"gpu": self.gpu, **whole, **times}


def predict(xray, gpu: Gpu, slots: float | None = None) -> Prediction:
    """The time of a whole launch, its blocks taken to be like those that were counted.

    slots    instructions of warps that the whole launch starts, as compiled; None where nobody counted them
    """
    busy = min(math.prod(xray.grid), gpu.multiprocessors)
    touched = sum(min(touched * xray.scale, nbytes) for touched, nbytes in xray.arrays.values())
    flops = sum(row.flops_of_all_lanes for row in xray.arithmetic) * xray.scale
    turns = (xray.total("lines", "global") + xray.total("wavefronts", "shared")) * xray.scale
    return Prediction(
        gpu=gpu.name,
        memory=max(touched, SECTOR) / gpu.bandwidth,
        arithmetic=flops / (gpu.float32 * busy / gpu.multiprocessors),
        cache=turns / (busy * gpu.clock),
        uncached_memory=SECTOR * xray.total("sectors", "global") * xray.scale / gpu.bandwidth,
        instructions=None if slots is None else slots / (STARTED * busy * gpu.clock),
    )


def foresight(prediction: Prediction) -> str:
    """A prediction in words."""
    each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in prediction.times.items())
    return (
        f"predicted       at least {duration(prediction.seconds)} on the {prediction.gpu} for the whole launch, "
        f"because of {prediction.limit};\n"
        f"                at least {duration(prediction.without_caches)} if no cache kept anything\n"
        f"                ({each};\n"
        "                from these counts and a datasheet: nothing was measured)"
    )


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:,.3g} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.3g} ms"
