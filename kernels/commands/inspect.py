"""python -m kernels inspect: what each kernel takes of a GPU, from compilation alone."""

import gc
import math
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from kernels.bench.trial import Trial
from kernels.commands.common import (
    CommandError,
    Target,
    add_command,
    add_shape,
    case_of,
    find_target,
    find_targets,
    require_architectures,
    table,
    trial_of,
    write_json,
)
from kernels.gpu.compiler import compute_capability
from kernels.gpu.kernel import Launch
from kernels.gpu.occupancy import occupancy
from kernels.gpu.report import Report, reports


def add(subparsers) -> None:
    c = add_command(
        subparsers,
        "inspect",
        run,
        "count what each kernel takes of a GPU: registers, shared memory, spills, occupancy",
        "inspect conv2d.forward --arch sm_80,sm_90",
    )
    c.add_argument("ladder", nargs="?", metavar="OPERATION[.LADDER]", help="default: everything")
    c.add_argument("--rung", type=int, help="only this rung of each ladder (default: all)")
    c.add_argument("--arch", default="sm_90", metavar="ARCH[,ARCH]", help="architectures (default: sm_90)")
    add_shape(c)


HEADS = ("kernel", "rung", "arch", "registers", "shared", "spills", "float64", "vector loads", "occupancy", "limit")


# Rungs that one process has compiled before others, which would help it, have started.
FEW = 3


def run(options) -> None:
    """Print a table, one line a kernel and architecture."""
    targets = find_targets(options.ladder)
    architectures = require_architectures(options.arch)
    for target in targets:
        trial_of(target.operation, case_of(target.operation, options.shape))  # refuses a shape before others start
    rungs = [(str(target), rung) for target in targets for rung in target.rungs]
    if options.rung is not None:
        rungs = [(name, rung) for name, rung in rungs if rung == options.rung]
        if not rungs:
            most = max(target.rungs[-1] for target in targets)
            raise CommandError(f"rung: none of these ladders has a rung {options.rung}; choose from 1 to {most}")
    wanted = [(name, rung, options.shape, architectures) for name, rung in rungs]
    found = [row for of_rung in _compiled(wanted) for row in of_rung]
    lines = [
        (
            f"{row['ladder']}: {row['kernel']}",
            row["rung"],
            row["arch"],
            row["registers"],
            row["shared_bytes"],
            row["spill_bytes"],
            row["float64"],
            row["vector_loads"],
            f"{row['occupancy']:.0%}",
            row["limit"],
        )
        for row in found
    ]
    print(table([HEADS, *lines]))
    write_json(options, found)


def _compiled(wanted: list[tuple]) -> Iterator[list[dict]]:
    """The rows of each rung. Numba takes about half a second for one, in one thread: processes share many."""
    cores = min(os.cpu_count() or 1, len(wanted))
    if cores == 1 or len(wanted) <= FEW:
        yield from map(_rows_of, wanted)
        return
    # Spawned, not forked: a fork would copy threads of Numba and NumPy in the midst of their work. An interrupt from
    # the keyboard reaches all processes; it is for this one alone to act on it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield from pool.map(_rows_of, wanted)


def _rows_of(wanted: tuple) -> list[dict]:
    gc.freeze()  # what is there by now will stay; Python would look through it for garbage a fifth of the time
    name, rung, shape, architectures = wanted
    target = find_target(name)
    return rows(target, trial_of(target.operation, case_of(target.operation, shape)), [rung], architectures)


def rows(target: Target, trial: Trial, rungs: Iterable[int], architectures: Iterable[str]) -> list[dict]:
    """A row for each rung, each kernel that it launches, and each architecture."""
    wanted: dict[tuple, Launch] = {}
    for rung in rungs:
        for launch in target.launches(trial, rung):
            for architecture in architectures:
                # A rung may launch a kernel several times; what it takes is the same each time.
                wanted.setdefault((rung, repr(launch.kernel), launch.block, architecture), launch)
    said = reports((launch, key[-1]) for key, launch in wanted.items())
    return [_row(target, key[0], wanted[key], report) for key, report in zip(wanted, said, strict=True)]


def _row(target: Target, rung: int, launch: Launch, report: Report) -> dict:
    threads = math.prod(launch.block)
    held = occupancy(compute_capability(report.architecture), threads, report.registers, report.shared_bytes)
    return {
        "ladder": str(target),
        "kernel": launch.kernel.name,
        "rung": rung,
        "arch": report.architecture,
        "threads": threads,
        "registers": report.registers,
        "shared_bytes": report.shared_bytes,
        "spill_bytes": report.spill_bytes,
        "local_bytes": report.local_bytes,
        "float64": report.float64,
        "vector_loads": report.vector_loads,
        "occupancy": held.fraction,
        "blocks": held.blocks,
        "limit": held.limit,
    }
