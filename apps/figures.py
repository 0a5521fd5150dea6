"""What the figures of all apps have in common: colours, the curves of training runs, and how they are written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from kernels.files import write_figure

COLOURS = ("#0b62a4", "#d1495b", "#2a9d6f", "#e08e1b", "#6f4ea1", "#4d5b66")
INK, FAINT = "#22272e", "#d9dee3"
DASHES = ("-", "--", ":")

Record = Mapping[str, float]


def curves(
    records: Sequence[Record] | Mapping[str, Sequence[Record]], title: str, quantity: str, scores: Mapping[str, str]
) -> Figure:
    """The scores, and training and validation loss, against iterations, like figures 13 and 14 of Zozoulenko.

    `records` is the log of one run, or the logs of several by name. A record has `iteration` and `loss`, and now and
    then `validation_loss` and the scores (fractions), whose names in the log `scores` gives with those in the figure;
    `quantity` is what they measure. The training loss is drawn raw, and over it smoothed.
    """
    runs = records if isinstance(records, Mapping) else {"": records}
    figure = Figure(figsize=(11, 4.4), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    score_axes, loss_axes = figure.subplots(1, 2, sharex=True)

    drawn, losses = [], []
    for number, (name, run) in enumerate(runs.items()):
        colour, prefix = COLOURS[number % len(COLOURS)], f"{name} " if name else ""
        iterations, loss = series(run, "loss")
        losses.append(loss)
        loss_axes.plot(iterations, loss, color=colour, linewidth=0.6, alpha=0.22)
        style = {"color": colour, "linewidth": 1.8, "marker": "o" if loss.size == 1 else ""}
        loss_axes.plot(iterations, smoothed(loss), **style, label=f"{prefix}training, smoothed")

        iterations, loss = series(run, "validation_loss")
        if loss.size:
            losses.append(loss)
            loss_axes.plot(iterations, loss, "--", **measured(loss, colour), label=f"{prefix}validation")
        for dash, (key, called) in zip(DASHES, scores.items(), strict=False):
            iterations, score = series(run, key)
            if score.size:
                drawn.append(score)
                label = f"{prefix}{called}, {100 * score[-1]:.2f} % at the end"
                score_axes.plot(iterations, score, dash, **measured(score, colour), label=label)

    furnish(score_axes, quantity, "lower right")
    furnish(loss_axes, "loss", "upper right")
    score_axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    if drawn:
        score_axes.set_ylim(*score_limits(drawn))
    scale_loss(loss_axes, np.concatenate(losses or [np.empty(0)]))
    loss_axes.set_xlim(left=0)
    return figure


def series(run: Sequence[Record], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The iterations at which a log has a value, and the values."""
    found = [(record["iteration"], record[key]) for record in run if key in record]
    iterations, values = np.array(found, np.float64).reshape(-1, 2).T
    return iterations, values


def smoothed(values: np.ndarray) -> np.ndarray:
    """The mean of each value and its neighbours, a fortieth of the curve wide.

    At the start there are as few neighbours after a value as before it, so that the steep descent stays where it is.
    """
    here = np.arange(len(values))
    reach = np.minimum(here, len(values) // 80)
    first, end = here - reach, np.minimum(here + reach + 1, len(values))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[end] - sums[first]) / (end - first)


def measured(values: np.ndarray, colour: str) -> dict[str, Any]:
    """The style of a curve that is measured now and then: with a dot for each value, unless there are too many."""
    marker = "o" if len(values) <= 60 else ""
    return {"color": colour, "linewidth": 1.3, "marker": marker, "markersize": 4, "markerfacecolor": "white"}


def score_limits(scores: Sequence[np.ndarray]) -> tuple[float, float]:
    """From a little below the scores after the first quarter of each run: a bad start may leave the picture."""
    values = np.concatenate([score[len(score) // 4 :] for score in scores])
    low, high = np.nanmin(values), np.nanmax(values)
    room = max(high - low, 0.004)
    return max(low - 0.35 * room, 0), min(high + 0.15 * room, 1 + 0.05 * room)


def scale_loss(axes: Axes, losses: np.ndarray) -> None:
    """A logarithmic axis, where the losses allow one, with plain numbers."""
    losses = losses[np.isfinite(losses)]
    if not losses.size or losses.min() <= 0:
        return
    low, high = max(losses.min(), losses.max() / 1e5) / 1.5, losses.max() * 1.5
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(plain)
    if 10 * low < high < 100 * low:
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter(plain if high < 100 * low else NullFormatter())


def furnish(axes: Axes, quantity: str, legend: Literal["lower right", "upper right"]) -> None:
    """What both panels have in common."""
    axes.set_xlabel("iterations", color=INK)
    axes.set_ylabel(quantity, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", "\u202f")))
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=INK, length=0)
    axes.margins(x=0.02)
    if axes.lines:
        axes.legend(loc=legend, fontsize=9, labelcolor=INK, framealpha=0.9, edgecolor=FAINT)
    else:
        axes.text(0.5, 0.5, "never measured", transform=axes.transAxes, ha="center", color=INK)


def save(figure: Figure, path: Path) -> None:
    """Into a PNG, whole or not at all; the same run draws the same bytes."""
    write_figure(path, figure)
