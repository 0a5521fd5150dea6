"""python -m kernels xray: what the hardware will see of a kernel, counted while a few blocks of it are interpreted."""

import math

from kernels.commands.command_line import CommandError, Commands, add_json, picture_file, positive, write_json
from kernels.commands.table import table
from kernels.commands.targets import Target, add_ladder, add_shape, case_of, find_target, text_of, trial_of
from kernels.device import Device, launches
from kernels.gpu import Launch
from kernels.gpu.interpreter import KernelError
from kernels.gpu.xray import GPUS, Prediction, Sums, Xray, predict, xray
from kernels.gpu.xray.execution import BLOCKS
from kernels.gpu.xray.roofline import Gpu
from kernels.gpu.xray.text import SUMMARY_HEADS, joining, report, summary

# Turns of lanes at what is counted: so many blocks are enough, and so much the interpreter runs in about ten seconds.
ENOUGH, AFFORDABLE = 5e5, 2e7


def add(commands: Commands) -> None:
    c = commands.add(
        "xray",
        run,
        "count what the hardware will see: sectors, bank conflicts, idle lanes; for each source line, without a GPU",
        "xray conv2d.forward --rung 2 --shape x=2,8,12,12 w=16,8,3,3 --picture worst.png",
    )
    add_ladder(c)
    what = "a number, last, or all for one line a rung (default: last, the highest)"
    c.add_argument("--rung", metavar="N", default="last", help=what)
    add_shape(c)
    what = f"blocks of each launch to run, spread over its grid (default: {BLOCKS})"
    c.add_argument("--blocks", type=positive, metavar="N", default=BLOCKS, help=what)
    what = f"GPU to compile for and to predict the time of: {', '.join(GPUS)} (default: h200)"
    c.add_argument("--gpu", metavar="NAME", choices=GPUS, default="h200", help=what)
    c.add_argument("--picture", type=picture_file, metavar="FILE.png", help="draw the worst access, lane by lane")
    add_json(c)


def run(options) -> None:
    """Print source lines with their counts, or with --rung all a line for each rung."""
    target = find_target(options.ladder)
    rungs = target.choose_rungs(options.rung)
    if options.picture and len(rungs) > 1:
        raise CommandError("--picture: shows the worst access of one rung, choose it by --rung")
    case = case_of(target.operation, options.shape)
    found, lines = [], []
    for rung in rungs:
        runs, xrays, predictions = counted(target, rung, case, options.blocks, options.gpu)
        lines.append(summary(rung, Sums.of(xrays, predictions)))
        rows = [{**x.as_dict(), "prediction": p.as_dict()} for x, p in zip(xrays, predictions, strict=True)]
        found.append({"rung": rung, "launches": rows, "seconds": sum(p.seconds for p in predictions)})
        if options.rung != "all":
            print(f"{target} rung {rung}, {text_of(case)}")
            for parts in zip(xrays, runs, predictions, strict=True):
                print(f"\n{report(*parts)}")
    if options.rung == "all":
        print(f"{target}, {text_of(case)}\n")
        print(table([SUMMARY_HEADS, *lines]))
        print(f"\n{joining(xrays[0]).capitalize()}.")
        print(f"Predicted from counts and the datasheet of the {GPUS[options.gpu].name}: nothing was measured.")
        if len(target.ladders) == 1:
            print(*(f"\n{rung}  {text}" for rung, text in enumerate(target.adds, 1)), sep="")
    if options.picture:
        from kernels.gpu.xray.picture import draw

        with_accesses = [counts for counts in xrays if counts.accesses]
        if not with_accesses:
            raise CommandError("--picture: the blocks that were run access no memory, choose more by --blocks")
        worst = max(with_accesses, key=lambda counts: counts.accesses[counts.worst].waste)
        draw(worst, options.picture, f"{target} rung {rungs[0]}")
        print(f"wrote {options.picture}")
    write_json(options.json, {"ladder": str(target), "shape": text_of(case), "gpu": options.gpu, "rungs": found})


def counted(
    target: Target, rung: int, case: dict, blocks: int | None, gpu: str
) -> tuple[list[Launch], list[Xray], list[Prediction]]:
    """What a rung launches for a case, an x-ray of each launch, and what it would take on a GPU.

    blocks    of each launch to count; None for as many as make a fair sample of the grid
    What a launch leaves to the next may decide where that goes: so it is run in full, unless that takes too long.
    Raises CommandError where there is nothing to launch, or where the interpreter finds a mistake in a kernel.
    """
    arguments = trial_of(target.operation, case).arguments(Device("interpret"), target.direction)
    runs = launches(target.operation, target.direction, arguments, rung, part=target.part)
    if not runs:
        raise CommandError(f"{target}: there is nothing to launch for {text_of(case)}")
    xrays: list[Xray] = []
    try:
        for launch in runs:
            if xrays and xrays[-1].scale * xrays[-1].slots <= AFFORDABLE:
                runs[len(xrays) - 1].interpret(checked=False)
            xrays.append(sample(launch, GPUS[gpu]) if blocks is None else xray(launch, blocks, GPUS[gpu]))
    except KernelError as error:
        raise CommandError(str(error)) from error
    return runs, xrays, [predict(counts, GPUS[gpu]) for counts in xrays]


def sample(launch: Launch, gpu: Gpu) -> Xray:
    """An x-ray of so many blocks that those which have less to do than others, or nothing, are among them as often."""
    found = xray(launch, 1, gpu)
    while found.slots < ENOUGH and len(found.blocks) < math.prod(found.grid):
        found = xray(launch, 4 * len(found.blocks), gpu)
    return found
