"""A picture of a plan: what lives when in the arena, and where."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from framework.graph import Graph
from framework.plan import Plan
from framework.steps import TRANSIENT, Buffer
from kernels.files import write_figure
from kernels.gpu.xray.picture import COLOURS, GREY, INK

COLOUR = dict(zip(TRANSIENT, (COLOURS[0], COLOURS[3], COLOURS[1]), strict=True))
MEANING = {
    "activation": "activation: an output of an operation",
    "saved": "saved: what an operation keeps for its backward",
    "delta-error": "delta-error (gradient of an activation)",
}
BESIDE = {"parameter": "parameters", "gradient": "their gradients", "input": "inputs", "constant": "constants"}
UNITS = (("MiB", 2**20), ("KiB", 2**10), ("bytes", 1))

# In points, 1/72 inch: the panel, roughly, and what a letter and a line of a name take of it.
WIDTH, HEIGHT, LETTER, LINE = 690, 310, 4.6, 10

# Steps above which there is no room for their names.
NAMED_STEPS = 64


def draw_plan(graph: Graph, path: Path) -> None:
    """Draw the plan of a training step of a network, which has an output `loss`, into a PNG."""
    batch = graph.of_role("input")[0].shape[0]
    write_figure(
        path, plan_figure(Plan(graph, ("loss",), objective="loss"), f"{graph.name}, a training step of {batch}")
    )


def plan_figure(plan: Plan, title: str) -> Figure:
    """Steps to the right, bytes of the arena upwards; an array is a rectangle: its life wide, its size high."""
    figure = Figure(figsize=(11, 6.6), dpi=120, facecolor="white", layout="constrained")
    apart = sum(buffer.bytes for buffer in plan.transient)
    memory = f"{readable(plan.arena_bytes)} with reuse, {readable(apart)} without"
    heading = f"{title}: {memory} (ratio {plan.arena_bytes / apart:.2f})"
    figure.suptitle(heading, color=INK, fontsize=13, fontweight="bold", x=0.012, ha="left")
    axes = figure.subplots()
    axes.set_title(beside(plan), loc="left", fontsize=9, color=GREY)
    for buffer in plan.transient:
        _rectangle(axes, buffer, plan)
    _label_steps(axes, plan)
    unit, size = next((unit, size) for unit, size in UNITS if size <= plan.arena_bytes)
    ticks = MaxNLocator(nbins=8).tick_values(0, plan.arena_bytes / size)
    axes.set_yticks([tick * size for tick in ticks], [f"{tick:g}" for tick in ticks])
    axes.set(xlim=(0, _end(plan)), ylim=(0, plan.arena_bytes * 1.06))
    axes.set_ylabel(f"address in the arena ({unit})", color=INK)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, length=0, labelsize=8)
    kinds = [kind for kind in TRANSIENT if any(buffer.kind == kind for buffer in plan.transient)]
    handles = [Rectangle((0, 0), 1, 1, color=COLOUR[kind]) for kind in kinds]
    figure.legend(handles, [MEANING[k] for k in kinds], loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure


def beside(plan: Plan) -> str:
    """What is not in the arena, and its sizes."""
    sizes = {k: sum(buffer.bytes for buffer in plan.buffers if buffer.kind == k) for k in BESIDE}
    return "not in the arena: " + ", ".join(f"{BESIDE[k]} {readable(size)}" for k, size in sizes.items() if size)


def readable(size: int) -> str:
    """Bytes as a person reads them."""
    unit, each = next((unit, each) for unit, each in UNITS if each <= max(size, 1))
    return f"{size / each:.3g} {unit}"


def _end(plan: Plan) -> int:
    """Where the picture ends: an output lives on after the last step."""
    return max(buffer.last for buffer in plan.transient) + 1


def _rectangle(axes: Axes, buffer: Buffer, plan: Plan) -> None:
    start, stop = buffer.first, buffer.last + 1
    corner, colour = (start, buffer.offset), COLOUR[buffer.kind]
    axes.add_patch(Rectangle(corner, stop - start, buffer.bytes, facecolor=colour, edgecolor="white", linewidth=0.8))
    if start < plan.forward_steps < stop:  # its name stands in the larger part, clear of the line between
        parts = (start, plan.forward_steps), (plan.forward_steps, stop)
        start, stop = max(parts, key=lambda part: part[1] - part[0])
    wide, high = WIDTH * (stop - start) / _end(plan), HEIGHT * buffer.bytes / plan.arena_bytes
    lines = (buffer.name, readable(buffer.bytes))
    texts = ("\n".join(lines), 0), (", ".join(lines), 0), (", ".join(lines), 90), (buffer.name, 0), (buffer.name, 90)
    for text, angle in texts:
        rows = text.split("\n")
        along, across = LETTER * max(map(len, rows)), LINE * len(rows)
        if (along <= wide and across <= high) if angle == 0 else (along <= high and across <= wide):
            centre = (start + stop) / 2, buffer.offset + buffer.bytes / 2
            axes.text(*centre, text, rotation=angle, color="white", fontsize=7.5, ha="center", va="center")
            return


def _label_steps(axes: Axes, plan: Plan) -> None:
    """Below, which layer runs; above, where forward ends and backward begins."""
    steps, turn = len(plan.steps), plan.forward_steps
    for text, start, stop in (("forward", 0, turn), ("backward", turn, steps)):
        if start < stop:
            place = (start + stop) / 2, plan.arena_bytes * 1.025
            axes.text(*place, text, color=INK, fontsize=9, ha="center", va="center")
    if turn < steps:
        axes.axvline(turn, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    axes.set_xlabel("step", color=INK)
    if steps <= NAMED_STEPS:
        axes.set_xticks([number + 0.5 for number in range(steps)], [step.label for step in plan.steps], rotation=90)
        axes.set_xlabel("step, by the layer whose operation runs", color=INK)
