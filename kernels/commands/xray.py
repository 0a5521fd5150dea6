"""python -m kernels xray: what the hardware will see of a kernel, counted while a few blocks of it are interpreted.

With --compiled the same blocks are run as they are compiled, too, and both counts stand side by side.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from kernels.commands.command_line import CommandError, Parser, add_json, picture_file, positive, progress, write_json
from kernels.commands.own import add_launch, is_own, own_program, refuse
from kernels.commands.targets import Target, add_shape, case_of, find_target, text_of, trial_of
from kernels.device import Device, launches
from kernels.gpu import Launch
from kernels.gpu.emulator import EmulatorError, PtxError
from kernels.gpu.executed import Executed, both
from kernels.gpu.executed.text import report, summary
from kernels.gpu.interpreter import KernelError
from kernels.gpu.xray import GPUS, Prediction, Sums, Xray, predict, xray
from kernels.gpu.xray.execution import BLOCKS
from kernels.gpu.xray.roofline import Gpu, foresight
from kernels.gpu.xray.text import joining
from kernels.table import table

# Turns of lanes at what is counted: so many blocks are enough, and so much the interpreter runs in about ten seconds.
ENOUGH, AFFORDABLE = 5e5, 2e7


class Counted(NamedTuple):
    """Of each launch: what the source says, what that would take, and if it was asked for what is executed."""

    xrays: list[Xray]
    predictions: list[Prediction]
    compiled: list[Executed]


def add(c: Parser) -> None:
    what = "as in add, which means add.forward, or conv2d.dx; or of your own, as in my.py:scale"
    c.add_argument("ladder", metavar="OPERATION[.LADDER]|FILE.py:NAME", help=what)
    what = "a number, last, or all for one line a rung (default: last, the highest)"
    c.add_argument("--rung", metavar="N", help=what)
    add_shape(c)
    add_launch(c)
    what = f"blocks of each launch to run, spread over its grid (default: {BLOCKS})"
    c.add_argument("--blocks", type=positive, metavar="N", default=BLOCKS, help=what)
    what = f"GPU to compile for and to predict the time of: {', '.join(GPUS)} (default: h200)"
    c.add_argument("--gpu", metavar="NAME", choices=GPUS, default="h200", help=what)
    what = (
        "also run these blocks as they are compiled: instructions by kind and line, accesses beside those of the source"
    )
    c.add_argument("--compiled", action="store_true", help=what)
    c.add_argument("--picture", type=picture_file, metavar="FILE.png", help="draw the worst access, lane by lane")
    add_json(c)


def run(options) -> None:
    """Print source lines with their counts, or with --rung all a line for each rung."""
    (xray_own if is_own(options.ladder) else xray_ladder)(options)


def xray_own(options) -> None:
    """Of all launches of a user's program."""
    if options.rung:
        raise CommandError(f"--rung: {options.ladder} has no rungs")
    program = own_program(options)
    found = counted(program.launches, options.blocks, options.gpu, options.compiled)
    show(program.name, found)
    if options.picture:
        draw_worst(found.xrays, options.picture, program.name)
    write_json(options.json, {"program": program.name, "gpu": options.gpu, **as_dict(found)})


def xray_ladder(options) -> None:
    """Of the launches of a rung, or of each rung."""
    target = find_target(options.ladder)
    refuse(options, "grid", "block")
    rungs = target.choose_rungs(options.rung or "last")
    if options.picture and len(rungs) > 1:
        raise CommandError("--picture: shows the worst access of one rung, choose it by --rung")
    case = case_of(target.operation, options.shape)
    rows, lines = [], []
    for rung in rungs:
        found = counted(runs(target, rung, case), options.blocks, options.gpu, options.compiled)
        xrays = found.xrays
        lines.append({"rung": rung, **Sums.of(xrays, found.predictions).row(), **summary(found.compiled)})
        rows.append({"rung": rung, **as_dict(found)})
        if options.rung != "all":
            show(f"{target} rung {rung}, {text_of(case)}", found)
    if options.rung == "all":
        print(f"{target}, {text_of(case)}\n")
        print(table([list(lines[0]), *(list(line.values()) for line in lines)]))
        print(f"\n{joining(xrays[0]).capitalize()}.")
        print(f"Predicted from counts and the datasheet of the {GPUS[options.gpu].name}: nothing was measured.")
        if len(target.ladders) == 1:
            print(*(f"\n{rung}  {text}" for rung, text in enumerate(target.adds, 1)), sep="")
    if options.picture:
        draw_worst(xrays, options.picture, f"{target} rung {rungs[0]}")
    write_json(options.json, {"ladder": str(target), "shape": text_of(case), "gpu": options.gpu, "rungs": rows})


def show(title: str, found: Counted) -> None:
    """Print what was counted of each launch, and what it would take."""
    print(title)
    for number, (counts, prediction) in enumerate(zip(found.xrays, found.predictions, strict=True)):
        print(f"\n{counts}\n{foresight(prediction)}")
        if found.compiled:
            print(f"\n{report(found.compiled[number], counts)}")


def as_dict(found: Counted) -> dict:
    """For JSON."""
    pairs = zip(found.xrays, found.predictions, strict=True)
    rows = [{**counts.as_dict(), "prediction": p.as_dict()} for counts, p in pairs]
    for row, compiled in zip(rows, found.compiled, strict=False):
        row["compiled"] = compiled.as_dict()
    return {"launches": rows, "seconds": sum(prediction.seconds for prediction in found.predictions)}


def draw_worst(xrays: Sequence[Xray], path: Path, title: str) -> None:
    """Draw the worst access of the launch that has it."""
    from kernels.gpu.xray.picture import draw

    with_accesses = [counts for counts in xrays if counts.accesses]
    if not with_accesses:
        raise CommandError("--picture: the blocks that were run access no memory, choose more by --blocks")
    draw(max(with_accesses, key=lambda counts: counts.accesses[counts.worst].waste), path, title)
    print(f"wrote {path}")


def runs(target: Target, rung: int, case: dict) -> list[Launch]:
    """What a rung launches for a case, on arrays with values. Raises CommandError where there is nothing to launch."""
    arguments = trial_of(target.operation, case).arguments(Device("interpret"), target.direction)
    found = launches(target.operation, target.direction, arguments, rung, part=target.part)
    if not found:
        raise CommandError(f"{target}: there is nothing to launch for {text_of(case)}")
    return found


def counted(found: Sequence[Launch], blocks: int | None, gpu: str, compiled: bool = False) -> Counted:
    """An x-ray of each launch, and what it would take on a GPU.

    blocks      of each launch to count; None for as many as make a fair sample of the grid
    compiled    whether the same blocks are counted as they are compiled, too

    Raises CommandError where the interpreter finds a mistake in a kernel, or the emulator cannot run it.
    """
    chosen = GPUS[gpu]
    if compiled:
        seen = looked_at(found, lambda launch: both(launch, blocks or BLOCKS, chosen))
    else:
        alone = sample if blocks is None else lambda launch, gpu: xray(launch, blocks, gpu)
        seen = looked_at(found, lambda launch: (alone(launch, chosen), None))
    executions = [executed for _, executed in seen if executed]
    slots = [executed.total("slots") * executed.scale for executed in executions] or [None] * len(seen)
    predictions = [predict(counts, chosen, n) for (counts, _), n in zip(seen, slots, strict=True)]
    return Counted([counts for counts, _ in seen], predictions, executions)


def looked_at(found: Sequence[Launch], look: Callable[[Launch], tuple[Xray, Executed | None]]) -> list:
    """What is counted of each launch.

    What a launch leaves to the next may decide where that goes: so it is run in full, unless that takes too long.
    """
    seen: list[tuple[Xray, Executed | None]] = []
    bar = progress(found, unit="launch")
    try:
        for number, launch in enumerate(bar):
            bar.set_description(f"compiling and interpreting {launch.kernel.name}")
            if seen and seen[-1][0].scale * seen[-1][0].slots <= AFFORDABLE:
                found[number - 1].interpret(checked=False)
            seen.append(look(launch))
    except (KernelError, PtxError, EmulatorError) as error:
        raise CommandError(str(error)) from error
    finally:
        bar.close()
    return seen


def sample(launch: Launch, gpu: Gpu) -> Xray:
    """An x-ray of so many blocks that those which have less to do than others, or nothing, are among them as often."""
    found = xray(launch, 1, gpu)
    while found.slots < ENOUGH and len(found.blocks) < math.prod(found.grid):
        found = xray(launch, 4 * len(found.blocks), gpu)
    return found
