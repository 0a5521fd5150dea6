"""python -m kernels gains: what each rung of a ladder gained, as a table, and where a GPU is present, as measured."""

import math
import re
from dataclasses import asdict
from pathlib import Path

from kernels.bench.timing import HostClock, Timing, clock
from kernels.commands import gains_cpu
from kernels.commands.command_line import (
    CommandError,
    Parser,
    add_json,
    output_file,
    positive,
    positive_float,
    write_json,
)
from kernels.commands.inspect import executions
from kernels.commands.targets import Target, add_shape, find_target, find_targets, text_of, trial_of
from kernels.commands.xray import counted, runs
from kernels.device import cuda_problem, find_device
from kernels.files import write_whole
from kernels.gpu.compiler import compiler_problem
from kernels.gpu.xray import GPUS, Sums
from kernels.gpu.xray.roofline import duration
from kernels.gpu.xray.sums import barriers, change, ratio, two_digits
from kernels.gpu.xray.text import joining
from kernels.operation import unknown

HEADS = (
    "rung", "what it adds", "gained, by the x-ray", "lanes active", "sectors", "/ ideal", "turns", "bank turns / ideal",
    "barriers", "flops / byte", "instructions", "at least", "counted in",
)  # fmt: skip
MEASURED_HEADS = ("measured", "gained")
MARKER = re.compile(r"<!-- gains (\S+) -->\n((?:(?!<!--).)*)<!-- end -->", re.DOTALL)


def add(c: Parser) -> None:
    what = "as in conv2d or conv2d.dx (default: those with markers in the file of --write, or all of two rungs or more)"
    c.add_argument("ladder", nargs="*", metavar="OPERATION[.LADDER]", help=what)
    what = "put each table between its markers in this file, '<!-- gains OPERATION.LADDER -->' and '<!-- end -->'"
    c.add_argument("--write", type=output_file(".md"), metavar="FILE.md", help=what)
    what = "blocks of each launch to count, spread over its grid (default: as many as make a fair sample)"
    c.add_argument("--blocks", type=positive, metavar="N", help=what)
    what = f"GPU to predict the time of: {', '.join(GPUS)} (default: h200)"
    c.add_argument("--gpu", metavar="NAME", choices=GPUS, default="h200", help=what)
    what = "cpu: measure the ladders for CPU cores instead, between markers 'gains-cpu' (default: those for a GPU)"
    c.add_argument("--device", metavar="NAME", choices=("cpu", "cuda"), default="cuda", help=what)
    add_shape(c)
    what = "time to measure a ladder for, where a GPU is present or with --device cpu (default: 1)"
    c.add_argument("--seconds", type=positive_float, metavar="S", default=1.0, help=what)
    add_json(c)


def run(options) -> None:
    """Print a table for each ladder, or write it into a document as soon as it is known."""
    if options.device == "cpu":
        if options.blocks:
            raise CommandError("--blocks: nothing is counted with --device cpu, it is measured")
        gains_cpu.run(options)
        return
    if options.shape:
        raise CommandError("--shape: is for --device cpu, where a ladder for a GPU is counted on its typical case")
    timer = None if cuda_problem() else clock(find_device("cuda"))
    machine = None if timer is None else timer.machine().name
    found = []
    for target in chosen(options.ladder, options.write):
        rows = rungs(target, options.blocks, options.gpu)
        timings = None if timer is None else measured(target, timer, options.seconds)
        text = f"{markdown(rows, timings)}\n\n{footnote(target, rows, options.gpu, machine)}\n"
        if options.write:
            fill(options.write, target, text)
            print(f"{target}: wrote {len(rows)} rungs to {options.write}", flush=True)
        else:
            print(f"{target}\n\n{text}", flush=True)
        medians = [None] * len(rows) if timings is None else [timing.median for timing in timings]
        for row, median in zip(rows, medians, strict=True):
            found.append({"ladder": str(target), **row, "sums": asdict(row["sums"]), "median": median})
    write_json(options.json, found)


def chosen(names: list[str], document: Path | None) -> list[Target]:
    """The ladders that are named, or all of two rungs or more; of these the ones with markers, if there is a document.

    Raises CommandError for a ladder that does not exist, and for a name of which the document has no ladder.
    """
    named = {name: [str(target) for target in find_targets(name)] for name in names}
    wanted = [ladder for ladders in named.values() for ladder in ladders]
    if document is None:
        if names:
            return [single(ladder) for ladder in wanted]
        return [target for target in find_targets(None) if len(target.rungs) > 1]
    marked = [ladder for ladder, _ in MARKER.findall(document.read_text())]
    if not marked:
        raise CommandError(f"{document}: has no '<!-- gains OPERATION.LADDER -->' with an '<!-- end -->' after it")
    for name, ladders in named.items():
        if not set(ladders) & set(marked):
            raise CommandError(f"{document}: {unknown('marker', name, marked)}")
    return [single(ladder) for ladder in marked if not names or ladder in wanted]


def single(name: str) -> Target:
    """The one ladder of that name. Raises CommandError."""
    target = find_target(name)
    if len(target.ladders) > 1:
        parts = (f"{target.operation.name}.{ladder.name}" for ladder in target.ladders)
        raise CommandError(f"{name}: has several ladders; choose from {', '.join(parts)}")
    return target


def rungs(target: Target, blocks: int | None, gpu: str) -> list[dict]:
    """For each rung of a ladder, on the operation's typical case, what it adds, its sums, and what they gained."""
    found: list[dict] = []
    for rung, text in enumerate(target.adds, 1):
        xrays, predictions, _ = counted(runs(target, rung, dict(target.operation.typical)), blocks, gpu)
        sums = Sums.of(xrays, predictions)
        executed = None if compiler_problem() else instructions(target, rung, gpu)
        gains = []
        if found:
            gains = sums.over(found[-1]["sums"]) + change(found[-1]["instructions"], executed, "fewer", "instructions")
        blocks_counted = [(len(counts.blocks), math.prod(counts.grid)) for counts in xrays]
        row = {"rung": rung, "adds": text, "gains": gains, "sums": sums, "instructions": executed}
        found.append({**row, "blocks": blocks_counted, "joining": joining(xrays[0])})
    return found


def instructions(target: Target, rung: int, gpu: str) -> int:
    """How many the threads of a rung execute as it is compiled for a GPU, on the operation's typical case."""
    case = dict(target.operation.typical)
    found = executions(lambda: runs(target, rung, case), [GPUS[gpu].architecture])
    return sum(executed.total("threads") for executed in found)


def measured(target: Target, timer: HostClock, seconds: float) -> list[Timing]:
    """The time of each rung, all rungs in turns."""
    operation, direction = target.operation, target.direction
    arguments = trial_of(operation, dict(operation.typical)).arguments(timer.device, direction)
    calls = {
        str(rung): timer.sequence(timer.device.bind(operation, direction, arguments, rung=rung, part=target.part))
        for rung in target.rungs
    }
    return list(timer.timings(calls, seconds).values())


def markdown(rows: list[dict], timings: list[Timing] | None) -> str:
    """A table, with measured times where there are any."""
    lines: list[tuple[str, ...]] = [HEADS if timings is None else (*HEADS, *MEASURED_HEADS)]
    lines.append(tuple("---" if i in (1, 2) else "--:" for i in range(len(lines[0]))))
    for number, row in enumerate(rows):
        cells = counts(row)
        if timings is not None:
            now, before = timings[number].median, timings[max(number - 1, 0)].median
            cells += (duration(now), f"{two_digits(before / now)} times" if number else "")
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def counts(row: dict) -> tuple[str, ...]:
    """The cells of a rung that stand for its x-ray."""
    sums = row["sums"]
    nothing = "" if row["rung"] == 1 else "no count changes by a tenth"
    return (
        str(row["rung"]),
        row["adds"].replace("|", "\\|"),
        ", ".join(row["gains"]) or nothing,
        f"{sums.active:.0%}",
        f"{sums.sectors:,.0f}",
        ratio(sums.sectors, sums.ideal_sectors),
        f"{sums.turns:,.0f}",
        ratio(sums.wavefronts, sums.ideal_wavefronts),
        barriers(sums),
        ratio(sums.flops, sums.bytes),
        "-" if row["instructions"] is None else f"{row['instructions']:,}",
        duration(sums.seconds),
        " + ".join(f"{some:,} of {all_blocks:,}" for some, all_blocks in row["blocks"]),
    )


def footnote(target: Target, rows: list[dict], gpu: str, machine: str | None) -> str:
    """What was run to make the table."""
    time = f"measured on {machine}" if machine else "nothing was measured"
    case = text_of(target.operation.typical)
    return f"Of `{case}`;\n{rows[0]['joining']};\n*at least* is predicted for the {GPUS[gpu].name}, {time}."


def fill(document: Path, target: Target, text: str) -> None:
    """Put a table between its markers, whole or not at all; all other text stays."""
    found = document.read_text()
    (place,) = (match for match in MARKER.finditer(found) if match[1] == str(target))
    write_whole(document, f"{found[: place.start(2)]}\n{text}\n{found[place.end(2) :]}".encode())
