"""The picture of an exercise: which thread touches what, in the first block of a launch.

    picture_of(find("map"), Path("map.png"))
    draw(launches, {"x": x, "y": y}, Path("mine.png"), "A title")

Arrays are grids of cells: what is read alone comes first, then shared memory, then what is written. A cell that is
written has the colour of the thread that wrote it last; one that is only read is pale in the colour of its reader, or
grey where several read it. Of one thread the way is drawn: from the cells that it reads to those that it then writes.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from kernels.files import write_figure
from kernels.gpu import Launch
from kernels.gpu.tracing import Access, Recording, trace
from lessons.answer import Answer
from lessons.exercise import CourseError, Exercise
from lessons.judging import Counted, Ship
from lessons.judging.running import Case, Run, prepare
from lessons.judging.ship import Trials, own
from lessons.panels import Panel, panel_of, touches

INK, QUIET, FAINT, SHARED = "#22272e", "#6b737c", "#dfe3e7", "#c9ced4"
READ, WRITTEN = "#1f6fb5", "#b85a00"
PALETTE = LinearSegmentedColormap.from_list(
    "threads", ["#5b8fd0", "#56b3ad", "#93bf66", "#e8c653", "#e8994c", "#d86d80", "#9277bd"]
)
WIDTH, MARGIN, GAP, CELL = 7.0, 0.25, 0.55, 0.27  # inches; a cell has CELL at most
HEAD, LABEL, CAPTION, FOOT = 0.42, 0.24, 0.2, 0.62
LAUNCHES, ARROWS = 4, 20  # that are drawn, at most; arrows to a cell
TALL = 18  # inches: launches that make it taller are left out
NUMBERED = 0.17  # inches: cells from that size on have room for a number
STEPS = 20000
PLAIN = 12, 700  # elements of the largest array that make a picture worth looking at; of all together, at most


def picture_of(exercise: Exercise, path: Path, answer: Answer | None = None) -> None:
    """Draw an exercise, by what its solution does, or another answer. Names that the exercise does not have stay out.

    Raises CourseError where there is nothing to launch.
    """
    answer = answer or exercise.solution
    run = what_is_launched(exercise, answer)
    if not run.launches:
        raise CourseError(f"{exercise.name}: launches nothing that could be drawn")
    known = set(re.findall(r"\w+", exercise.original.text))
    draw(run.launches, run.arrays, path, exercise.page.title, known)


def what_is_launched(exercise: Exercise, answer: Answer) -> Run:
    """On a case of the judge; of an exercise without cases, whatever it asks about."""
    judge = exercise.judge
    if judge.case:
        return prepare(answer, judge.function, plain_case(judge.rules))
    if isinstance(judge, Ship):
        operation = own(answer, judge.operation)
        return Run(Trials(judge, answer, seed=0).draw(operation)[0].launches("forward"), {})
    launches: list[Launch] = []
    asked = [question for question in judge.answers.values() if isinstance(question, Counted)]
    for function, kernel in dict.fromkeys((question.function, question.kernel) for question in asked):
        given = {"kernel": exercise.original.value(kernel)} if kernel else {}
        launches += exercise.original.launches(function, given)
    return Run(launches, {})


def plain_case(rules) -> Case:
    """The smallest of some cases that has a few values in it."""
    cases = sorted((rules.draw(seed, "" if seed else "least") for seed in range(12)), key=lambda case: case.size)

    def largest(case):
        return max(np.size(value) for value in (*case.inputs.values(), *case.expected.values()))

    enough = [case for case in cases if largest(case) >= PLAIN[0] and case.size <= PLAIN[1]]
    return enough[0] if enough else min(cases, key=lambda case: abs(largest(case) - 2 * PLAIN[0]))


def draw(
    launches: Sequence[Launch],
    arrays: Mapping[str, Any],
    path: Path,
    title: str,
    known: Collection[str] | None = None,
) -> None:
    """Draw the first blocks of launches into a PNG. They are run one after the other, for what one leaves to the next.

    arrays    by the names that the picture gives them
    known     names that it may print; by default all
    """
    pictures = []
    for number, launch in enumerate(launches[:LAUNCHES]):
        recording = trace(launch, steps=STEPS)
        caption = launch.kernel.name if known is None or launch.kernel.name in known else f"launch {number + 1}"
        pictures.append(Picture(recording, named(recording, arrays, known), caption if len(launches) > 1 else ""))
        if sum(picture.height for picture in pictures) > TALL:
            pictures = pictures[: max(len(pictures) - 1, 1)]
            break
        if any(leaves_to(launch, later) for later in launches[number + 1 : LAUNCHES]):
            launch.interpret(checked=False)
    height = HEAD + sum(picture.height for picture in pictures) + FOOT
    figure = Figure(figsize=(WIDTH, height), dpi=200, facecolor="white")
    top = height - HEAD
    figure.text(MARGIN / WIDTH, (height - 0.12) / height, title, color=INK, fontsize=12, weight="bold", va="top")
    for picture in pictures:
        axes = figure.add_axes((0, (top - picture.height) / height, 1, picture.height / height))
        axes.set(xlim=(0, WIDTH), ylim=(picture.height, 0))
        axes.axis("off")
        picture.onto(axes)
        top -= picture.height
    rest = f" {len(launches) - len(pictures)} more launches follow." if len(launches) > len(pictures) else ""
    figure.text(MARGIN / WIDTH, 0.1 / height, legend(pictures) + rest, color=QUIET, fontsize=7.5, va="bottom")
    write_figure(path, figure)


def leaves_to(launch: Launch, later: Launch) -> bool:
    """Whether a launch has an array that a later one has, too."""
    one, other = ([a for a in each.args if isinstance(a, np.ndarray)] for each in (launch, later))
    return any(np.shares_memory(a, b) for a in one for b in other)


def legend(pictures: Sequence["Picture"]) -> str:
    """What the colours mean."""
    who = f"thread {pictures[0].chosen}" if len(pictures) == 1 else "the thread that is named"
    is_numbered = any(picture.cell >= NUMBERED for picture in pictures)
    numbers = (
        "\nA number is that of the thread which writes the cell; where none does, of the cell." if is_numbered else ""
    )
    return (
        "One block. Full colour: written by the thread of that colour. Pale: read by it alone. Grey: read by several.\n"
        f"The arrows: what {who} reads (blue), and what it then writes (orange).{numbers}"
    )


def named(recording: Recording, arrays: Mapping[str, Any], known: Collection[str] | None) -> list[str]:
    """What the arrays of a recording are called."""
    places = {
        (value.__array_interface__["data"][0], value.shape): name
        for name, value in arrays.items()
        if isinstance(value, np.ndarray)
    }
    found = []
    for array in recording.arrays:
        name = places.get((*array.place[:1], array.shape), array.name)
        found.append(name if known is None or set(name.split(", ")) <= set(known) else "")
    return found


class Picture:
    """The first block of a launch, laid out: inputs, shared memory and outputs from top to bottom, or from the left."""

    def __init__(self, recording: Recording, names: Sequence[str], caption: str):
        self.caption = caption
        self.threads = int(np.prod(recording.block))
        self.touched = touches(recording)
        self.ways = ways(recording)
        self.chosen = telling(self.ways)
        of_chosen = {place for reads, written in self.ways.get(self.chosen, ()) for place in (*reads, written)}
        groups: list[list[Panel]] = [[], [], []]  # read alone, shared, written
        for number, array in enumerate(recording.arrays):
            touched = self.touched[number]
            if touched:
                is_written = any(writer is not None for writer, _ in touched.values())
                group = 1 if array.space == "shared" else 2 if is_written else 0
                wanted = {cell for where, cell in of_chosen if where == number}
                groups[group].append(panel_of(number, array, names[number], set(touched), wanted))
        self.groups = [group for group in groups if group]
        self.panels = {panel.number: panel for group in self.groups for panel in group}
        self.corner: dict[int, tuple[float, float]] = {}
        self.arrange()

    def arrange(self) -> None:
        """Give each panel its place, and find the size of a cell and the height of all."""
        panels = list(self.panels.values())
        self.across = any(panel.height > 4 and panel.is_matrix for panel in panels)
        room = WIDTH - 2 * MARGIN
        if self.across:
            units = sum(max(panel.width for panel in group) for group in self.groups)
            self.cell = min(CELL, (room - GAP * (len(self.groups) - 1)) / max(units, 1))
            widths = [max(self.width(panel) for panel in group) for group in self.groups]
            self.across = sum(widths) + GAP * (len(widths) - 1) <= room
        if not self.across:
            self.cell = min(CELL, room / max((panel.width for panel in panels), default=1))
        top = CAPTION if self.caption else 0.05
        x, y, self.height = MARGIN, top, top
        for group in self.groups:
            y, x = (top, x) if self.across else (y, MARGIN)
            deepest, widest = y, 0.0
            for panel in group:
                width = self.width(panel)
                if not self.across and x > MARGIN and x + width > WIDTH - MARGIN:
                    x, y = MARGIN, deepest
                self.corner[panel.number] = (x, y + LABEL)
                bottom = y + LABEL + panel.height * self.cell + 0.12
                deepest, widest = max(deepest, bottom), max(widest, width)
                y, x = (bottom, x) if self.across else (y, x + width + GAP / 2)
            self.height = max(self.height, deepest + (0.1 if self.caption else 0))
            y, x = (y, x + widest + GAP) if self.across else (deepest + 0.16, x)

    def width(self, panel: Panel) -> float:
        """In inches, with what stands above it."""
        return max(panel.width * self.cell, len(panel.label) * 0.072)

    def onto(self, axes: Axes) -> None:
        if self.caption:
            text = f"{self.caption}, thread {self.chosen}"
            axes.text(MARGIN, 0.02, text, color=INK, fontsize=9, weight="bold", va="top")
        for panel in self.panels.values():
            self.draw_panel(axes, panel)
        self.draw_ways(axes)

    def middle(self, array: int, cell: int) -> tuple[float, float] | None:
        """Where the middle of a cell is; None for one that is not shown."""
        if array not in self.panels or cell not in self.panels[array].cells:
            return None
        column, row = self.panels[array].cells[cell]
        x, y = self.corner[array]
        return x + (column + 0.5) * self.cell, y + (row + 0.5) * self.cell

    def draw_panel(self, axes: Axes, panel: Panel) -> None:
        x, y = self.corner[panel.number]
        axes.text(x, y - 0.05, panel.label, color=INK, fontsize=8.5, va="bottom")
        boxes, faces = [], []
        for cell, (column, row) in panel.cells.items():
            size = 0.92 * self.cell
            boxes.append(Rectangle((x + column * self.cell, y + row * self.cell), size, size))
            faces.append(self.face(panel.number, cell))
            writer, _ = self.touched[panel.number].get(cell, (None, ()))
            if self.cell >= NUMBERED:
                text, look = (str(writer), (INK, 6.5)) if writer is not None else (panel.indices[cell], (QUIET, 5.2))
                middle = x + (column + 0.46) * self.cell, y + (row + 0.48) * self.cell
                axes.text(*middle, text, color=look[0], fontsize=look[1], ha="center", va="center")
        edge = FAINT if self.cell >= 0.1 else "none"
        axes.add_collection(PatchCollection(boxes, facecolor=faces, edgecolor=edge, linewidth=0.6))
        for column, row, text in panel.notes:
            middle = x + column * self.cell, y + (row + 0.42) * self.cell
            axes.text(*middle, text, color=QUIET, fontsize=7, va="center")

    def face(self, array: int, cell: int) -> tuple[float, ...]:
        writer, readers = self.touched[array].get(cell, (None, ()))
        if writer is not None:
            return self.colour(writer)
        if len(readers) == 1:
            return tuple(0.6 + 0.4 * part for part in self.colour(*readers))
        return to_rgb(SHARED if readers else "white")

    def colour(self, thread: int) -> tuple[float, ...]:
        return PALETTE(thread / max(self.threads - 1, 1))[:3]

    def draw_ways(self, axes: Axes) -> None:
        """The cells of the chosen thread, and arrows from those that it reads to those that it then writes."""
        arrows = []
        marks: dict[tuple[int, int], str] = {}
        for reads, written in self.ways.get(self.chosen, ()):
            end = self.middle(*written)
            marks |= {read: READ for read in reads if read not in marks}
            for read in sorted(reads)[:: -(-len(reads) // ARROWS) or 1]:
                start = self.middle(*read)
                if start and end and start != end:
                    arrows.append((start, end))
            marks[written] = WRITTEN
        for (array, cell), colour in marks.items():
            if place := self.middle(array, cell):
                half = 0.46 * self.cell
                corner = place[0] - half - 0.04 * self.cell, place[1] - half - 0.04 * self.cell
                box = Rectangle(corner, 2 * half, 2 * half, fill=False, edgecolor=colour, linewidth=1.6, zorder=4)
                axes.add_patch(box)
        for start, end in arrows:
            arrow = FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=7, color=INK, linewidth=0.9, alpha=0.75, zorder=5,
                connectionstyle="arc3,rad=0.08", shrinkA=2, shrinkB=4,
            )  # fmt: skip
            axes.add_patch(arrow)


def telling(found: Mapping[int, list]) -> int:
    """The thread whose way says most: that reads the most cells, and of several such one that is not the first."""
    counts = {thread: sum(len(reads) for reads, _ in steps) for thread, steps in found.items()}
    most = sorted(thread for thread, count in counts.items() if count == max(counts.values()))
    return most[len(most) // 3] if most else 0


def ways(recording: Recording) -> dict[int, list[tuple[list[tuple[int, int]], tuple[int, int]]]]:
    """By thread: (what it read since it wrote last, what it then wrote), each as (array, cell)."""
    found: dict[int, list] = {}
    unused: dict[int, list[Access]] = {}
    for access in recording.accesses():
        reads = unused.setdefault(access.thread, [])
        if access.kind == "load":
            reads.append(access)
            continue
        # Shared memory is mostly filled with copies: what has the value is what was copied, and the rest comes later.
        is_shared = recording.arrays[access.array].space == "shared"
        taken = [read for read in reads if is_shared and read.value == access.value] or reads
        unused[access.thread] = [read for read in reads if read not in taken]
        places = list(dict.fromkeys((read.array, read.cell) for read in taken))
        found.setdefault(access.thread, []).append((places, (access.array, access.cell)))
    return found
