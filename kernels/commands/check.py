"""python -m kernels check: every kernel against the reference, on random cases with hard values."""

import time
from collections.abc import Sequence

from kernels.bench.fuzz import DEVICES, Case, Judge, Subject, devices, shrink, subjects
from kernels.commands.check_own import TOLERANCE, check_own
from kernels.commands.command_line import CommandError, Parser, add_json, count, positive, positive_float, write_json
from kernels.commands.own import add_launch, is_own, refuse
from kernels.commands.tally import Tally, shown
from kernels.commands.targets import operations, require_operation, text_of_trial
from kernels.device import Device, find_device
from kernels.modules import OperationError
from kernels.operation import Operation, left_out

SECONDS = 60


def add(c: Parser) -> None:
    what = "only this one, or a kernel of your own, as my.py:scale (default: all operations)"
    c.add_argument("ladder", nargs="?", metavar="OPERATION|FILE.py:NAME", help=what)
    what = f"only on this one: {', '.join(DEVICES)} (default: all that are here but emulate)"
    c.add_argument("--device", metavar="NAME", choices=DEVICES, help=what)
    what = "only this rung of each ladder, on interpret, emulate and cuda"
    c.add_argument("--rung", type=positive, metavar="N", help=what)
    what = f"how long to go on, each kernel at least once (default: {SECONDS}; your own: a case of each kind of values)"
    c.add_argument("--seconds", type=positive_float, metavar="S", help=what)
    c.add_argument("--seed", type=count, metavar="N", default=0, help="same seed, same cases (default: 0)")
    c.add_argument("--case", type=count, metavar="N", help="only the case of this number, to repeat it")
    what = "interpret blocks and threads in an order that this shuffles (default: that of their numbers)"
    c.add_argument("--order", type=count, metavar="SEED", help=what)
    own = c.add_argument_group("for a kernel of your own")
    add_launch(own)
    what = "its arguments: sizes of arrays, and numbers, as in x=1024 y=int32:32,8 factor=0.5"
    own.add_argument("--shape", nargs="+", metavar="NAME=VALUE", help=what)
    what = "a NumPy function that takes the same arrays and numbers, by their names, and fills the arrays"
    own.add_argument("--against", metavar="FILE.py:FUNCTION", help=what)
    what = f"relative error allowed to what --against compares (default: {TOLERANCE:.0e})"
    own.add_argument("--tolerance", type=positive_float, metavar="T", help=what)
    add_json(c)


def run(options) -> int:
    """Print a line a kernel, and of each that fails the smallest case found; exit code 1 if any does."""
    return (check_own if is_own(options.ladder) else check_operations)(options)


def check_operations(options) -> int:
    """Of one operation, or of all."""
    refuse(options, "grid", "block", "shape", "against", "tolerance")
    here = [find_device(options.device)] if options.device else [find_device(name) for name in devices()]
    if options.order is not None and all(device.name != "interpret" for device in here):
        raise CommandError(f"--order: is of what is interpreted, and not of {', '.join(map(str, here))}")
    broken = False
    if options.ladder:
        every = kernels_of(require_operation(options.ladder), here, options.order)
        if not every:
            raise CommandError(f"{options.ladder}: has no implementation that runs on {', '.join(map(str, here))}")
    else:
        every, broken = all_kernels(here, options.order)
    found = [subject for subject in every if options.rung in (None, subject.rung)]
    if not found:
        raise CommandError(f"--rung: none of these kernels has a rung {options.rung}")
    tallies = {subject: Tally() for subject in found}
    fuzz(tallies, options.seed, options.seconds or SECONDS, options.case)
    width = max(len(str(subject)) for subject in tallies)
    failures = []
    for subject, tally in tallies.items():
        state = "ok" if tally.failed is None else "FAILS"
        print(f"{subject!s:{width}}  {tally.cases:5} cases  {tally.errors(subject.operation.tolerance)}  {state}")
        if tally.failed is not None:
            failures.append(_explain(subject, options.seed, tally.failed))
    rows = [_row(subject, tally) for subject, tally in tallies.items()]
    write_json(options.json, {"seed": options.seed, "kernels": rows, "failures": failures})
    return 1 if failures or broken else 0


def all_kernels(here: Sequence[Device], order: int | None) -> tuple[list[Subject], bool]:
    """Every kernel that runs on these devices, and whether there are operations that cannot be checked."""
    found, broken = [], False
    for operation in operations().values():
        try:
            found += kernels_of(operation, here, order)
        except OperationError as error:
            left_out(error)
            broken = True
    return found, broken


def kernels_of(operation: Operation, here: Sequence[Device], order: int | None) -> list[Subject]:
    """Every kernel of an operation that runs on these devices.

    Raises OperationError where there is no reference, or one of the files that take part has an error.
    """
    operation.implementation("reference")
    able = [device for device in here if operation.has(device.runs(operation))]
    for device in able:
        operation.implementation(device.runs(operation))
    return [subject for device in able for subject in subjects(operation, device.name, order)]


def _row(subject: Subject, tally: Tally) -> dict:
    return {
        "operation": subject.operation.name,
        "direction": subject.direction,
        "device": subject.device,
        "rung": subject.rung,
        **tally.as_dict(),
        "tolerance": subject.operation.tolerance,
    }


def fuzz(tallies: dict[Subject, Tally], seed: int, seconds: float, only: int | None = None) -> None:
    """Run case after case, each through all kernels of its operation, until the time is over or all have failed."""
    by_name: dict[str, list[Subject]] = {}
    for subject in tallies:
        by_name.setdefault(subject.operation.name, []).append(subject)
    end = time.monotonic() + seconds
    number = 0 if only is None else only
    first = True
    while first or (only is None and time.monotonic() < end):
        for here in by_name.values():
            alive = [s for s in here if tallies[s].failed is None]
            if not alive or not (first or time.monotonic() < end):
                continue
            judge = Judge(Case.draw(here[0].operation, seed, number))
            for subject in alive:
                tallies[subject].count(number, judge(subject))
        if all(tally.failed is not None for tally in tallies.values()):
            return
        first = False
        number += 1


def _explain(subject: Subject, seed: int, number: int) -> dict:
    """Print what is wrong with a kernel, on the smallest case that shows it; returns the same as a row."""
    case, verdict = shrink(subject, Case.draw(subject.operation, seed, number), seed, number)
    trial = case.trial
    shape = text_of_trial(trial)
    arrays = {n: a for n, a in trial.arrays.items() if a is not None}
    command = f"python -m kernels check {subject.operation.name} --device {subject.device} "
    command += f"{'' if subject.rung is None else f'--rung {subject.rung} '}--seed {seed} --case {number}"
    command += "" if subject.order is None else f" --order {subject.order}"
    print(f"    {verdict.problem}")
    print(f"    smallest case found: {shape}, {case.kind} values")
    print(shown(arrays))
    print(f"    repeat: {command}")
    return {
        "kernel": str(subject),
        "problem": verdict.problem,
        "case": shape,
        "values": case.kind,
        "arrays": {n: a.tolist() for n, a in arrays.items()},
        "repeat": command,
    }
