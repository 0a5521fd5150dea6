"""python -m kernels trace: one block of a kernel, step by step, as a page that needs nothing else."""

import argparse
from math import prod

from kernels.commands.command_line import CommandError, Parser, add_json, output_file, positive, write_json
from kernels.commands.own import add_launch, is_own, own_program, refuse
from kernels.commands.targets import add_shape, case_of, find_target
from kernels.commands.xray import runs
from kernels.gpu import Launch
from kernels.gpu.interpreter import KernelError
from kernels.gpu.source import SourceError
from kernels.gpu.tracing import trace
from kernels.gpu.tracing.page import data

page_file = output_file(".html")


def add(c: Parser) -> None:
    what = "as in add, which means add.forward, or conv2d.dx; or of your own, as in my.py:scale"
    c.add_argument("ladder", metavar="OPERATION[.LADDER]|FILE.py:NAME", help=what)
    c.add_argument(
        "--html", type=page_file, metavar="FILE", required=True, help="the page to write, which ends in .html"
    )
    c.add_argument("--rung", metavar="N", help="number of the rung (default: the highest)")
    add_shape(c)
    add_launch(c)
    what = "the block to show: its number, or its index as 1,0,0 (default: the first)"
    c.add_argument("--block-number", type=block_number, metavar="N|X,Y,Z", default=0, help=what)
    what = "which launch, where there are several (default: the first)"
    c.add_argument("--launch", type=positive, metavar="N", default=1, help=what)
    add_json(c)


def block_number(text: str) -> int | tuple[int, ...]:
    """For argparse: a number, or two or three of them."""
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts) or len(parts) > 3:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a block, nor its index as 1,0,0")
    return int(text) if len(parts) == 1 else tuple(map(int, parts))


def run(options) -> None:
    """Write the page of one block of one launch; those before it are run in full, as they may decide what it does."""
    found = launches_of(options)
    if options.launch > len(found):
        raise CommandError(f"--launch: there are {len(found)} launches, and no {options.launch}")
    try:
        for earlier in found[: options.launch - 1]:
            earlier.interpret(checked=False)
        launch = found[options.launch - 1]
        recording = trace(launch, options.block_number)
    except (KernelError, SourceError) as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise CommandError(f"--block-number: {error}") from error
    recording.write(options.html)
    steps = f"{len(recording.steps):,} steps" if recording.is_whole else f"the first {len(recording.steps):,} steps"
    where = f"block {recording.index} of {prod(launch.grid):,}"
    print(f"wrote {options.html}: {launch.kernel.name}, {where}, {steps}")
    if recording.fault:
        step = recording.fault.step
        print(f"{recording.fault.kind}{'' if step is None else f' in step {step + 1}'}: {recording.fault.text}")
    write_json(options.json, data(recording))


def launches_of(options) -> list[Launch]:
    """What the options name. Raises CommandError."""
    if is_own(options.ladder):
        if options.rung:
            raise CommandError(f"--rung: {options.ladder} has no rungs")
        return own_program(options).launches
    target = find_target(options.ladder)
    refuse(options, "grid", "block")
    (rung, *others) = target.choose_rungs(options.rung or "last")
    if others:
        raise CommandError(f"--rung: a page shows one of them, choose from {', '.join(map(str, target.rungs))}")
    return runs(target, rung, case_of(target.operation, options.shape))
