"""python -m kernels profile: how fast a kernel is against the machine and other libraries."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from kernels.bench.timing import HostClock, Machine, clock
from kernels.bench.trial import Trial
from kernels.commands import libraries
from kernels.commands.command_line import (
    CommandError,
    Parser,
    add_json,
    note,
    one_line,
    picture_file,
    positive_float,
    write_json,
)
from kernels.commands.targets import (
    Target,
    add_shape,
    case_of,
    find_target,
    operations,
    require_operation,
    text_of_trial,
    trial_of,
)
from kernels.device import DEVICES, Device, find_device
from kernels.files import write_figure
from kernels.gpu.together import compile_together
from kernels.modules import OperationError
from kernels.operation import ShapeError, left_out
from kernels.table import table


def add(c: Parser) -> None:
    c.add_argument("ladder", nargs="?", metavar="OPERATION[.LADDER]", help="only this one (default: all)")
    add_shape(c)
    what = f"{', '.join(DEVICES)} (default: cuda where found, else cpu)"
    c.add_argument("--device", metavar="NAME[,NAME]", default="auto", help=what)
    what = "a number, on the CPU also a name, all, or last (default: last, the highest); some have one on the CPU"
    c.add_argument("--rung", metavar="N", default="last", help=what)
    what = f"libraries to compare with: {', '.join(libraries.NAMES)}"
    c.add_argument("--against", metavar="NAME[,NAME]", default="", help=what)
    what = "how long to time each kernel (default: 1)"
    c.add_argument("--seconds", type=positive_float, metavar="S", default=1.0, help=what)
    what = "also draw the kernels under the machine's roofline"
    c.add_argument("--figure", type=picture_file, metavar="FILE.png", help=what)
    add_json(c)


def run(options) -> int:
    """Print a table, one line a kernel and device. What is measured is kept at once, should a later kernel fail."""
    devices = [find_device(name) for name in options.device.split(",")]
    against = [name for name in options.against.split(",") if name]
    libraries.require(against)
    wanted = []
    found: list[dict] = []
    machines: list[dict] = []
    failed = 0
    for target in _targets(options.ladder):
        try:
            wanted.append((target, {device: rungs_of(target, device, options.rung) for device in devices}))
        except OperationError as error:
            if options.ladder:
                raise
            left_out(error)
            failed = 1
    for timer in map(clock, devices):
        machine = timer.machine()
        machines.append({"device": timer.device.name, **asdict(machine)})
        print(f"{machine.name}: copies {machine.bandwidth / 1e9:.1f} GB/s, multiplies {machine.rate / 1e9:.0f} GFLOP/s")
        trials = [trial_of(target.operation, case_of(target.operation, options.shape)) for target, _ in wanted]
        if timer.device.name == "cuda":
            compile_together(
                launch
                for (target, rungs), trial in zip(wanted, trials, strict=True)
                for rung in rungs[timer.device]
                for launch in target.launches(trial, rung)
            )
        for (target, rungs), trial in zip(wanted, trials, strict=True):
            try:
                found += measure(target, trial, timer, machine, rungs[timer.device], against, options.seconds)
            except Exception as error:
                if len(wanted) == 1 or isinstance(error, (CommandError, ShapeError)):
                    raise
                note(f"{target} is not timed, {type(error).__name__}: {one_line(error)}")
                failed = 1
            write_json(options.json, {"machines": machines, "kernels": found})
    print(table([heads(against), *(cells(row, against) for row in found)], left=2))
    for operation, shape in {row["kernel"].partition(".")[0]: row["shape"] for row in found}.items():
        print(f"{operation}: {shape}")
    if options.figure:
        roofline(found, machines, options.figure)
        print(f"wrote {options.figure}")
    return failed


def _targets(text: str | None) -> list[Target]:
    """Whole directions: a kernel on the CPU computes all gradients at once."""
    if text and "." in text:
        return [find_target(text)]
    chosen = operations().values() if text is None else [require_operation(text)]
    return [Target(operation, direction) for operation in chosen for direction in operation.directions]


def rungs_of(target: Target, device: Device, text: str) -> Sequence[int | None]:
    """The rungs that "all", "last" or a number names; None is the highest that suits, or all that there is.

    Raises OperationError for an implementation that a device needs and that is not there, or has an error.
    """
    target.operation.implementation(device.runs(target.operation))
    if device.name == "cpu" and target.cpu_ladder:
        return target.choose_cpu_rungs(text)
    rungs = target.choose_rungs(text) if target.operation.has("cuda") else []
    return rungs if device.implementation == "cuda" else [None]


def measure(
    target: Target,
    trial: Trial,
    timer: HostClock,
    machine: Machine,
    rungs: Sequence[int | None],
    against: Sequence[str],
    seconds: float,
) -> list[dict]:
    """A row for each rung, or for the one kernel of a device without rungs. Libraries are timed in the same turns."""
    device, operation, direction = timer.device, target.operation, target.direction
    if device.implementation != "cuda" and target.part is not None:
        raise CommandError(f"{target}: on {device} the gradients are one call, profile {operation.name}.{direction}")
    arguments = trial.arguments(device, direction)
    algorithms: dict[int | None, str] = {}
    if device.name == "cpu" and (ladder := target.cpu_ladder):
        chosen = [ladder.choose(arguments, rung) for rung in rungs]  # of those that do not suit, the next below
        algorithms = {each.number: each.name for each in chosen}
        rungs = list(algorithms)
    names = {f"rung {rung}": rung for rung in rungs}
    calls = {}
    for name, rung in names.items():
        calls[name] = timer.sequence(device.bind(operation, direction, arguments, rung=rung, part=target.part))
    for library in against if target.part is None else ():
        if call := libraries.call(library, trial, direction, timer):
            calls[library] = call
    timings = timer.timings(calls, seconds)
    rows = []
    for name, rung in names.items():
        row = {"kernel": str(target), "device": device.name, "rung": rung, "algorithm": algorithms.get(rung)}
        row["shape"] = text_of_trial(trial)
        row |= asdict(timings[name]) | rates(target, trial, machine, timings[name].median)
        rows.append(row | {f"of_{n}": timings[name].median / timings[n].median for n in against if n in timings})
    return rows


def rates(target: Target, trial: Trial, machine: Machine, seconds: float) -> dict[str, float]:
    """What a run in so many seconds comes to: GFLOP/s, GB/s, flop/byte, and the shortest time possible over its own."""
    operation = target.operation
    shapes = {name: trial.shapes[name] for name in operation.inputs}
    flops = operation.flops(**shapes, **trial.settings)[operation.directions.index(target.direction)]
    size = operation.bytes(target.direction, trial.shapes)
    return {
        "gflops": flops / seconds / 1e9,
        "gbytes": size / seconds / 1e9,
        "intensity": flops / size,
        "roofline": machine.shortest(flops, size) / seconds,
    }


def heads(against: Sequence[str]) -> list[str]:
    """Of the table."""
    ours = ["kernel", "device", "median ms", "10 % to 90 %", "GFLOP/s", "GB/s", "flop/byte", "roofline"]
    return [*ours, *(f"of {library}'s time" for library in against)]


def cells(row: dict, against: Sequence[str]) -> list[str]:
    """A row as a line of the table."""
    return [
        row["kernel"],
        where(row),
        f"{row['median'] * 1e3:.3f}",
        f"{row['fast'] * 1e3:.3f} to {row['slow'] * 1e3:.3f}",
        f"{row['gflops']:.1f}",
        f"{row['gbytes']:.1f}",
        f"{row['intensity']:.2f}",
        f"{row['roofline']:.0%}",
        *(f"{row[f'of_{library}']:.3g}" if f"of_{library}" in row else "-" for library in against),
    ]


def where(row: dict) -> str:
    """The device of a row, and there the rung and its name."""
    if row["rung"] is None:
        return row["device"]
    return f"{row['device']} rung {row['rung']}" + (f", {row['algorithm']}" if row["algorithm"] else "")


def roofline(rows: list[dict], machines: list[dict], path: Path) -> None:
    """Draw rates over arithmetic intensity, under what each machine could do at best (Williams et al., 2009)."""
    from matplotlib.figure import Figure  # here, because it loads slowly and is seldom needed

    figure = Figure(figsize=(9, 5.5), dpi=150, layout="constrained", facecolor="white")
    axes = figure.subplots()
    drawn = [row for row in rows if row["gflops"] > 0]
    intensities = [row["intensity"] for row in drawn] or [1.0]
    for number, machine in enumerate(machines):
        ridge = machine["rate"] / machine["bandwidth"]
        x = np.geomspace(min(*intensities, ridge) / 4, max(*intensities, ridge) * 4, 200)
        y = np.minimum(machine["rate"], x * machine["bandwidth"]) / 1e9
        axes.plot(x, y, color=f"C{number}", label=machine["name"])
        for row in drawn:
            if row["device"] == machine["device"]:
                rung = "" if row["rung"] is None else f" {row['rung']}"
                axes.plot(row["intensity"], row["gflops"], "o", color=f"C{number}")
                axes.annotate(
                    row["kernel"] + rung,
                    (row["intensity"], row["gflops"]),
                    (5, -9),
                    textcoords="offset points",
                    fontsize=7,
                )
    axes.set(xscale="log", yscale="log", xlabel="arithmetic intensity, flop / byte", ylabel="GFLOP/s")
    axes.grid(alpha=0.3)
    axes.legend()
    write_figure(path, figure)
