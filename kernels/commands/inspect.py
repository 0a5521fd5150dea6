"""python -m kernels inspect: what each kernel takes of a GPU, from compilation alone."""

import gc
import math
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from kernels.bench.trial import Trial
from kernels.commands.command_line import CommandError, Commands, add_json, positive, write_json
from kernels.commands.table import table
from kernels.commands.targets import (
    Target,
    add_shape,
    architectures_of,
    case_of,
    find_target,
    find_targets,
    trial_of,
)
from kernels.gpu.compiler import compute_capability
from kernels.gpu.kernel import Launch
from kernels.gpu.occupancy import occupancy
from kernels.gpu.report import Report, reports
from kernels.operation import unknown

# The columns of the table, each with the name that it has in a row.
COLUMNS = {
    "rung": "rung",
    "arch": "arch",
    "registers": "registers",
    "shared": "shared_bytes",
    "spills": "spill_bytes",
    "float64": "float64",
    "vector loads": "vector_loads",
    "occupancy": "occupancy",
    "limit": "limit",
}

# Rungs that one process has compiled before others, which would help it, have started.
FEW = 3


def add(commands: Commands) -> None:
    c = commands.add(
        "inspect",
        run,
        "count what each kernel takes of a GPU: registers, shared memory, spills, occupancy",
        "inspect conv2d.forward --arch sm_80,sm_90",
    )
    c.add_argument("ladder", nargs="?", metavar="OPERATION[.LADDER]", help="only this one (default: all)")
    c.add_argument("--rung", type=positive, metavar="N", help="only this rung of each ladder (default: all)")
    what = "architectures to compile for (default: sm_90)"
    c.add_argument("--arch", type=architectures_of, metavar="ARCH[,ARCH]", default="sm_90", help=what)
    add_shape(c)
    add_json(c)


def run(options) -> None:
    """Print a table, one line a kernel and architecture."""
    targets = find_targets(options.ladder)
    for target in targets:
        trial_of(target.operation, case_of(target.operation, options.shape))  # refuses a shape before others start
    rungs = [(str(t), rung) for t in targets for rung in t.rungs if options.rung in (None, rung)]
    if not rungs:
        raise CommandError(unknown("rung", options.rung, sorted({rung for t in targets for rung in t.rungs})))
    found = [row for of_rung in _compiled([(*rung, options.shape, options.arch) for rung in rungs]) for row in of_rung]
    print(table([("kernel", *COLUMNS), *map(_cells, found)]))
    write_json(options.json, found)


def _cells(row: dict) -> list:
    shown = {**row, "occupancy": f"{row['occupancy']:.0%}"}
    return [f"{row['ladder']}: {row['kernel']}", *(shown[name] for name in COLUMNS.values())]


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
    return rows(target, trial_of(target.operation, case_of(target.operation, shape)), rung, architectures)


def rows(target: Target, trial: Trial, rung: int, architectures: Iterable[str]) -> list[dict]:
    """A row for each kernel that a rung launches and each architecture."""
    wanted: dict[tuple, tuple[Launch, str]] = {}
    for launch in target.launches(trial, rung):
        for architecture in architectures:
            # A rung may launch a kernel several times; what it takes is the same each time.
            wanted.setdefault((repr(launch.kernel), launch.block, architecture), (launch, architecture))
    said = reports(wanted.values())
    return [_row(target, rung, launch, report) for (launch, _), report in zip(wanted.values(), said, strict=True)]


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
