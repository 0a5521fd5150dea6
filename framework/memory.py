"""How much memory a run will need, added up from plans before any of it is asked for, and how much there is.

On a CPU there is more than plans know: libraries and what they compile, and what kernels have for themselves while they
run, as packed weights and sums of each core. SPARE stands for that. With it, six runs of small and large networks said
1.01 to 1.44 times the bytes by which their resident memory then grew: `python -m benchmarks.memory` measures that, and
docs/reliability.md has the figures. A limit on addresses (ulimit -v) counts what is never touched, too, see below.
"""

import math
import os
import resource
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from framework.model import Model
from framework.optimizer import Optimizer
from framework.parameters import Flat
from framework.plan import Plan
from framework.ranks import Ranks
from kernels.device import CudaDevice, Device

# Bytes that compilers and kernels take on a CPU beside what is added up.
SPARE = 5 * 2**26

# Bytes of a process that prepares batches: 107 MB at most were measured of one that composes crowds.
WORKER = 2**27

# Kinds of arrays that a program has for itself, beside its arena.
OWN = ("input", "constant")


def of_plan(plan: Plan) -> int:
    """Bytes that a program takes: arena, inputs and constants. What is learned it shares with all others."""
    return plan.arena_bytes + sum(buffer.bytes for buffer in plan.buffers if buffer.kind in OWN)


def of_model(model: Model) -> int:
    """Bytes of weights, gradients and running averages, which the model has as soon as it is made."""
    parameters = model.parameters
    return sum(map(_of_flat, (parameters.weights, parameters.gradients, parameters.states)))


def of_averages(model: Model) -> int:
    """Bytes of moving averages of all that a model learns: see framework/averages.py."""
    return _of_flat(model.parameters.weights) + _of_flat(model.parameters.states)


def of_training(
    model: Model, optimizer: Optimizer, batch: int, outputs: tuple[str, ...] = ("loss",),
    builds: Iterable[Mapping[str, Any]] = ({},),
) -> int:  # fmt: skip
    """Bytes of the optimizer's state and of a training program for each of `builds`, what the network is built for."""
    state = (len(optimizer.operation.state) - 1) * _of_flat(model.parameters.weights)
    dtype = model.device.dtype
    plans = (Plan(model.build(batch, **build), outputs, objective="loss", dtype=dtype) for build in builds)
    return state + sum(map(of_plan, plans))


def of_looking(model: Model, batch: int, outputs: tuple[str, ...], **build: Any) -> int:
    """Bytes of a program for inference."""
    fuse = model.device.name == "cpu"
    return of_plan(Plan(model.build(batch, **build), outputs, dtype=model.device.dtype, fuse=fuse))


def require(needed: int, held: int, device: Device, ranks: Ranks | None = None) -> str:
    """Says how much a run needs and how much there is, of which it has `held` already; all in bytes.

    Several ranks have a GPU each, but share what there is beside CPUs. Raises MemoryError where the device cannot hold
    it.
    """
    spare, here = (0, 1) if isinstance(device, CudaDevice) else (SPARE, ranks.here if ranks else 1)
    free = free_bytes(device) + here * held
    times = f"{here} x " if here > 1 else ""
    said = f"{times}{in_words(needed + spare)} needed, {in_words(free)} free"
    if here * (needed + spare) > free:
        raise MemoryError(f"memory of {device}: {said}; a smaller batch or network needs less")
    return said


def in_words(size: float) -> str:
    """Bytes as MB below a GB, and as GB."""
    return f"{size / 1e6:.0f} MB" if size < 999.5e6 else f"{size / 1e9:.1f} GB"


def free_bytes(device: Device) -> int:
    """Bytes that this process can still take on the device: of a GPU's, or of what system and limits allow."""
    if isinstance(device, CudaDevice):
        cupy = device.cupy
        return cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()
    return max(0, int(min((*_of_system(), *_of_groups(), *_of_limits()), default=math.inf)))


def _of_flat(flat: Flat) -> int:
    return flat.array.nbytes


def _of_system(path: Path = Path("/proc/meminfo")) -> Iterator[int]:
    """What the system can give without swapping."""
    for words in map(str.split, _lines(path)):
        if words[0] == "MemAvailable:":
            yield 1024 * int(words[1])


def _of_groups(own: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """What is left to the control groups of this process, of version 2 or 1, and to those around them."""
    for line in _lines(own):
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = mount / controllers
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        place = root / path.strip("/")
        for folder in (place, *place.parents):
            most, used = (next(iter(_lines(folder / name)), "max") for name in names)
            if most.isdecimal() and used.isdecimal():
                cached = [
                    line.split()[1] for line in _lines(folder / "memory.stat") if line.startswith("inactive_file ")
                ]
                yield int(most) - int(used) + sum(map(int, cached))
            if folder == root:
                break


def _of_limits(status: Path = Path("/proc/self/statm")) -> Iterator[int]:
    """What is left of the limit on this process's addresses, if it has one (ulimit -v).

    Of addresses more are taken than are ever touched: for libraries and threads about as many again as SPARE.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        used = next(iter(_lines(status)), "0").split()[0]
        yield most - int(used) * os.sysconf("SC_PAGE_SIZE") - SPARE


def _lines(path: Path) -> list[str]:
    """Of a file of the system; none where there is none."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
