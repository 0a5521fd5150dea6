"""Figures of a training run and of its mistakes, drawn into files: no display is needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from apps.figures import COLOURS, INK, Record, curves, save
from apps.mnist.idx import Rows

PAPER_TO_INK = LinearSegmentedColormap.from_list("paper to ink", ["#f0f2f5", INK])
SHEET_COLUMNS, SHEET_LIMIT = 8, 64


def learning_curves(records: Sequence[Record] | Mapping[str, Sequence[Record]], path: Path, title: str) -> None:
    """Validation accuracy, and training and validation loss, of one run or of several by name: see `curves`."""
    save(curves(records, title, "accuracy", {"validation_accuracy": "validation"}), path)


def misclassified_sheet(
    images: np.ndarray | Rows, labels: np.ndarray, predictions: np.ndarray, probabilities: np.ndarray, path: Path
) -> None:
    """The wrongly classified digits, at most 64, the most confident error first: "4 → 9 97 %" is a 4 taken for a 9.

    images (n, 28, 28) of any dtype, light ink on black; labels, predictions (n,) integers;
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
        axes.imshow(images[i], cmap=PAPER_TO_INK, interpolation="nearest")
        caption = f"{labels[i]} → {predictions[i]}  {100 * confidence[i]:.0f} %"
        axes.set_title(caption, fontsize=10, color=INK, pad=3)
    save(figure, path)


def sheet_title(digits: int, wrong: int, shown: int) -> str:
    """How many of the digits are wrong, and which the sheet shows."""
    share = f" ({100 * wrong / digits:.2f} %)" if digits else ""
    which = {0: "", 1: ""}.get(wrong, ": the most confident errors first" if shown == wrong else f": the worst {shown}")
    return f"{wrong} of {digits} digits wrong{share}{which}"
