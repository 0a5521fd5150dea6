"""A picture of one request: which address each lane of a warp touches, and what the hardware makes of it."""

import linecache
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kernels.files import write_figure
from kernels.gpu.interpreter.warp import WARP_SIZE
from kernels.gpu.xray.counts import BANKS, SECTOR, WORD, Access, WorstRequest, Xray

COLOURS = ("#0b62a4", "#d1495b", "#2a9d6f", "#e08e1b", "#6f4ea1", "#4d5b66")
INK, FAINT, GREY = "#22272e", "#e6eaee", "#7d8790"
TITLE_WIDTH = 92


def draw(xray: Xray, path: Path, title: str) -> None:
    """Draw the worst request of a launch that accesses memory into a PNG."""
    number = xray.worst
    access, example = xray.accesses[number], xray.examples[number]
    draw_panel = shared_panel if access.space == "shared" else global_panel
    figure = Figure(figsize=(9, 5.6), dpi=150, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1))
    verdict = draw_panel(left, right, access, example)
    text = linecache.getline(access.file, access.line).strip()
    text = text if len(text) <= TITLE_WIDTH else text[: TITLE_WIDTH - 3] + "..."
    figure.suptitle(f"{title}: {verdict}", color=INK, fontsize=13, fontweight="bold", x=0.012, ha="left")
    block = xray.blocks[example.block]
    where = f"line {access.line}: warp {example.warp} of block {block} {access.kind}s {access.array}"
    left.set_title(f"{where}\n{text}", loc="left", fontsize=8.5, color=GREY, fontfamily="monospace")
    left.set_xlabel("lane", color=INK)
    left.set(xlim=(-0.7, WARP_SIZE - 0.3), xticks=[0, 4, 8, 12, 16, 20, 24, 28, 31])
    for axes in (left, right):
        axes.spines[:].set_visible(False)
        axes.tick_params(colors=INK, length=0, labelsize=8)
    write_figure(path, figure)


def global_panel(left: Axes, right: Axes, access: Access, example: WorstRequest) -> str:
    """A row for each sector that is touched; each lane's bytes at their place in it, which is drawn as its height."""
    lanes, offsets = active_lanes(example)
    sectors = np.unique(offsets // SECTOR)
    row = np.searchsorted(sectors, offsets // SECTOR)
    inside = offsets % SECTOR / SECTOR
    height = access.width / SECTOR
    bands(left, len(sectors))
    boxes(left, lanes, row - 0.42 + 0.84 * inside, 0.84 * height, row)
    for gap in np.flatnonzero(np.diff(sectors) > 1):  # memory that lies between is not drawn
        left.axhline(gap + 0.5, color=GREY, linewidth=0.7, linestyle=(0, (2, 3)))
    step = max(1, len(sectors) // 16)
    left.set(ylim=(len(sectors) - 0.5, -0.5), yticks=range(0, len(sectors), step))
    left.set_yticklabels([f"{SECTOR * s:,}" for s in sectors[::step]])
    left.set_ylabel(f"byte of {access.array} at which a sector of {SECTOR} begins", color=INK)
    used = np.array([len(np.unique(offsets[row == i])) * access.width for i in range(len(sectors))])
    bars(right, used, SECTOR, "bytes used of 32")
    ideal = -(-int(used.sum()) // SECTOR)
    return f"{plural(len(sectors), 'sector')} for {used.sum()} bytes, {judged(len(sectors), ideal)}"


def shared_panel(left: Axes, right: Axes, access: Access, example: WorstRequest) -> str:
    """A row for each bank. A lane's colour says in which turn its bank has its word: the first is blue."""
    lanes, offsets = active_lanes(example)
    count = max(access.width // WORD, 1)
    words = (offsets // WORD)[:, np.newaxis] + np.arange(count)
    lanes = np.repeat(lanes, count)
    words = words.ravel()
    bank, turn = words % BANKS, np.empty_like(words)
    for number in np.unique(bank):
        _, turn[bank == number] = np.unique(words[bank == number], return_inverse=True)
    bands(left, BANKS)
    boxes(left, lanes, bank - 0.42, 0.84, turn)
    left.set(ylim=(BANKS - 0.5, -0.5), yticks=range(0, BANKS, 4), ylabel="bank of shared memory")
    turns = np.array([len(np.unique(words[bank == number])) for number in range(BANKS)])
    bars(right, turns, max(turns.max(), 1), "words to give", turns)
    ideal = -(-int(turns.sum()) // BANKS)
    return f"{plural(turns.max(), 'turn')} for {plural(turns.sum(), 'word')}, {judged(turns.max(), ideal)}"


def judged(count, ideal) -> str:
    return f"where {ideal} would do" if ideal < count else "as few as can be"


def plural(count, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def active_lanes(example):
    """(numbers, offsets) of the lanes that take part."""
    lanes = [lane for lane, offset in enumerate(example.offsets) if offset is not None]
    return np.array(lanes), np.array([example.offsets[lane] for lane in lanes])


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def bands(axes: Axes, count: int) -> None:
    """A faint band for each row."""
    patches = [Rectangle((-0.6, row - 0.42), WARP_SIZE + 0.2, 0.84) for row in range(count)]
    axes.add_collection(PatchCollection(patches, facecolor=FAINT, edgecolor="none"))


def boxes(axes: Axes, lanes, tops, height: float, colours) -> None:
    patches = [Rectangle((lane - 0.42, top), 0.84, height) for lane, top in zip(lanes, tops, strict=True)]
    faces = [to_rgb(colour(number)) for number in colours]
    axes.add_collection(PatchCollection(patches, facecolor=faces, edgecolor="white", linewidth=0.4))


def bars(axes: Axes, lengths, most, label: str, turns=None) -> None:
    """How much of each row is used, beside it."""
    for row, length in enumerate(lengths):
        axes.barh(row, most, height=0.84, color=FAINT)
        if turns is None:
            axes.barh(row, length, height=0.84, color=colour(row))
        for turn in range(0 if turns is None else int(length)):
            axes.barh(row, 1, left=turn, height=0.84, color=colour(turn), edgecolor="white", linewidth=0.4)
    axes.set(xlim=(0, most), xticks=[0, most], xlabel=label)
    axes.xaxis.label.set_color(INK)
    axes.tick_params(labelleft=False)
