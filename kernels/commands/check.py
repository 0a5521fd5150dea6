"""python -m kernels check: every kernel against the reference, on random cases with hard values."""

import time
from dataclasses import dataclass

import numpy as np

from kernels.bench.fuzz import DEVICES, Case, Judge, Subject, Verdict, devices, shrink, subjects
from kernels.commands.common import (
    CommandError,
    add_command,
    operations,
    require_operation,
    text_of,
    whole_number,
    write_json,
)
from kernels.device import cuda_problem
from kernels.operation import unknown


def add(subparsers) -> None:
    c = add_command(
        subparsers,
        "check",
        run,
        "fuzz every kernel against the reference: random shapes; ties, zeros, denormals, huge values, infinities",
        "check conv2d --device interpret --seconds 20",
    )
    c.add_argument("operation", nargs="?", help="default: all")
    c.add_argument("--device", metavar="NAME", help="cpu, interpret or cuda (default: all that are here)")
    c.add_argument("--rung", type=int, help="only this rung of each ladder, on interpret and cuda")
    c.add_argument("--seconds", type=float, default=60, help="how long to go on (default: 60; each kernel runs once)")
    c.add_argument("--seed", type=whole_number, default=0, help="same seed, same cases (default: 0)")
    c.add_argument("--case", type=whole_number, metavar="N", help="only the case of this number, to repeat it")


@dataclass
class Tally:
    """What became of one kernel: cases run, the worst errors, and the number of the case on which it failed."""

    cases: int = 0
    ulp: float = 0.0
    relative: float = 0.0
    failed: int | None = None

    def count(self, number: int, verdict: Verdict) -> None:
        self.cases += 1
        self.ulp, self.relative = max(self.ulp, verdict.ulp), max(self.relative, verdict.relative)
        if verdict.problem:
            self.failed = number


def run(options) -> int:
    """Print a line a kernel, and of each that fails the smallest case found; exit code 1 if any does."""
    chosen = [require_operation(options.operation)] if options.operation else list(operations().values())
    tallies = {s: Tally() for o in chosen for device in _devices(options) for s in subjects(o, device)}
    if options.rung is not None:
        tallies = {s: t for s, t in tallies.items() if s.rung == options.rung}
        if not tallies:
            raise CommandError(f"rung: none of these kernels has a rung {options.rung}")
    fuzz(tallies, options.seed, options.seconds, options.case)
    width = max(len(str(subject)) for subject in tallies)
    failures = []
    for subject, tally in tallies.items():
        state = "ok" if tally.failed is None else "FAILS"
        print(f"{subject!s:{width}}  {tally.cases:5} cases  worst {tally.ulp:9.3g} ulp", end="")
        print(f"  {tally.relative:.1e} relative, allowed {subject.operation.tolerance:.0e}  {state}")
        if tally.failed is not None:
            failures.append(_explain(subject, options.seed, tally.failed))
    rows = [
        {
            "operation": subject.operation.name,
            "direction": subject.direction,
            "device": subject.device,
            "rung": subject.rung,
            "cases": tally.cases,
            "ulp": tally.ulp,
            "relative": tally.relative,
            "tolerance": subject.operation.tolerance,
            "failed": tally.failed,
        }
        for subject, tally in tallies.items()
    ]
    write_json(options, {"seed": options.seed, "kernels": rows, "failures": failures})
    return 1 if failures else 0


def _devices(options) -> list[str]:
    if options.device is None:
        return devices()
    if options.device not in DEVICES:
        raise CommandError(unknown("device", options.device, DEVICES))
    if options.device not in devices():
        raise CommandError(f"device: {options.device} cannot be used: {cuda_problem()}")
    return [options.device]


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
    given = {n: trial.shapes[n] for n in subject.operation.inputs} | trial.settings
    arrays = {n: a for n, a in trial.arrays.items() if a is not None}
    command = f"python -m kernels check {subject.operation.name} --device {subject.device} "
    command += f"{'' if subject.rung is None else f'--rung {subject.rung} '}--seed {seed} --case {number}"
    print(f"    {verdict.problem}")
    print(f"    smallest case found: {text_of(given)}, {case.kind} values")
    for name, array in arrays.items():
        values = np.array2string(array, threshold=12, edgeitems=2, precision=6, separator=", ").replace("\n", "")
        print(f"        {name} = {values}")
    print(f"    repeat: {command}")
    return {
        "kernel": str(subject),
        "problem": verdict.problem,
        "case": text_of(given),
        "values": case.kind,
        "arrays": {n: a.tolist() for n, a in arrays.items()},
        "repeat": command,
    }
