"""The figures of Zozoulenko (2018), drawn again: every value in them comes out of this project's own kernels.

`python -m docs.figures 10` writes docs/figures/10.png; figures.md shows them all. The same command writes the same
bytes, and needs no display.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from apps.command_line import run
from apps.figures import COLOURS, FAINT, INK, save
from apps.mnist.figures import learning_curves
from kernels.bench.trial import Trial
from kernels.commands.command_line import CommandError, command, picture_file
from kernels.operation import all_operations

FOLDER = Path(__file__).with_suffix("")
RUNS = [Path("runs/mnist-cnn6-1"), Path("runs/mnist-fcc6-1")]
BLUE, RED, GREEN, ORANGE, VIOLET, _ = COLOURS
GREY = "#7d8790"
WIDTH, DPI = 8, 150  # inches; at 800 pixels a page still shows it legibly

Arrays = Mapping[str, np.ndarray]


def compute(name: str, kind: str = "cpu", dy=None, **given) -> dict[str, np.ndarray]:
    """All arrays of one run of an operation, its gradients too where dy is given. `given`: inputs and settings."""
    operation = all_operations()[name]
    settings = {setting: given.pop(setting) for setting in operation.settings if setting in given}
    trial = Trial.of_arrays(operation, settings, **given, **({} if dy is None else {"dy": dy}))
    arrays = trial.forward(kind)
    gradients = {} if dy is None else trial.backward(kind, arrays)
    return {name: array for name, array in trial.arrays.items() if array is not None} | arrays | gradients


def image(values) -> np.ndarray:
    """Rows and columns as a batch of one image with one channel."""
    return np.asarray(values)[np.newaxis, np.newaxis]


ACTIVATIONS = {
    "relu": ("ReLU", BLUE),
    "sigmoid": ("sigmoid", RED),
    "tanh": ("tanh", GREEN),
    "leaky_relu": ("leaky ReLU", ORANGE),
    "arctan": ("arctan", VIOLET),
}


def activations() -> Figure:
    """Figure 4: each function thick, its slope thin: what forward makes of x, and backward of a delta-error of 1."""
    figure = sheet(5)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(2, 3).ravel()
    stretched = panels[-1]
    # A NaN passes through every kernel, and no line is drawn to it: so a slope jumps at 0 without a riser.
    x = np.concatenate([np.linspace(-4, -1e-6, 400), [np.nan], np.linspace(0, 4, 400)])
    for (function, (name, colour)), axes in zip(ACTIVATIONS.items(), panels, strict=False):
        arrays = compute("activation", x=x, function=function, dy=np.ones_like(x))
        axes.plot(x, arrays["y"], color=colour, linewidth=2.6, label="f(x)", zorder=3)
        axes.plot(x, arrays["dx"], color=INK, linewidth=1, label="f′(x)", zorder=4)
        axes.set_title(name, color=colour, fontsize=12, fontweight="bold")
        if "relu" in function:
            axes.plot(0, arrays["dx"][x == 0], "o", color=INK, markersize=4, zorder=5)
            stretched.plot(x, arrays["y"], color=colour, linewidth=2.6, label=name, zorder=3)
    stretched.set_title("stretched 50 times", color=INK, fontsize=12, fontweight="bold")
    for axes in panels:
        corner, length = ("lower right", 0.6) if axes is stretched else ("upper left", 1.4)
        axes.legend(loc=corner, handlelength=length, borderaxespad=0.3, fontsize=10, frameon=False, labelcolor=INK)
        axes.set(xlim=(-4, 4), ylim=(-2, 4), box_aspect=0.75, xticks=range(-4, 5, 2), yticks=range(-2, 5))
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.grid(color=FAINT, linewidth=0.6)
        axes.spines[:].set_visible(False)
        axes.tick_params(colors=INK, length=0, labelsize=9)
    stretched.set(ylim=(-0.04, 0.08), yticks=np.arange(-0.04, 0.09, 0.02))
    return figure


SOBEL = {
    "vertical edges": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "horizontal edges": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
}


def edges() -> Figure:
    """Figure 6: a grey cat and what two filters see of it: one convolution with two output channels."""
    from skimage import color, data  # slow to import, and only this figure needs it

    cat = color.rgb2gray(data.cat())
    kernels = np.array(list(SOBEL.values()))
    found = compute("conv2d", x=image(cat), w=kernels[:, np.newaxis])["y"][0]
    figure = sheet(3.25)
    figure.set_layout_engine("constrained", w_pad=0.04, h_pad=0.06, rect=(0, 0, 1, 0.97))
    pictures, tables = figure.subplots(2, 3, height_ratios=(1.75, 1))
    rising = LinearSegmentedColormap.from_list("rising", [RED, "white", BLUE])
    signs = {w: tint(RED if w < 0 else BLUE if w > 0 else GREY, abs(w) / 4 or 0.1) for w in range(-2, 3)}
    limit = np.quantile(np.abs(found), 0.985)
    pictures[0].imshow(cat, cmap="gray", vmin=0, vmax=1)
    for picture, table, kernel, edge in zip(pictures[1:], tables[1:], kernels, found, strict=True):
        picture.imshow(edge, cmap=rising, vmin=-limit, vmax=limit)
        cells(table, kernel, 0, 0, [[signs[w] for w in row] for row in kernel])
        table.set(xlim=(-0.1, 3.1), ylim=(3.1, -0.1), aspect="equal")
    for picture, title in zip(pictures, (f"a cat, {cat.shape[0]} × {cat.shape[1]} pixels", *SOBEL), strict=True):
        picture.set_title(title, color=INK, fontsize=11, fontweight="bold")
    style = {"fontsize": 10.5, "va": "center", "ha": "left", "transform": tables[0].transAxes}
    tables[0].text(0, 0.86, "From left to right, or downwards,", color=INK, **style)
    tables[0].text(0, 0.62, "blue: it grows brighter", color=BLUE, **style)
    tables[0].text(0, 0.38, "red: it grows darker", color=RED, **style)
    tables[0].text(0, 0.14, "white: it stays as it is", color=GREY, **style)
    for axes in (*pictures, *tables):
        axes.set_axis_off()
    return figure


def padding_numbers(kind: str = "cpu") -> Arrays:
    """x, x padded by p = 1, the kernel w and their convolution y, as rows and columns."""
    x, w = [[1, 2, 3], [2, 3, 1], [4, 6, 2]], [[1, 0, 2], [-1, 3, 1], [0, 2, -1]]
    # To convolve with the single weight 1 is to pad and nothing else.
    padded = compute("conv2d", kind, x=image(x), w=image([[1]]), padding=(1, 1))["y"]
    y = compute("conv2d", kind, x=image(x), w=image(w), padding=(1, 1))["y"]
    return {"x": np.array(x), "padded": padded[0, 0], "w": np.array(w), "y": y[0, 0]}


def padding() -> Figure:
    """Figure 10: zeros around an area, and a kernel that slides over both; below, one output is worked out."""
    x, padded, w, y = padding_numbers().values()
    h, v = 0, 1  # the output that is worked out
    figure, axes = board(19.4, 10.5)
    paper, zero, blue, orange = tint(GREY, 0.25), tint(GREY, 0.08), tint(BLUE, 0.25), tint(ORANGE, 0.35)

    cells(axes, x, 0.4, 2.3, [[paper] * 3] * 3, "x")
    arrow(axes, (3.6, 3.8), (4.8, 3.8))
    word(axes, 4.2, 3.4, "p = 1")
    fills = np.full((*padded.shape, 3), zero)
    fills[1:-1, 1:-1] = paper
    fills[h : h + 3, v : v + 3] = blue
    cells(axes, padded, 5, 1.3, fills, "x padded: 5 × 5")
    outline(axes, 5 + v, 1.3 + h, BLUE, 3)
    arrow(axes, (8 + v, 2.3 + h), (9.4 + v, 2.3 + h), BLUE)  # between the rows of numbers
    word(axes, 10.85, 3.8, "∗", 17)
    cells(axes, w, 11.7, 2.3, [[orange] * 3] * 3, "kernel w")
    word(axes, 15.35, 3.8, "=", 17)
    fills = np.full((*y.shape, 3), paper)
    fills[h, v] = blue
    cells(axes, y, 16, 2.3, fills, "y: 3 × 3")
    outline(axes, 16 + v, 2.3 + h, BLUE)

    pairs = zip(padded[h : h + 3, v : v + 3], w, strict=True)
    products = [[f"{number(a)} · {bracketed(b)}" for a, b in zip(*rows, strict=True)] for rows in pairs]
    cells(axes, products, 5, 7.1, [[blue] * 3] * 3, width=2)
    word(axes, 4.4, 8.6, f"y[{h}, {v}]  =  sum of", 12, ha="right")
    word(axes, 11.4, 8.6, f"=  {number(y[h, v])}", 14, ha="left")
    size, k, p, s = len(x), len(w), 1, 1
    word(axes, 19, 6.1, f"({size} − {k} + 2 · {p}) / {s} + 1  =  {len(y)}", 11, ha="right")
    return figure


def pooling_numbers(kind: str = "cpu") -> Arrays:
    """x, y, winner, dy and dx of max pooling with k = 2 and s = 2, as rows and columns. Two values of x tie."""
    x = [[1, 3, 2, 1], [4, 2, 0, 5], [6, 6, 1, 0], [2, 1, 2, 3]]
    arrays = compute("maxpool2d", kind, x=image(x), dy=image([[0.5, -1], [2, 0.3]]), window=(2, 2), stride=(2, 2))
    return {name: arrays[name][0, 0] for name in ("x", "y", "winner", "dy", "dx")}


def pooling() -> Figure:
    """Figure 11: each window passes its largest value on, and its delta-error back to where that value stood."""
    numbers = pooling_numbers()
    figure, axes = board(19.4, 7.4)
    colours = np.array([BLUE, ORANGE, GREEN, VIOLET]).reshape(2, 2)
    pale, full = np.array([[[tint(colour, share) for colour in row] for row in colours] for share in (0.15, 0.4)])
    areas = pale.repeat(2, axis=0).repeat(2, axis=1)
    places = np.divmod(numbers["winner"].ravel(), 4)
    areas[places] = full.reshape(4, 3)

    cells(axes, numbers["x"], 0.6, 1.8, areas, "x")
    arrow(axes, (4.8, 3.8), (6.2, 3.8))
    word(axes, 5.5, 3.4, "max")
    cells(axes, numbers["y"], 6.4, 2.8, full, "y")
    axes.plot([9.7, 9.7], [0.6, 6.9], color=FAINT, linewidth=1.2)
    cells(axes, numbers["dy"], 11, 2.8, full, "δ of y")
    arrow(axes, (13.2, 3.8), (14.6, 3.8))
    cells(axes, numbers["dx"], 14.8, 1.8, areas, "δ of x")
    for row, column, colour in zip(*places, colours.flat, strict=True):
        outline(axes, 0.6 + column, 1.8 + row, colour)
        outline(axes, 14.8 + column, 1.8 + row, colour)
    word(axes, 4.5, 0.5, "forward", 12, fontweight="bold")
    word(axes, 14.9, 0.5, "backward", 12, fontweight="bold")
    word(axes, 4.5, 6.6, "6 = 6, a tie: the first one wins, row by row", 10.5, color=GREEN)
    word(axes, 14.9, 6.6, "and takes the whole δ; who did not win gets 0", 10.5, color=GREEN)
    return figure


def overlap_numbers(kind: str = "cpu") -> Arrays:
    """Boxes a (5, 4), a square that moves, and b (1, 4), one that stands still; iou (5,) of each with b."""
    a = np.array([[shift, shift / 2, shift + 4, shift / 2 + 4] for shift in (0, 0.5, 1, 2, 4)])
    b = np.array([[0, 0, 4, 4]])
    return {"a": a, "b": b, "iou": compute("iou", kind, a=a, b=b)["y"][:, 0]}


def overlaps() -> Figure:
    """Figure 16: what two boxes share, in parts of what they cover together."""
    numbers = overlap_numbers()
    figure, axes = board(45, 12.6)
    for i, (a, iou) in enumerate(zip(numbers["a"], numbers["iou"], strict=True)):
        left, top = 1.4 + (0, 5.9, 12.4, 19.8, 28.8)[i], 4.6
        for box, colour in ((numbers["b"][0], RED), (a, BLUE)):
            corner, size = (left + box[0], top + box[1]), box[2:] - box[:2]
            axes.add_patch(Rectangle(corner, *size, facecolor=(*to_rgb(colour), 0.22), edgecolor=colour, linewidth=1.8))
        shared = np.maximum(4 - np.abs(a[:2]), 0)
        if shared.prod() > 0:
            corner = left + a[0], top + a[1]
            axes.add_patch(Rectangle(corner, *shared, facecolor=(*to_rgb(VIOLET), 0.75), edgecolor="none"))
        middle = left + (4 + a[0]) / 2
        word(axes, middle, 3.1, f"{iou:.2f}", 15, fontweight="bold", color=GREEN if iou >= 0.5 else INK)
        union = 32 - shared.prod()
        word(axes, middle, 11.6, f"{number(shared.prod())} / {number(union)}", 11)
    word(axes, 1.4, 1.2, "IoU: what is shared (violet) divided by what is covered", 12, ha="left")
    word(axes, 43.6, 1.2, "from 0.5 on, an anchor is positive", 11, ha="right", color=GREEN)
    return figure


# The face in scikit-image's portrait of Eileen Collins, measured by hand: x1, y1, x2, y2.
ASTRONAUT = np.array([[178.0, 70, 272, 198]])


def detections() -> Figure:
    """Figure 17: what `detect` finds in two pictures that nothing was learned from, and what of it is right.

    A box is right where it and a face share at least half of what they cover (IoU 0.5), as in average precision.
    """
    from skimage import data  # slow to import, and only this figure needs it

    from apps.faces.crowds import crowd_of
    from apps.faces.detector import SHIPPED, Detector, load_detector
    from apps.faces.evaluation import Truth, judge
    from apps.faces.figures import draw as with_boxes
    from apps.faces.looks import AUTO

    detector = Detector(load_detector(SHIPPED, "cpu")[0], scales=AUTO)
    crowd = crowd_of(100, seed=0, held_out=True)
    figure = sheet(4.3)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.03)
    pictures = (data.astronaut(), ASTRONAUT), (crowd.picture, crowd.boxes)
    for axes, (picture, faces) in zip(figure.subplots(1, 2), pictures, strict=True):
        found = detector(picture)
        outcome = judge(found, Truth(faces, np.zeros(len(faces), bool)), overlap=0.5)
        numbers = f"faces found: {outcome.hits.sum()} of {len(faces)}, false boxes: {outcome.false_alarms.sum()}"
        axes.imshow(np.asarray(with_boxes(picture, found.boxes, found.scores)), interpolation="lanczos")
        axes.set_title(numbers, color=INK, fontsize=11)
        axes.set_axis_off()
    return figure


def curves(runs: Sequence[Path], path: Path) -> None:
    """Figures 13 and 14: accuracy and loss of runs, from the metrics.jsonl in each folder.

    Raises CommandError for a log that cannot be read, OSError.
    """
    logs = {}
    for folder in runs:
        try:
            lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            logs[folder.name.removeprefix("mnist-")] = [json.loads(line) for line in lines]
        except ValueError as error:
            raise CommandError(f"{folder / 'metrics.jsonl'} is not a log of a run: {error}") from error
    if len(logs) < len(runs):
        raise CommandError(f"--runs: no two may have the same name: {', '.join(map(str, runs))}")
    learning_curves(logs, path, "Accuracy and loss on handwritten digits")


def sheet(height: float) -> Figure:
    return Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")


def board(columns: float, rows: float) -> tuple[Figure, Axes]:
    """A figure that is measured in cells, rows downwards."""
    figure = sheet(WIDTH * rows / columns)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.set_axis_off()
    return figure, axes


def cells(axes: Axes, values, left: float, top: float, fills, title: str = "", width: float = 1) -> None:
    """A table of numbers or texts, each on its colour of `fills`; zeros are faint."""
    for j, i in np.ndindex(np.shape(values)):
        text = values[j][i] if isinstance(values[j][i], str) else number(values[j][i])
        x, y = left + i * width, top + j
        axes.add_patch(Rectangle((x, y), width, 1, facecolor=fills[j][i], edgecolor="white", linewidth=1.5))
        word(axes, x + width / 2, y + 0.52, text, 13, color=GREY if text == "0" else INK)
    word(axes, left + width * np.shape(values)[1] / 2, top - 0.45, title, 11)


def outline(axes: Axes, left: float, top: float, colour: str, size: float = 1) -> None:
    axes.add_patch(Rectangle((left, top), size, size, facecolor="none", edgecolor=colour, linewidth=2.4, zorder=3))


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = GREY) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
    axes.annotate("", end, start, arrowprops=style, zorder=4)


def word(axes: Axes, x: float, y: float, text: str, size: float = 10, **style) -> None:
    default: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "zorder": 5}
    axes.text(x, y, text, fontsize=size, **default | style)


def number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def bracketed(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def tint(colour: str, share: float) -> tuple[float, ...]:
    """A colour on white: share 1 is the colour itself."""
    return tuple(1 - share * (1 - value) for value in to_rgb(colour))


FIGURES = {"4": activations, "6": edges, "10": padding, "11": pooling, "16": overlaps, "17": detections}
CURVES = ("13", "14")


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a figure; returns the exit code. Errors a user can cause are one line on standard error."""
    return run(parser(), arguments)


def parser() -> argparse.ArgumentParser:
    c = command(
        "python -m docs.figures",
        draw,
        "Draw a figure of Zozoulenko (2018) with this project's kernels.",
        "13 --runs runs/mnist-cnn6-1 runs/mnist-fcc6-1",
    )
    what = f"{', '.join(FIGURES)}, or 13, which is drawn together with 14"
    c.add_argument("figure", choices=(*FIGURES, *CURVES), metavar="NUMBER", help=what)
    c.add_argument(
        "--output", type=picture_file, metavar="FILE", help="the PNG to write (default: docs/figures/NUMBER.png)"
    )
    what = f"of figures 13 and 14 (default: {' '.join(map(str, RUNS))})"
    c.add_argument("--runs", type=Path, nargs="+", metavar="FOLDER", default=RUNS, help=what)
    return c


def draw(options) -> None:
    """Write the PNG."""
    together = options.figure in CURVES
    path = options.output or FOLDER / f"{'-'.join(CURVES) if together else options.figure}.png"
    if together:
        curves(options.runs, path)
    else:
        save(FIGURES[options.figure](), path)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
