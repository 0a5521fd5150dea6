"""python -m kernels inspect: what each kernel takes of a GPU, from compilation alone."""

import math
from collections.abc import Iterable

from kernels.commands.common import (
    Target,
    add_command,
    add_shape,
    case_of,
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
from kernels.trial import Trial


def add(subparsers) -> None:
    c = add_command(
        subparsers,
        "inspect",
        run,
        "count what each kernel takes of a GPU: registers, shared memory, spills, occupancy",
        "inspect conv2d.forward --arch sm_80,sm_90",
    )
    c.add_argument("ladder", nargs="?", metavar="OPERATION[.LADDER]", help="default: everything, for minutes")
    c.add_argument("--rung", type=int, help="number of the rung (default: all)")
    c.add_argument("--arch", default="sm_90", metavar="ARCH[,ARCH]", help="architectures (default: sm_90)")
    add_shape(c)


HEADS = ("kernel", "rung", "arch", "registers", "shared", "spills", "float64", "vector loads", "occupancy", "limit")


def run(options) -> None:
    """Print a table, one line a kernel and architecture."""
    targets = find_targets(options.ladder)
    architectures = require_architectures(options.arch)
    found: list[dict] = []
    for target in targets:
        trial = trial_of(target.operation, case_of(target.operation, options.shape))
        last = len(target.ladder)
        rungs = range(1, last + 1) if options.rung is None else [target.require_rung(options.rung)]
        found += rows(target, trial, rungs, architectures)
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
