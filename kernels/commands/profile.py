"""python -m kernels profile: how fast a kernel is against machine and libraries, or where a model's step goes."""

import importlib
from dataclasses import asdict
from pathlib import Path

from kernels.bench.timing import HostClock, Machine, Timing, clock
from kernels.bench.trial import Trial
from kernels.commands import libraries
from kernels.commands.common import (
    CommandError,
    Target,
    add_command,
    add_shape,
    case_of,
    find_target,
    operations,
    table,
    text_of,
    trial_of,
    write_json,
)
from kernels.device import DEVICES, Call, Device, find_device
from kernels.operation import unknown

# Models stand above the kernels, which know none of them. So the one module that profiles models is named here as a
# user names it, and imported when a model is asked for.
MODEL_PROFILER = "apps.profile"


def add(subparsers) -> None:
    c = add_command(
        subparsers,
        "profile",
        run,
        "time a kernel against the machine and other libraries, or find where a model's training step goes",
        "profile conv2d --shape x=50,32,24,24 w=32,32,5,5 --against torch",
    )
    c.add_argument("ladder", nargs="?", metavar="OPERATION[.DIRECTION]", help="default: everything")
    add_shape(c)
    c.add_argument("--model", metavar="NAME", help="a training step of this model instead, one line a call")
    c.add_argument("--batch-size", type=int, help="of a model (default: the model's own)")
    c.add_argument("--size", type=int, metavar="PIXELS", help="side of a detector's pictures (default: its own)")
    c.add_argument("--top", type=int, default=40, metavar="N", help="lines of a model's table (default: 40)")
    c.add_argument(
        "--device", metavar="NAME[,NAME]", help=f"{', '.join(DEVICES)} (default: cuda where found, else cpu)"
    )
    c.add_argument("--rung", default="last", help="a number, all, or last (the default); the CPU has one")
    c.add_argument("--against", metavar="NAME[,NAME]", default="", help="libraries to compare with: numpy, torch, cupy")
    c.add_argument("--seconds", type=float, default=1.0, help="how long to time each kernel (default: 1)")
    c.add_argument("--figure", type=Path, metavar="FILE", help="also draw the kernels under the machine's roofline")


def run(options) -> None:
    """Print a table, one line a kernel and device."""
    devices = _devices(options.device)
    if options.model:
        _run_model(options, [device.name for device in devices])
        return
    targets = _targets(options.ladder)
    against = [name for name in options.against.split(",") if name]
    libraries.require(against)
    for target in targets:
        _rungs(target, options.rung)
    found: list[dict] = []
    machines: list[dict] = []
    for device in devices:
        timer = clock(device)
        machine = timer.machine()
        machines.append({"device": device.name, **asdict(machine)})
        print(f"{machine.name}: copies {machine.bandwidth / 1e9:.1f} GB/s, multiplies {machine.rate / 1e9:.0f} GFLOP/s")
        for target in targets:
            case = case_of(target.operation, options.shape)
            found += measure(target, trial_of(target.operation, case), timer, machine, options, against)
    print(table([_heads(against), *(_cells(row, against) for row in found)], left=2))
    for operation, shape in {row["kernel"].partition(".")[0]: row["shape"] for row in found}.items():
        print(f"{operation}: {shape}")
    if options.figure:
        roofline(found, machines, options.figure)
        print(f"wrote {options.figure}")
    write_json(options, {"machines": machines, "kernels": found})


def _devices(text: str | None) -> list[Device]:
    if text is None:
        return [find_device()]
    for name in text.split(","):
        if name not in DEVICES:
            raise CommandError(unknown("device", name, DEVICES))
    return [find_device(name) for name in text.split(",")]


def _targets(text: str | None) -> list[Target]:
    """Whole directions: a kernel on the CPU computes all gradients at once."""
    if text and "." in text:
        return [find_target(text)]
    chosen = operations().values() if text is None else [find_target(text).operation]
    return [Target(o, direction) for o in chosen for direction in o.directions]


def measure(target: Target, trial: Trial, timer: HostClock, machine: Machine, options, against) -> list[dict]:
    """A row for each rung that is wanted, with the times of libraries in the same turns."""
    device, part = timer.device, target.part
    ladders = device.implementation == "cuda"
    if part and not ladders:
        raise CommandError(
            f"{target}: on {device} the gradients are one call, profile {target.operation.name}.backward"
        )
    arguments = trial.arguments(device, target.direction)
    rungs = {f"rung {n}": n for n in _rungs(target, options.rung)} if ladders else {device.name: None}
    calls: dict[str, Call] = {}
    for name, rung in rungs.items():
        calls[name] = timer.sequence(device.bind(target.operation, target.direction, arguments, rung=rung, part=part))
    others = {}
    if not part:
        others = {name: libraries.call(name, trial, target.direction, timer) for name in against}
    calls |= {name: call for name, call in others.items() if call is not None}
    timings = timer.timings(calls, options.seconds)
    flops = target.operation.flops(**{n: trial.shapes[n] for n in target.operation.inputs}, **trial.settings)
    work = flops[target.direction == "backward"]
    size = target.operation.bytes(target.direction, trial.shapes)
    shape = text_of({n: trial.shapes[n] for n in target.operation.inputs} | trial.settings)
    rows = []
    for name, timing in timings.items():
        if name not in others:
            ratios = {f"of_{other}": timing.median / timings[other].median for other in others if other in timings}
            rows.append(_row(target, device.name, name, shape, timing, machine, work, size) | ratios)
    return rows


def _row(target, device, name, shape, timing: Timing, machine: Machine, flops: int, size: int) -> dict:
    return {
        "kernel": str(target),
        "device": device,
        "rung": None if name == device else int(name.removeprefix("rung ")),
        "shape": shape,
        **asdict(timing),
        "gflops": flops / timing.median / 1e9,
        "gbytes": size / timing.median / 1e9,
        "intensity": flops / size,
        "roofline": machine.shortest(flops, size) / timing.median,
    }


def _rungs(target: Target, text: str) -> list[int]:
    if text in ("all", "last"):
        return list(target.rungs) if text == "all" else [target.rungs[-1]]
    if not text.isdigit():
        raise CommandError(f"{unknown('rung', text, target.rungs)}, all or last")
    return [target.require_rung(int(text))]


def _heads(against):
    heads = ("kernel", "device", "median ms", "10 % to 90 %", "GFLOP/s", "GB/s", "flop/byte", "roofline")
    return (*heads, *(f"of {name}'s time" for name in against))


def _cells(row, against):
    ratios = (f"{row[f'of_{name}']:.3g}" if f"of_{name}" in row else "-" for name in against)
    return (
        row["kernel"],
        row["device"] if row["rung"] is None else f"{row['device']} rung {row['rung']}",
        f"{row['median'] * 1e3:.3f}",
        f"{row['fast'] * 1e3:.3f} to {row['slow'] * 1e3:.3f}",
        f"{row['gflops']:.1f}",
        f"{row['gbytes']:.1f}",
        f"{row['intensity']:.2f}",
        f"{row['roofline']:.0%}",
        *ratios,
    )


def roofline(rows: list[dict], machines: list[dict], path: Path) -> None:
    """Draw rates over arithmetic intensity, under what each machine could do at best (Williams et al., 2009)."""
    import numpy as np
    from matplotlib.figure import Figure

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
    figure.savefig(path, format="png")


def _run_model(options, devices: list[str]) -> None:
    profiler = importlib.import_module(MODEL_PROFILER)
    if options.model not in profiler.MODELS:
        raise CommandError(unknown("model", options.model, profiler.MODELS))
    if options.size and options.model not in profiler.SIZED:
        raise CommandError(f"--size: {options.model} takes pictures of one size, unlike {', '.join(profiler.SIZED)}")
    for name in ("batch_size", "size", "top"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise CommandError(f"--{name.replace('_', '-')}: {value} must be at least 1")
    results = []
    for name in devices:
        result = profiler.profile(options.model, options.batch_size, options.size, name, options.seconds)
        results.append(result)
        whole, total = result["step"]["median"], sum(row["median"] for row in result["calls"])
        what = f"a training step of {options.model}, batch {result['batch']}, {result['size']} pixels, on {name}"
        print(f"{what}: {whole * 1e3:.2f} ms")
        kernels: dict[str, list[float]] = {}
        for row in result["calls"]:
            kernels.setdefault(f"{row['operation']}.{row['direction']}", []).append(row["median"])
        by_time = sorted(kernels.items(), key=lambda item: -sum(item[1]))
        sums = [(k, str(len(t)), f"{sum(t) * 1e3:.3f}", f"{sum(t) / total:.1%}") for k, t in by_time]
        print(table([("kernel", "calls", "median ms, summed", "share"), *sums], left=1))
        # In the order in which they run, but of a network of hundreds of calls only those that take longest.
        shown = sorted(result["calls"], key=lambda row: -row["median"])[: options.top]
        rest = sum(row["median"] for row in result["calls"]) - sum(row["median"] for row in shown)
        lines = [
            (
                row["layer"],
                f"{row['operation']}.{row['direction']}",
                f"{row['median'] * 1e3:.3f}",
                f"{row['fast'] * 1e3:.3f} to {row['slow'] * 1e3:.3f}",
                f"{row['median'] / total:.1%}",
            )
            for row in result["calls"]
            if row in shown
        ]
        if left := len(result["calls"]) - len(shown):
            lines.append((f"{left} shorter calls", "", f"{rest * 1e3:.3f}", "", f"{rest / total:.1%}"))
        lines.append(("sum of the calls", "", f"{total * 1e3:.3f}", f"{total / whole:.0%} of the step", "100.0%"))
        print()
        print(table([("layer", "kernel", "median ms", "10 % to 90 %", "share"), *lines], left=2))
        if "launched" in result:
            share = 1 - whole / result["launched"]["median"]
            print(f"launched one by one: {result['launched']['median'] * 1e3:.2f} ms, of which launching {share:.0%}")
    write_json(options, results)
