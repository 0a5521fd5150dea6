"""Figures of a training run and of its mistakes, drawn into files: no display is needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

COLOURS = ("#0b62a4", "#d1495b", "#2a9d6f", "#e08e1b", "#6f4ea1", "#4d5b66")
INK, FAINT = "#22272e", "#d9dee3"
PAPER_TO_INK = LinearSegmentedColormap.from_list("paper to ink", ["#f0f2f5", INK])
SHEET_COLUMNS, SHEET_LIMIT = 8, 64

Record = Mapping[str, float]


def learning_curves(records: Sequence[Record] | Mapping[str, Sequence[Record]], path: Path, title: str) -> None:
    """Validation accuracy, and training and validation loss, against iterations, like figures 13 and 14 of Zozoulenko.

    `records` is the log of one run, or the logs of several by name. A record has `iteration` and `loss`, and now and
    then `validation_loss` and `validation_accuracy` (a fraction). The training loss is drawn raw, and over it smoothed.
    """
    runs = records if isinstance(records, Mapping) else {"": records}
    figure = Figure(figsize=(11, 4.4), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    accuracy_axes, loss_axes = figure.subplots(1, 2, sharex=True)

    accuracies, losses = [], []
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
        iterations, accuracy = series(run, "validation_accuracy")
        if accuracy.size:
            accuracies.append(accuracy)
            label = f"{prefix}validation, {100 * accuracy[-1]:.2f} % at the end"
            accuracy_axes.plot(iterations, accuracy, **measured(accuracy, colour), label=label)

    furnish(accuracy_axes, "accuracy", "lower right")
    furnish(loss_axes, "loss", "upper right")
    accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    if accuracies:
        accuracy_axes.set_ylim(*accuracy_limits(accuracies))
    scale_loss(loss_axes, np.concatenate(losses or [np.empty(0)]))
    loss_axes.set_xlim(left=0)
    save(figure, path)


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


def accuracy_limits(accuracies: Sequence[np.ndarray]) -> tuple[float, float]:
    """From a little below the accuracies after the first quarter of each run: a bad start may leave the picture."""
    values = np.concatenate([accuracy[len(accuracy) // 4 :] for accuracy in accuracies])
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
    axes.yaxis.set_minor_formatter(plain if high < 10 * low else NullFormatter())


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


def misclassified_sheet(
    images: np.ndarray, labels: np.ndarray, predictions: np.ndarray, probabilities: np.ndarray, path: Path
) -> None:
    """The wrongly classified digits, at most 64, the most confident error first: "4 → 9 97 %" is a 4 taken for a 9.

    images (n, 28, 28) or (n, 1, 28, 28) of any dtype, light ink on black; labels, predictions (n,) integers;
    probabilities (n, classes), of which the predicted class's is shown.
    """
    confidence = probabilities[np.arange(len(labels)), predictions]
    wrong = np.flatnonzero(predictions != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHEET_LIMIT]

    rows = -(-len(worst) // SHEET_COLUMNS)
    figure = Figure(figsize=(9.6, 0.5 + 1.4 * max(rows, 1)), dpi=150, facecolor="white")
    figure.set_layout_engine(ConstrainedLayoutEngine(h_pad=0.07))
    figure.suptitle(sheet_title(len(labels), len(wrong), len(worst)), color=INK, fontsize=13, fontweight="bold")
    if not rows:
        figure.text(0.5, 0.35, "Not a single digit was misread.", ha="center", color=COLOURS[2], fontsize=15)
    for number, i in enumerate(worst):
        axes = figure.add_subplot(rows, SHEET_COLUMNS, number + 1)
        axes.set_axis_off()
        axes.imshow(images[i].reshape(images.shape[-2:]), cmap=PAPER_TO_INK, interpolation="nearest")
        caption = f"{labels[i]} → {predictions[i]}  {100 * confidence[i]:.0f} %"
        axes.set_title(caption, fontsize=10, color=INK, pad=3)
    save(figure, path)


def sheet_title(digits: int, wrong: int, shown: int) -> str:
    """How many of the digits are wrong, and which the sheet shows."""
    share = f" ({100 * wrong / digits:.2f} %)" if digits else ""
    which = {0: "", 1: ""}.get(wrong, ": the most confident errors first" if shown == wrong else f": the worst {shown}")
    return f"{wrong} of {digits} digits wrong{share}{which}"


def save(figure: Figure, path: Path) -> None:
    """Written without the date and the version of the library: the same run draws the same bytes."""
    figure.savefig(path, format="png", metadata={"Software": None})
