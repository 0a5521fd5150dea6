"""What sharing a batch among ranks costs: measured here, and predicted for GPUs that nobody here has.

    mpirun -n 2 python -m benchmarks.scaling measure --model cnn6 --batch-size 50
    python -m benchmarks.scaling predict

A step takes as long as computing a share does, and as adding up over all ranks what examples of a batch have in common
and, in the end or in buckets before, the gradients (docs/scaling.md).
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import log2
from typing import Any

import numpy as np

from apps.faces.models import faceresnet, lite
from apps.mnist.models import MODELS
from framework import Graph, Model, Optimizer, Plan
from framework.mpi import find_ranks
from framework.program import Program
from framework.ranks import Ranks
from framework.sharing import Share
from framework.steps import Exchange
from kernels.commands.command_line import CommandError, Commands, add_json, positive, positive_float, run, write_json
from kernels.device import find_device
from kernels.table import table

NETWORKS: dict[str, Callable[[int], Graph]] = {
    **MODELS,
    "lite": partial(lite, size=(320, 320)),
    "faceresnet": partial(faceresnet, size=(640, 640)),
}
# Numbers of a sum, from what normalization adds up to more than the gradients of a network.
SIZES = [4**n for n in range(1, 13)]
# Fewest numbers of a bucket; None adds all gradients up in the end.
BUCKETS = (None, 2**14, 2**16, 2**18)

# A GPU's time for a step is not measured yet: its multiply-adds in float32 at a third of the peak of an H100 SXM.
ATTAINED = 22e12


@dataclass(frozen=True)
class Line:
    """The time of one sum over ranks: so many seconds before anything arrives, and so many bytes a second."""

    latency: float
    bandwidth: float

    def __call__(self, size: int) -> float:
        return self.latency + size / self.bandwidth


def gpus(count: int, a_node: int = 8) -> Line:
    """Sums over so many H100, eight a node, by the model by which NCCL itself chooses among its ways.

    Latency is that of a tree (LL protocol): 4.4 us, and twice the way up, 0.52 us a link of NVLink and 5.0 us one of
    the network (NCCL, src/graph/tuning.cc). Bandwidth is that of a ring, n / (2 (n - 1)) of its slowest link: NVLink
    450 GB/s each way, beyond a node 50 GB/s a GPU (data sheets of H100 SXM and of ConnectX-7).
    """
    inside, nodes = min(count, a_node), -(-count // a_node)
    latency = 4.4e-6 + 2 * ((inside - 1) * 0.52e-6 + log2(nodes) * 5.0e-6)
    link = 450e9 if nodes == 1 else 50e9
    return Line(latency if count > 1 else 0.0, link * count / (2 * max(count - 1, 1)))


def in_buckets(
    computed: Sequence[float], parts: Sequence[tuple[int, int]], costs: Callable[[float], float], progress: bool = True
) -> float:
    """When a step ends whose gradients are added up in buckets.

    computed    when each step of the plan has ended, the last of them before the optimizer
    parts       of each bucket the step after which it can start, and its bytes; they go one after the other
    costs       the seconds of a sum of so many bytes
    progress    whether they do while kernels compute; if not, as where the processor must do both, in the end
    """
    free = 0.0
    for step, size in parts:
        there = computed[step] if progress else computed[-1]
        free = max(free, there) + costs(size)
    return max(free, computed[-1])


# --- measured


def median_of(ranks: Ranks, work: Callable[[], Any], seconds: float) -> float:
    """The median of seconds that a work takes that all ranks begin together, until the last has done it."""
    times: list[float] = []
    while len(times) < 10 or (sum(times) < seconds and len(times) < 1000):
        ranks.total(np.zeros(1))
        start = time.perf_counter_ns()
        work()
        times.append(ranks.highest([time.perf_counter_ns() - start])[0] / 1e9)
    return statistics.median(times)


def by_size(times: dict[int, float]) -> Callable[[float], float]:
    """The time of a sum of so many bytes, between those that were measured."""
    return lambda size: float(np.interp(size, list(times), list(times.values())))


def measure(options) -> None:
    """Print what sums cost and what a step does, by itself and with all ranks; on rank 0."""
    ranks, device, build = find_ranks(), find_device("cpu"), NETWORKS[options.model]
    seconds, sums = options.seconds, {}
    if ranks.size < 2:
        raise CommandError("ranks: 1 found, at least 2 expected, as mpirun -n 2 starts them")
    for count in SIZES:
        array = np.ones(count, np.float32)
        sums[4 * count] = median_of(ranks, ranks.all_reduce(device, [(array, array)]), seconds / 60)
    model, costs = Model(build, device), by_size(sums)
    programs = {
        size: model.training(options.batch_size, Optimizer("adam"), ranks=ranks, bucket=size) for size in BUCKETS
    }
    mine = model.training(len(ranks.rows(options.batch_size)), Optimizer("adam"))
    inputs, gradient = inputs_of(mine), model.parameters.gradients.array
    computed, found = in_turns(ranks, mine, programs, inputs, seconds)
    steps = len(programs[None].plan.steps)
    ends, rest = np.cumsum(computed[:steps]).tolist(), float(computed[steps + 1 :].sum())
    rows = [("a share by itself", found["alone"], None)]
    rows.append(("all gradients in the end", found[None], ends[-1] + costs(gradient.nbytes) + rest))
    for size in filter(None, BUCKETS):
        parts = [(step, gradient[place].nbytes) for step, place in programs[size].buckets(size)]
        told = in_buckets(ends, parts, costs, progress=False) + rest
        rows.append((f"in {len(parts)} buckets of at least {size:,} numbers", found[size], told))
    if not ranks.first:
        return
    print(table([("bytes of a sum", "us"), *((f"{size:,}", f"{1e6 * at:.1f}") for size, at in sums.items())]))
    shown = [(name, f"{1e3 * at:.2f}", f"{1e3 * told:.2f}" if told else "-") for name, at, told in rows]
    print(
        table([(f"a step of {options.model}, {options.batch_size} on {ranks.size} ranks", "ms", "simulated"), *shown])
    )
    facts = {"model": options.model, "batch": options.batch_size, "ranks": ranks.size}
    write_json(options.json, {**facts, "steps": rows, "sums": {str(size): at for size, at in sums.items()}})


def in_turns(
    ranks: Ranks, mine: Program, programs: dict[int | None, Program], inputs: dict[str, np.ndarray], seconds: float
) -> tuple[np.ndarray, dict]:
    """Medians of seconds: of each call of the program without buckets, and of whole steps, by the size of buckets.

    All take turns, so that all see the same machine. The step of one share by itself is "alone".
    """
    calls: list[list[float]] = []
    steps: dict[Any, list[float]] = {"alone": [], **{size: [] for size in programs}}

    def timed(work: Callable[[], Any]) -> float:
        ranks.total(np.zeros(1))
        start = time.perf_counter_ns()
        work()
        return ranks.highest([time.perf_counter_ns() - start])[0] / 1e9

    def one_by_one():
        ends = [time.perf_counter_ns()]
        for _, of_step in programs[None].calls:
            mine.device.one_by_one(of_step)()
            ends.append(time.perf_counter_ns())
        calls.append([(end - start) / 1e9 for start, end in pairwise(ends)])

    spent = 0.0
    while len(calls) < 10 or (spent < seconds and len(calls) < 300):
        for name, program in {"alone": mine, **programs}.items():
            steps[name].append(timed(partial(program, **inputs)))
        spent += timed(one_by_one) + sum(each[-1] for each in steps.values())
    return np.median(calls[1:], axis=0), {name: statistics.median(each[1:]) for name, each in steps.items()}


def inputs_of(program: Program) -> dict[str, np.ndarray]:
    """Something to compute with: noise, and faces nowhere."""
    generator = np.random.default_rng(0)
    found = {}
    for name, buffer in program.inputs.items():
        noise = generator.integers(0, 256, buffer.shape, np.uint8) if buffer.dtype == np.uint8 else None
        found[name] = np.zeros(buffer.shape, buffer.dtype) if noise is None else noise
    if "target" in found:
        found["target"][:, 0] = 1
    return found


def speaking(build: Callable[[int], Graph], batch: int, size: int) -> list[int]:
    """Bytes of each sum over ranks in a step, the gradients' last; none for one rank."""
    if size == 1:
        return []
    mine = max(1, batch // size)
    plan = Plan(build(mine), ("loss",), objective="loss", share=Share(mine, mine * size))
    gradients = sum(buffer.bytes for buffer in plan.buffers if buffer.kind == "gradient")
    return [*(sum(b.bytes for b in s.sums) for s in plan.steps if isinstance(s, Exchange)), gradients]


# --- predicted


def predict(options) -> None:
    """Print efficiency from 1 to 1024 GPUs, each with a batch of its own."""
    found = {}
    for name, batch in (("cnn6", 50), ("faceresnet", 2)):
        build = NETWORKS[name]
        *spoken, gradients = speaking(build, 2 * batch, 2)
        flops = forward_flops(build(batch))
        alone = 3 * flops / options.attained
        print(f"{name}: {batch} examples a GPU, {alone * 1e3:.2f} ms at {options.attained / 1e12:g} TFLOP/s, ", end="")
        print(f"{len(spoken)} sums of normalization and divisors, gradients of {gradients / 2**20:.1f} MiB")
        rows = []
        for count in (2**n for n in range(11)):
            line = gpus(count)
            norm = sum(map(line, spoken)) if count > 1 else 0.0
            end = line(gradients) if count > 1 else 0.0
            hidden = max(0.0, end - 2 / 3 * alone)  # behind backward, which is two thirds
            steps = [alone + norm + end, alone + norm + hidden, alone + hidden]
            rows.append((count, norm, end, *(alone / step for step in steps)))
        heads = ("GPUs", "ms of sums", "ms of gradients", "efficiency", "overlapped", "and without sums")
        shown = [(f"{n:,}", f"{1e3 * a:.3f}", f"{1e3 * b:.3f}", *(f"{e:.0%}" for e in es)) for n, a, b, *es in rows]
        print(table([heads, *shown]))
        found[name] = {"seconds": alone, "sums": len(spoken), "gradients": gradients, "rows": rows}
    write_json(options.json, found)


def forward_flops(graph: Graph) -> int:
    """Of the nodes that lead to the loss."""
    plan = Plan(graph, ("loss",))
    total = 0
    for step in plan.steps:
        op = step.operation
        shapes = {name: getattr(step.arguments[name], "shape", None) for name in op.inputs}
        settings = {name: step.arguments.get(name, default) for name, default in op.settings.items()}
        total += op.flops(**shapes, **settings)[0]
    return total


def main(arguments: list[str] | None = None) -> int:
    commands = Commands("python -m benchmarks.scaling", "What sharing a batch among ranks costs.", "predict")
    c = commands.add("measure", measure, "time sums and steps on the ranks that mpirun started", "measure --model lite")
    c.add_argument("--model", choices=NETWORKS, default="cnn6", help="default: cnn6")
    c.add_argument("--batch-size", type=positive, metavar="N", default=50, help="of all ranks (default: 50)")
    c.add_argument("--seconds", type=positive_float, default=20.0, help="of steps (default: 20)")
    add_json(c)
    c = commands.add("predict", predict, "what GPUs would gain, 1 to 1024 of them", "predict")
    what = f"floating-point operations a second of a GPU (default: {ATTAINED:g}, assumed)"
    c.add_argument("--attained", type=positive_float, default=ATTAINED, metavar="FLOPS", help=what)
    add_json(c)
    return run(commands.parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
