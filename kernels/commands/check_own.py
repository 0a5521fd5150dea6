"""python -m kernels check my.py:scale: a user's kernels, interpreted on values of every kind."""

import itertools
import shlex
import time

from kernels.bench.fuzz import KINDS
from kernels.bench.judged import ProgramJudge, draw
from kernels.bench.loading import FileError, find
from kernels.bench.program import Program
from kernels.commands.command_line import CommandError, progress, write_json
from kernels.commands.own import own_program, words
from kernels.commands.tally import Tally, shown

TOLERANCE = 1e-5


def check_own(options) -> int:
    """Print a line, and of a program that fails the case on which it does; exit code 1 if it does."""
    for option, given in (("--rung", options.rung), ("--device", options.device)):
        if given:
            raise CommandError(f"{option}: {options.ladder} has no rungs, and is interpreted")
    program = own_program(options)
    try:
        judge = judge_of(program, options)
        tally = run_cases(program, judge, options)
        state = "ok" if tally.failed is None else "FAILS"
        known = "" if judge.function is None else f"  {tally.errors(judge.tolerance)}"
        print(f"{program.name}  {tally.cases:5} cases{known}  {state}")
        failures = [] if tally.failed is None else [explain(program, judge, options, tally.failed)]
    except FileError as error:
        raise CommandError(str(error)) from error
    row = {"program": program.name, **tally.as_dict(), "tolerance": judge.tolerance}
    write_json(options.json, {"seed": options.seed, "kernels": [row], "failures": failures})
    return 1 if failures else 0


def judge_of(program: Program, options) -> ProgramJudge:
    """Who knows what the program must do. Raises CommandError."""
    tolerance = options.tolerance or TOLERANCE
    if not options.against:
        if options.tolerance:
            raise CommandError("--tolerance: is of what --against compares")
        return ProgramJudge(program, order=options.order)
    function = find(options.against)
    if not callable(function) or not hasattr(function, "__code__"):
        raise CommandError(f"--against: {options.against} is no function")
    return ProgramJudge(program, function, options.against, tolerance, options.order)


def run_cases(program: Program, judge: ProgramJudge, options) -> Tally:
    """Case after case: one of each kind of values, or until the time that is given is over."""
    tally = Tally()
    if options.case is not None:
        tally.count(options.case, judge(*draw(program, options.seed, options.case)))
        return tally
    end = time.monotonic() + (options.seconds or 0)
    numbers = range(len(KINDS)) if options.seconds is None else itertools.count()
    for number in progress(numbers, desc=f"interpreting {program.name}", unit="case"):
        tally.count(number, judge(*draw(program, options.seed, number)))
        if tally.failed is not None or (options.seconds and time.monotonic() >= end):
            break
    return tally


def explain(program: Program, judge: ProgramJudge, options, number: int) -> dict:
    """Print what is wrong with a program, on the plainest values that show it; returns the same as a row."""
    kind, values = draw(program, options.seed, number)
    arrays, verdict = judge.plainest(kind, values)
    given = words(options)
    if options.against:
        given += ["--against", shlex.quote(options.against)]
    if options.tolerance:
        given += ["--tolerance", f"{options.tolerance:g}"]
    if options.order is not None:
        given += ["--order", str(options.order)]
    command = f"python -m kernels check {' '.join(given)} --seed {options.seed} --case {number}"
    everything = {n: arrays.get(n, program.start[n]) for n in program.arrays}
    print(f"    {verdict.problem}")
    print(f"    plainest values found, of {kind} ones:")
    print(shown(everything))
    print(f"    repeat: {command}")
    return {
        "kernel": program.name,
        "problem": verdict.problem,
        "values": kind,
        "arrays": {n: a.tolist() for n, a in everything.items()},
        "repeat": command,
    }
