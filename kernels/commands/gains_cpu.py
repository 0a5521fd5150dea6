"""python -m kernels gains --device cpu: what each rung of a ladder for CPU cores gained, measured here.

What a rung gains depends on the sizes, so a table's marker may name its case, in place of the typical one:

    <!-- gains-cpu softmax.forward x=4096,1000 -->
"""

import platform
import re
import textwrap
from dataclasses import asdict
from pathlib import Path

import numba

from kernels.bench.timing import HostClock
from kernels.commands.command_line import CommandError, write_json
from kernels.commands.profile import rates
from kernels.commands.targets import Target, case_of, cpu_ladders, find_cpu_ladders, text_of, trial_of
from kernels.cpu.vectors import LANES
from kernels.device import find_device
from kernels.files import write_whole
from kernels.gpu.xray.sums import two_digits
from kernels.operation import unknown

HEADS = "rung", "", "what it adds", "median", "gained", "GFLOP/s", "GB/s"
MARKER = re.compile(r"<!-- gains-cpu (\S+)((?: \S+=\S+)*) -->\n((?:(?!<!--).)*)<!-- end -->", re.DOTALL)


class SecondRun(HostClock):
    """Times the second of two runs. While a rung of one core has its turn the others fall asleep, and waking them takes
    longer than some of these calls; in a network they are awake, as what ran before used them, too."""

    def once(self, call):
        call()
        return super().once(call)


def run(options) -> None:
    """Print a table for each ladder, or write it into a document as soon as it is known."""
    timer = SecondRun(find_device("cpu"))
    machine = timer.machine()
    found = []
    for target, words in chosen(options.ladder, options.shape, options.write):
        trial = trial_of(target.operation, case_of(target.operation, words))
        arguments = trial.arguments(timer.device, target.direction)
        rungs = target.require_cpu_ladder().suiting(arguments)
        calls = {}
        for rung in rungs:
            bound = timer.device.bind(target.operation, target.direction, arguments, rung=rung.number)
            calls[rung.name] = timer.sequence(bound)
        timings = timer.timings(calls, options.seconds)
        rows = [
            {"rung": rung.number, "name": rung.name, "adds": rung.adds, **asdict(timings[rung.name])}
            | rates(target, trial, machine, timings[rung.name].median)
            for rung in rungs
        ]
        case = text_of({name: trial.shapes[name] for name in target.operation.inputs})
        said = textwrap.fill(f"Of `{case}`, measured on {processor()}.", 120, break_long_words=False)
        text = f"{markdown(rows)}\n\n{said}\n"
        if options.write:
            fill(options.write, target, words, text)
            print(f"{target}: wrote {len(rows)} rungs to {options.write}", flush=True)
        else:
            print(f"{target}\n\n{text}", flush=True)
        found += [{"ladder": str(target), "case": case, **row} for row in rows]
    write_json(options.json, found)


def chosen(names: list[str], words: list[str] | None, document: Path | None) -> list[tuple[Target, list[str] | None]]:
    """The ladders that are named, or all; with the words of --shape, or those of the markers if there is a document.

    Raises CommandError for a ladder that does not exist, and for a name of which the document has no ladder.
    """
    wanted = [target for name in names for target in find_cpu_ladders(name)] if names else cpu_ladders()
    if document is None:
        return [(target, words) for target in wanted]
    if words:
        raise CommandError("--shape: with --write the markers say it, as in <!-- gains-cpu softmax.forward x=64,10 -->")
    marked = [(name, given.split()) for name, given, _ in MARKER.findall(document.read_text())]
    for target in wanted if names else ():
        if str(target) not in dict(marked):
            raise CommandError(f"{document}: {unknown('marker', target, dict(marked))}")
    every = {str(target): target for target in cpu_ladders()}
    for name, _ in marked:
        if name not in every:
            raise CommandError(f"{document}: {unknown('ladder for the CPU', name, every)}")
    if not marked:
        raise CommandError(
            f"{document}: has no '<!-- gains-cpu OPERATION.DIRECTION -->' with an '<!-- end -->' after it"
        )
    return [(every[name], given) for name, given in marked if every[name] in wanted]


def markdown(rows: list[dict]) -> str:
    """A table."""
    lines: list[tuple[str, ...]] = [HEADS, ("--:", "---", "---", "--:", "--:", "--:", "--:")]
    for row, before in zip(rows, [None, *rows], strict=False):
        gained = f"{two_digits(before['median'] / row['median'])} times" if before else ""
        median, adds = shown(row["median"]), row["adds"].replace("|", "\\|")
        lines.append(
            (str(row["rung"]), row["name"], adds, median, gained, f"{row['gflops']:.1f}", f"{row['gbytes']:.1f}")
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def shown(seconds: float) -> str:
    """A time as one reads it, with three digits."""
    factor, unit = next((f, u) for f, u in ((1, "s"), (1e3, "ms"), (1e6, "µs")) if seconds * f >= 0.9995 or u == "µs")
    value = seconds * factor
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def processor() -> str:
    """What the times depend on: the processor, how many cores of it, and how wide its vectors are."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.*)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else []
    name = names[0] if names else platform.processor() or platform.machine()
    cores, lanes = numba.get_num_threads(), "with" if LANES == 32 else "without"
    return f"{cores} {'core' if cores == 1 else 'cores'} of {name}, {lanes} AVX-512"


def fill(document: Path, target: Target, words: list[str] | None, text: str) -> None:
    """Put a table between its markers, whole or not at all; all other text stays."""
    found = document.read_text()
    key = (str(target), words or [])
    (place,) = (match for match in MARKER.finditer(found) if (match[1], match[2].split()) == key)
    write_whole(document, f"{found[: place.start(3)]}\n{text}\n{found[place.end(3) :]}".encode())
