"""python -m kernels inspect: what each kernel takes of a GPU, from compilation alone; or what it executes, emulated."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from kernels.bench.trial import Trial
from kernels.commands.command_line import CommandError, Parser, add_json, positive, progress, write_json
from kernels.commands.own import add_launch, is_own, own_program, refuse
from kernels.commands.targets import (
    Target,
    add_shape,
    architectures_of,
    case_of,
    find_target,
    find_targets,
    trial_of,
)
from kernels.commands.xray import runs
from kernels.gpu.emulator import EmulatorError, PtxError
from kernels.gpu.executed import Executed, executed
from kernels.gpu.executed.counts import together
from kernels.gpu.kernel import Launch
from kernels.gpu.report import Report, reports
from kernels.operation import unknown
from kernels.table import Row, Rows

# Rungs that one process has compiled before others, which would help it, have started.
FEW = 3


@dataclass(frozen=True, repr=False)
class RungReport(Row):
    """What a kernel takes that a rung of a ladder launches."""

    ladder: str
    rung: int
    kernel: str
    report: Report

    def row(self):
        counted = self.report.row()
        del counted["kernel"]
        return {"kernel": f"{self.ladder}: {self.kernel}", "rung": self.rung, **counted}

    def as_dict(self):
        """For JSON."""
        return {**self.report.as_dict(), "ladder": self.ladder, "rung": self.rung, "kernel": self.kernel}


@dataclass(frozen=True, repr=False)
class RungExecuted(Row):
    """What a kernel executes that a rung of a ladder launches."""

    ladder: str
    rung: int
    kernel: str
    executed: Executed

    def row(self):
        counted = self.executed.row()
        del counted["kernel"]
        return {"kernel": f"{self.ladder}: {self.kernel}", "rung": self.rung, **counted}

    def as_dict(self):
        """For JSON."""
        return {**self.executed.as_dict(), "ladder": self.ladder, "rung": self.rung, "kernel": self.kernel}


def add(c: Parser) -> None:
    what = "only this one, or one of your own, as my.py:scale (default: all operations)"
    c.add_argument("ladder", nargs="?", metavar="OPERATION[.LADDER]|FILE.py:NAME", help=what)
    c.add_argument(
        "--rung",
        type=positive,
        metavar="N",
        help="only this rung of each ladder (default: all, with --executed the highest)",
    )
    what = "instead run all blocks on the CPU, as compiled: instructions, how many for 4 bytes, and of which kinds"
    c.add_argument("--executed", action="store_true", help=what)
    what = "architectures to compile for (default: sm_90)"
    c.add_argument("--arch", type=architectures_of, metavar="ARCH[,ARCH]", default="sm_90", help=what)
    add_shape(c)
    add_launch(c)
    add_json(c)


def run(options) -> None:
    """Print a table, one line a kernel and architecture."""
    found: Rows[Any] = Rows((inspect_own if is_own(options.ladder) else inspect_ladders)(options))
    print(found)
    write_json(options.json, [row.as_dict() for row in found])


def inspect_own(options) -> list[Report] | list[Executed]:
    """Of all kernels that a user's program launches."""
    if options.rung:
        raise CommandError(f"--rung: {options.ladder} has no rungs")
    if options.executed:
        launches = own_program(options).launches
        return executions(lambda: progress(launches, desc="running", unit="launch"), options.arch)
    wanted = once_each(own_program(options).launches, options.arch)
    return reports(progress(wanted, desc="compiling", unit="kernel"))


def inspect_ladders(options) -> list[RungReport | RungExecuted]:
    """Of all kernels that the rungs of the chosen ladders launch."""
    refuse(options, "grid", "block")
    targets = find_targets(options.ladder)
    for target in targets:
        trial_of(target.operation, case_of(target.operation, options.shape))  # refuses a shape before others start
    top = options.executed and not options.rung
    rungs = [(str(t), n) for t in targets for n in t.rungs if (n == t.rungs[-1] if top else options.rung in (None, n))]
    if not rungs:
        raise CommandError(unknown("rung", options.rung, sorted({rung for t in targets for rung in t.rungs})))
    wanted = [(*rung, options.shape, options.arch, options.executed) for rung in rungs]
    bar = progress(
        _compiled(wanted), desc="running" if options.executed else "compiling", total=len(wanted), unit="rung"
    )
    return [row for of_rung in bar for row in of_rung]


def _compiled(wanted: list[tuple]) -> Iterator[list]:
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


def _rows_of(wanted: tuple) -> list:
    gc.freeze()  # what is there by now will stay; Python would look through it for garbage a fifth of the time
    name, rung, shape, architectures, is_executed = wanted
    target = find_target(name)
    case = case_of(target.operation, shape)
    if is_executed:
        return executed_rows(target, case, rung, architectures)
    return rows(target, trial_of(target.operation, case), rung, architectures)


def rows(target: Target, trial: Trial, rung: int, architectures: Iterable[str]) -> list[RungReport]:
    """A row for each kernel that a rung launches and each architecture."""
    wanted = once_each(target.launches(trial, rung), architectures)
    found = zip(wanted, reports(wanted), strict=True)
    return [RungReport(str(target), rung, launch.kernel.name, report) for (launch, _), report in found]


def executed_rows(target: Target, case: dict[str, Any], rung: int, architectures: Iterable[str]) -> list[RungExecuted]:
    """A row for each kernel that a rung launches and each architecture, all blocks run one launch after another."""
    found = executions(lambda: runs(target, rung, case), architectures)
    return [RungExecuted(str(target), rung, each.kernel.partition("(")[0], each) for each in found]


def executions(launches: Callable[[], Iterable[Launch]], architectures: Iterable[str]) -> list[Executed]:
    """What each kernel executes for each architecture. Raises CommandError for one that the emulator cannot run."""
    try:
        found = [together(executed(launch, architecture=name) for launch in launches()) for name in architectures]
    except (PtxError, EmulatorError) as error:
        raise CommandError(str(error)) from error
    return [each for of_kernel in zip(*found, strict=True) for each in of_kernel]


def once_each(launches: Iterable[Launch], architectures: Iterable[str]) -> list[tuple[Launch, str]]:
    """What to ask of `reports`. A kernel may be launched several times; what it takes is the same each time."""
    wanted: dict[tuple, tuple[Launch, str]] = {}
    for launch in launches:
        for architecture in architectures:
            wanted.setdefault((repr(launch.kernel), launch.block, architecture), (launch, architecture))
    return list(wanted.values())
