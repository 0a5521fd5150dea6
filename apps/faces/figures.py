"""Figures of what a face detector finds and of how it was trained, drawn into files: no display is needed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, PercentFormatter
from PIL import Image, ImageDraw, ImageFont

from apps.faces.evaluation import Curve, Outcome, sizes
from apps.figures import COLOURS, FAINT, INK, Record, curves, save

ANNOTATED, QUIET = "#35d8ff", "#7d8790"
SCORES = LinearSegmentedColormap.from_list("scores", ["#ff4f8b", "#ffa51f", "#e6ff4a"])  # lighter with the score
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
SHEET_COLUMNS, SHEET_ROWS = 8, 3
CELL_WIDTH, CELL_HEIGHT, CROP, MARGIN, CAPTION, HEADLINE, FOOTER = 1.36, 1.69, 1.28, 0.04, 0.2, 0.44, 0.2  # inches
HEADING: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "fontsize": 13, "fontweight": "bold"}
EXPLANATION = "blue: annotated, dashed where ignored    pink to yellow: found, by score    IoU: with the nearest"
CONTEXT, SMALLEST_CROP = 2.4, 36  # a crop is so many times as wide as its box, and at least so many pixels
MEASURED = {"validation_ap": "all faces", "validation_ap_16": "16 pixels and more"}


class Area(NamedTuple):
    """Pixels from x1, y1 to before x2, y2."""

    x1: int
    y1: int
    x2: int
    y2: int

    def grown(self, by: int) -> "Area":
        return Area(self.x1 - by, self.y1 - by, self.x2 + by, self.y2 + by)

    def meets(self, other: "Area") -> bool:
        return self.x1 < other.x2 and other.x1 < self.x2 and self.y1 < other.y2 and other.y1 < self.y2

    def within(self, width: int, height: int) -> bool:
        return min(self.x1, self.y1) >= 0 and self.x2 <= width and self.y2 <= height


def draw(picture: np.ndarray, boxes: np.ndarray, scores: np.ndarray | None = None) -> Image.Image:
    """The picture (H, W, 3) uint8 with boxes (k, 4) drawn around what they hold, and a dark edge that sets them off.

    Boxes with scores (k,) are coloured from 0, pink, to 1, yellow, with the score where there is room for it. Boxes
    without are blue. Lines are as wide as suits the picture, and thin around small boxes.
    """
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    diagonal = float(np.hypot(*image.size))
    widths = [line_width(box, diagonal) for box in boxes]
    inner = [pixels(box, image, width + 1) for box, width in zip(boxes, widths, strict=True)]
    outer = [area.grown(width + 1) for area, width in zip(inner, widths, strict=True)]
    colours = [ANNOTATED] * len(boxes) if scores is None else [to_hex(SCORES(float(score))) for score in scores]
    upwards = np.arange(len(boxes)) if scores is None else np.argsort(scores, kind="stable")
    for i in upwards:
        outline(pen, outer[i], INK, widths[i] + 2)
        outline(pen, outer[i].grown(-1), colours[i], widths[i])
    if scores is None:
        return image

    font = ImageFont.truetype(FONT, max(9, round(diagonal / 72)))
    for i in upwards[::-1]:
        obstacles = outer[:i] + outer[i + 1 :]
        text = f"{scores[i]:.2f}"
        label = place(outer[i], pen.textbbox((0, 0), text, font, anchor="ls"), image, obstacles)
        if label:
            outer.append(label)
            pen.rectangle((label.x1, label.y1, label.x2 - 1, label.y2 - 1), fill=colours[i], outline=INK)
            pen.text(((label.x1 + label.x2) / 2, (label.y1 + label.y2) / 2), text, INK, font, anchor="mm")
    return image


def line_width(box: np.ndarray, diagonal: float) -> int:
    """A 400th of the picture, but at most a 12th of the box, so that it does not hide what it shows."""
    return max(1, round(min(diagonal / 400, min(box[2] - box[0], box[3] - box[1]) / 12)))


def pixels(box: np.ndarray, image: Image.Image, margin: int) -> Area:
    """The box in whole pixels, so far inside the image that a line of this width around it is still seen."""
    low = np.full(2, margin)
    high = np.maximum(np.array(image.size) - margin, low + 1)
    first = np.clip(np.round(box[:2]), low, high - 1).astype(int)
    end = np.maximum(np.clip(np.round(box[2:]), low, high).astype(int), first + 1)
    return Area(*first.tolist(), *end.tolist())


def outline(pen: ImageDraw.ImageDraw, area: Area, colour: str, width: int) -> None:
    """A frame inside the area's edge."""
    pen.rectangle((area.x1, area.y1, area.x2 - 1, area.y2 - 1), outline=colour, width=width)


def place(around: Area, text: tuple[float, ...], image: Image.Image, obstacles: Sequence[Area]) -> Area | None:
    """Where a label goes: above its box or below, if it is not wider and hides nothing else, or nowhere."""
    width, height = round(text[2] - text[0]) + 6, round(text[3] - text[1]) + 7
    if width > around.x2 - around.x1:
        return None
    for y in (around.y1 - height + 1, around.y2 - 1):
        label = Area(around.x1, y, around.x1 + width, y + height)
        if label.within(*image.size) and not any(label.meets(obstacle) for obstacle in obstacles):
            return label
    return None


def precision_recall(found: Mapping[str, Curve], path: Path, title: str) -> None:
    """Precision against recall of each curve, and its average precision in the legend: the best first, as a rank."""
    figure = Figure(figsize=(6.2, 5.4), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    axes = figure.add_subplot()
    colours = dict(zip(found, cycle(COLOURS), strict=False))
    ranked = sorted(found.items(), key=lambda item: -np.nan_to_num(item[1].ap, nan=-1))
    for name, curve in ranked:
        label = f"{name} ({curve.faces:,}): AP {curve.ap:.3f}" if curve.faces else f"{name}: no faces"
        start = [0] * min(len(curve.recall), 1)  # to the left of the first hit its precision holds
        recall, precision = np.append(start, curve.recall), np.append(curve.precision[:1], curve.precision)
        axes.plot(recall, precision, color=colours[name], linewidth=1.8, clip_on=False, zorder=3, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="recall", ylabel="precision", aspect="equal")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    tidy(axes)
    if ranked:
        style = {"labelcolor": INK, "framealpha": 0.9, "edgecolor": FAINT}
        axes.legend(loc="lower left", title="faces (how many)", fontsize=9, title_fontsize=9, **style)
    save(figure, path)


def tidy(axes: Axes) -> None:
    """A faint grid below, ink for the words, and no frame on the right and on top."""
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(which="both", colors=INK, length=0)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)


def learning_curve(records: Sequence[Record] | Mapping[str, Sequence[Record]], path: Path, title: str) -> None:
    """Loss, and average precision on the validation pictures, of one run or of several by name: see `curves`.

    A record may have `validation_ap`, of all faces, and `validation_ap_16`, without those below 16 pixels.
    """
    save(curves(records, title, "average precision", MEASURED), path)


def size_histogram(boxes: np.ndarray | Mapping[str, np.ndarray], path: Path, title: str) -> None:
    """How the sizes sqrt(width * height) of boxes, or of several sets by name, are spread over two bins an octave."""
    sets = boxes if isinstance(boxes, Mapping) else {"": boxes}
    figure = Figure(figsize=(7.2, 4.2), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    axes = figure.add_subplot()
    exponents = {name: np.log2(sizes(each)[sizes(each) > 0]) for name, each in sets.items()}
    everything = np.concatenate([*exponents.values(), [3.0, 6.0]])
    edges = np.arange(np.floor(everything.min()), np.floor(everything.max()) + 1.25, 0.5)
    highest = 0.0
    for (name, values), colour in zip(exponents.items(), cycle(COLOURS), strict=False):
        shares = np.histogram(values, edges)[0] / max(values.size, 1)
        label = f"{name}: " * bool(name) + f"{values.size:,} faces".replace(",", "\u202f")
        if values.size:
            middle = float(np.median(values))
            axes.axvline(middle, color=colour, linewidth=1.2, linestyle="--")
            label += f", half of them below {2**middle:.0f} pixels"
        axes.stairs(shares, edges, color=colour, linewidth=1.6, label=label)
        axes.stairs(shares, edges, color=colour, alpha=0.15, fill=True)
        highest = max(highest, shares.max())
    axes.set(xlabel="size of the face, √(width · height), in pixels", ylabel="share of the faces")
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, (1.1 + 0.09 * len(sets)) * highest or 1))  # room for the legend
    axes.xaxis.set_major_locator(FixedLocator(np.arange(edges[0], edges[-1] + 0.5).tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{2**value:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    tidy(axes)
    axes.legend(loc="upper right", fontsize=9, labelcolor=INK, framealpha=0.9, edgecolor=FAINT)
    save(figure, path)


def worst_misses(examples: Any, outcomes: Sequence[Outcome], path: Path) -> None:
    """Crops around the largest missed faces and the most confident false alarms, at most 24 of each.

    `examples` gives by the number of a picture its `picture` and `name`; only pictures that are shown are asked for.
    """
    sections = (missed_faces(outcomes), false_alarms(outcomes))
    rows = [max(1, -(-len(section.subjects) // SHEET_COLUMNS)) for section in sections]
    width, height = SHEET_COLUMNS * CELL_WIDTH, sum(HEADLINE + count * CELL_HEIGHT for count in rows) + FOOTER
    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")

    def at(x: float, y: float) -> tuple[float, float]:
        """Inches from the left and from the top, as parts of the figure."""
        return x / width, 1 - y / height

    top = 0.0
    for section, count in zip(sections, rows, strict=True):
        figure.text(*at(width / 2, top + 0.24), section.headline, **HEADING)
        top += HEADLINE
        for number, subject in enumerate(section.subjects):
            row, column = divmod(number, SHEET_COLUMNS)
            corner = at(column * CELL_WIDTH + MARGIN, top + row * CELL_HEIGHT + CAPTION + CROP)
            axes = figure.add_axes((*corner, CROP / width, CROP / height))
            crop(axes, examples[subject.picture], outcomes[subject.picture], subject)
        if not section.subjects:
            figure.text(
                *at(width / 2, top + CELL_HEIGHT / 2), section.praise, ha="center", color=COLOURS[2], fontsize=15
            )
        top += count * CELL_HEIGHT
    figure.text(*at(width / 2, top + 0.04), EXPLANATION, ha="center", va="center", color=INK, fontsize=8)
    save(figure, path)


class Subject(NamedTuple):
    """What a crop shows: the number of the picture, the box in it, its colour, and what is said of it."""

    picture: int
    box: np.ndarray
    colour: str
    caption: str


class Section(NamedTuple):
    """Crops below a headline; the praise stands where there are none."""

    headline: str
    subjects: list[Subject]
    praise: str


def missed_faces(outcomes: Sequence[Outcome]) -> Section:
    """The largest first, with the IoU of the box that came nearest."""
    subjects = []
    for picture, face in worst([sizes(o.truth.boxes) for o in outcomes], [o.missed for o in outcomes]):
        outcome = outcomes[picture]
        box, overlaps = outcome.truth.boxes[face], outcome.overlap[outcome.face == face]
        nearest = f"IoU {overlaps.max():.2f}" if overlaps.size else "no box"
        subjects.append(Subject(picture, box, ANNOTATED, f"{pixel_size(box)}, {nearest}"))
    missed, faces = total(o.missed for o in outcomes), total(~o.truth.ignored for o in outcomes)
    which = ": the largest first" if missed > 1 else ""
    return Section(f"{missed} of {faces} faces missed{which}", subjects, "Not a single face was missed.")


def false_alarms(outcomes: Sequence[Outcome]) -> Section:
    """The most confident first, with the IoU of the face that it came nearest to."""
    subjects = []
    for picture, i in worst([o.detections.scores for o in outcomes], [o.false_alarms for o in outcomes]):
        outcome = outcomes[picture]
        box, score = outcome.detections.boxes[i], float(outcome.detections.scores[i])
        nearest = f"IoU {outcome.overlap[i]:.2f}" if outcome.face[i] >= 0 else "no face"
        said = "second box" if outcome.repeated[i] else nearest
        subjects.append(Subject(picture, box, to_hex(SCORES(score)), f"{score:.2f}, {pixel_size(box)}, {said}"))
    alarms, boxes = total(o.false_alarms for o in outcomes), total(~o.ignored for o in outcomes)
    which = ": the most confident first" if alarms > 1 else ""
    return Section(f"{alarms} of {boxes} boxes are false alarms{which}", subjects, "Not a single false alarm.")


def worst(weights: Sequence[np.ndarray], chosen: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Picture and number of the chosen ones with the largest weights, as many as the sheet has room for."""
    found = [(i, int(n)) for i, some in enumerate(chosen) for n in np.flatnonzero(some)]
    heaviest = np.argsort([-weights[i][n] for i, n in found], kind="stable")
    return [found[place] for place in heaviest[: SHEET_COLUMNS * SHEET_ROWS]]


def total(masks: Iterable[np.ndarray]) -> int:
    return sum(int(np.count_nonzero(mask)) for mask in masks)


def pixel_size(box: np.ndarray) -> str:
    return f"{float(sizes(box[np.newaxis])[0]):.0f} px"


def crop(axes: Axes, example: Any, outcome: Outcome, subject: Subject) -> None:
    """The surroundings of a box, with all faces and boxes in them; ignored faces are dashed."""
    height, width = example.picture.shape[:2]
    box = subject.box.astype(float)
    side = max(CONTEXT * max(box[2] - box[0], box[3] - box[1]), SMALLEST_CROP)
    room = np.array([width, height]) - side
    left, top = np.where(room > 0, np.clip((box[:2] + box[2:] - side) / 2, 0, np.maximum(room, 0)), room / 2)
    x1, y1 = max(int(left), 0), max(int(top), 0)
    x2, y2 = min(int(left + side) + 1, width), min(int(top + side) + 1, height)
    axes.imshow(example.picture[y1:y2, x1:x2], extent=(x1, x2, y2, y1), interpolation="bicubic")
    shown = np.array([left, top, left + side, top + side])
    for i in seen(outcome.truth.boxes, shown):
        mark(axes, outcome.truth.boxes[i], ANNOTATED, 0.9, "--" if outcome.truth.ignored[i] else "-")
    for i in seen(outcome.detections.boxes, shown):
        mark(axes, outcome.detections.boxes[i], to_hex(SCORES(float(outcome.detections.scores[i]))), 0.9)
    mark(axes, subject.box, subject.colour, 2.2)
    axes.set(xlim=(left, left + side), ylim=(top + side, top), xticks=[], yticks=[], facecolor=FAINT)
    axes.spines[:].set_visible(False)
    axes.set_title(subject.caption, fontsize=7.5, color=INK, pad=3)
    axes.set_xlabel(shortened(example.name), fontsize=5.5, color=QUIET, labelpad=2)


def seen(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Which boxes reach into the window."""
    return np.flatnonzero((boxes[:, :2] < window[2:]).all(axis=1) & (boxes[:, 2:] > window[:2]).all(axis=1))


def mark(axes: Axes, box: np.ndarray, colour: str, width: float, dash: str = "-") -> None:
    """A box that can be seen on any ground."""
    edge = [Stroke(linewidth=width + 1.2, foreground=INK), Normal()]
    x1, y1, x2, y2 = box.astype(float)
    shape = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=width, linestyle=dash)
    shape.set_path_effects(edge)
    axes.add_patch(shape)


def shortened(name: str, length: int = 28) -> str:
    """The end of a name, which tells pictures apart."""
    name = name.rpartition("/")[2]
    return name if len(name) <= length else f"…{name[1 - length :]}"
