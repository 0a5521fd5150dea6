"""python -m kernels xray: what the hardware will see of a kernel, counted while a few blocks of it are interpreted."""

from pathlib import Path

from kernels.commands.common import (
    CommandError,
    add_command,
    add_shape,
    case_of,
    find_target,
    table,
    text_of,
    trial_of,
    whole_number,
    write_json,
)
from kernels.commands.list import adds
from kernels.device import Device, launches
from kernels.gpu.interpreter import KernelError
from kernels.gpu.xray import GPUS, predict, xray
from kernels.gpu.xray.execution import BLOCKS
from kernels.gpu.xray.text import SUMMARY_HEADS, report, summary
from kernels.operation import unknown


def add(subparsers) -> None:
    c = add_command(
        subparsers,
        "xray",
        run,
        "count what the hardware will see: sectors, bank conflicts, idle lanes; for each source line, without a GPU",
        "xray conv2d.forward --rung 2 --shape x=2,8,12,12 w=16,8,3,3 --picture worst.png",
    )
    c.add_argument("ladder", help="OPERATION.forward, OPERATION.backward or a part of it, as in conv2d.dx")
    c.add_argument("--rung", help="number of the rung, or all for one line a rung (default: the highest)")
    add_shape(c)
    blocks_help = f"blocks of each launch to run, spread over its grid (default: {BLOCKS})"
    c.add_argument("--blocks", type=whole_number, default=BLOCKS, metavar="N", help=blocks_help)
    gpu_help = f"GPU to predict the time of: {', '.join(GPUS)} (default: h200)"
    c.add_argument("--gpu", default="h200", help=gpu_help)
    c.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the worst access, lane by lane")


def run(options) -> None:
    """Print source lines with their counts, or with --rung all a line for each rung."""
    target = find_target(options.ladder)
    if options.gpu not in GPUS:
        raise CommandError(unknown("GPU", options.gpu, GPUS))
    if not options.blocks:
        raise CommandError("blocks: 0 tell nothing, choose at least 1")
    rungs = chosen_rungs(options.rung, target)
    if options.picture and len(rungs) > 1:
        raise CommandError("picture: shows the worst access of one rung, choose it by --rung")
    case = case_of(target.operation, options.shape)
    host = Device("interpret")
    found, lines = [], []
    for rung in rungs:
        arguments = trial_of(target.operation, case).arguments(host, target.direction)
        runs = launches(target.operation, target.direction, arguments, rung, part=target.part)
        if not runs:
            raise CommandError(f"{target}: there is nothing to launch for {text_of(case)}")
        try:
            xrays = [xray(launch, options.blocks) for launch in runs]
        except KernelError as error:
            raise CommandError(str(error)) from error
        predictions = [predict(counts, GPUS[options.gpu]) for counts in xrays]
        lines.append(summary(rung, xrays, predictions))
        rows = [{**x.as_dict(), "prediction": p.as_dict()} for x, p in zip(xrays, predictions, strict=True)]
        found.append({"rung": rung, "launches": rows, "seconds": sum(p.seconds for p in predictions)})
        if options.rung != "all":
            print(f"{target} rung {rung}, {text_of(case)}")
            for parts in zip(xrays, runs, predictions, strict=True):
                print(f"\n{report(*parts)}")
    if options.rung == "all":
        print(f"{target}, {text_of(case)}\n")
        print(table([SUMMARY_HEADS, *lines]))
        print(f"\nPredicted from counts and the datasheet of the {GPUS[options.gpu].name}: nothing was measured.")
        if len(target.ladders) == 1:
            print(*(f"\n{rung}  {text}" for rung, text in enumerate(adds(target), 1)), sep="")
    if options.picture:
        from kernels.gpu.xray.picture import draw

        with_accesses = [counts for counts in xrays if counts.accesses]
        if not with_accesses:
            raise CommandError("picture: the blocks that were run access no memory, choose more by --blocks")
        worst = max(with_accesses, key=lambda counts: counts.accesses[counts.worst].waste)
        draw(worst, options.picture, f"{target} rung {rungs[0]}")
        print(f"wrote {options.picture}")
    write_json(options, {"ladder": str(target), "shape": text_of(case), "gpu": options.gpu, "rungs": found})


def chosen_rungs(text: str | None, target) -> list[int]:
    """The rungs that --rung names. Raises CommandError."""
    if text == "all":
        return list(target.rungs)
    if text is not None and not text.isdigit():
        raise CommandError(f"{unknown('rung', text, target.rungs)}, or all")
    return [target.require_rung(None if text is None else int(text))]
