"""python -m kernels xray: what the hardware will see of a kernel, counted while a few blocks of it are interpreted."""

import math
from collections.abc import Sequence
from pathlib import Path

from kernels.commands.command_line import CommandError, Commands, add_json, picture_file, positive, progress, write_json
from kernels.commands.own import add_launch, is_own, own_program, refuse
from kernels.commands.targets import Target, add_shape, case_of, find_target, text_of, trial_of
from kernels.device import Device, launches
from kernels.gpu import Launch
from kernels.gpu.interpreter import KernelError
from kernels.gpu.xray import GPUS, Prediction, Sums, Xray, predict, xray
from kernels.gpu.xray.execution import BLOCKS
from kernels.gpu.xray.roofline import Gpu, foresight
from kernels.gpu.xray.text import joining
from kernels.table import table

# Turns of lanes at what is counted: so many blocks are enough, and so much the interpreter runs in about ten seconds.
ENOUGH, AFFORDABLE = 5e5, 2e7

Counted = tuple[list[Xray], list[Prediction]]


def add(commands: Commands) -> None:
    c = commands.add(
        "xray",
        run,
        "count what the hardware will see: sectors, bank conflicts, idle lanes; for each source line, without a GPU",
        "xray conv2d.forward --rung 2 --shape x=2,8,12,12 w=16,8,3,3 --picture worst.png",
    )
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
    found = counted(program.launches, options.blocks, options.gpu)
    show(program.name, found)
    if options.picture:
        draw_worst(found[0], options.picture, program.name)
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
        found = xrays, predictions = counted(runs(target, rung, case), options.blocks, options.gpu)
        lines.append({"rung": rung, **Sums.of(xrays, predictions).row()})
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
    for counts, prediction in zip(*found, strict=True):
        print(f"\n{counts}\n{foresight(prediction)}")


def as_dict(found: Counted) -> dict:
    """For JSON."""
    rows = [{**counts.as_dict(), "prediction": p.as_dict()} for counts, p in zip(*found, strict=True)]
    return {"launches": rows, "seconds": sum(prediction.seconds for prediction in found[1])}


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


def counted(found: Sequence[Launch], blocks: int | None, gpu: str) -> Counted:
    """An x-ray of each launch, and what it would take on a GPU.

    blocks    of each launch to count; None for as many as make a fair sample of the grid
    What a launch leaves to the next may decide where that goes: so it is run in full, unless that takes too long.
    Raises CommandError where the interpreter finds a mistake in a kernel.
    """
    xrays: list[Xray] = []
    bar = progress(found, unit="launch")
    try:
        for number, launch in enumerate(bar):
            bar.set_description(f"compiling and interpreting {launch.kernel.name}")
            if xrays and xrays[-1].scale * xrays[-1].slots <= AFFORDABLE:
                found[number - 1].interpret(checked=False)
            xrays.append(sample(launch, GPUS[gpu]) if blocks is None else xray(launch, blocks, GPUS[gpu]))
    except KernelError as error:
        raise CommandError(str(error)) from error
    finally:
        bar.close()
    return xrays, [predict(counts, GPUS[gpu]) for counts in xrays]


def sample(launch: Launch, gpu: Gpu) -> Xray:
    """An x-ray of so many blocks that those which have less to do than others, or nothing, are among them as often."""
    found = xray(launch, 1, gpu)
    while found.slots < ENOUGH and len(found.blocks) < math.prod(found.grid):
        found = xray(launch, 4 * len(found.blocks), gpu)
    return found
