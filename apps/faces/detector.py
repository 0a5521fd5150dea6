"""Find the faces in a picture of any size, with a trained detector."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.faces.evaluation import Detections
from apps.faces.looks import Size, looks
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS
from framework import Model, memory, weights
from framework.program import Program
from kernels.device import Device
from kernels.operation import find_operation

WEIGHTS = Path(__file__).parent / "weights"
SHIPPED = WEIGHTS / "scout.safetensors"

# The IoU above which the better of two detections stands for both.
OVERLAP = 0.4

# The least score of a box that is shown: up to 1280 pixels at most 0.3 boxes a photograph are false (docs/faces.md).
THRESHOLD = 0.65

# Pictures are extended to multiples of so many pixels, so that pictures of about one size share a program.
MULTIPLE = 64

# What a program for looking computes.
OUTPUTS = ("boxes", "scores")

# Programs that are kept ready. Each has the memory for one picture of its size.
PROGRAMS = 8

# Bytes for each pixel of a copy while it is made: its three colours twice, and one of them as numbers.
COPY = 22


class Detector:
    """`Detector(model)(picture)` returns Detections with falling scores, in the picture's own pixels.

    threshold   the least score of a detection, from 0 to 1
    overlap     IoU above which the better of two detections stands for both
    longest     pixels that the longer side is given, be it made smaller or larger, before the scales apply
    scales      of each look a factor of the picture's size, or "auto" for those that suit it: see apps/faces/looks.py

    What all looks find competes in one suppression. The device makes copies of other sizes, and suppresses.
    """

    def __init__(
        self,
        model: Model,
        threshold: float = THRESHOLD,
        overlap: float = OVERLAP,
        longest: int | None = None,
        scales: Sequence[float] | str | None = (1.0,),
    ):
        self.model, self.threshold, self.overlap = model, threshold, overlap
        self.longest, self.scales = longest, scales
        self.full: list[Size] = []
        self._programs: OrderedDict[Size, Program] = OrderedDict()

    def __call__(self, picture: np.ndarray, scales: Sequence[float] | str | None = None) -> Detections:
        """picture (H, W, 3) uint8 RGB -> boxes (k, 4) within it and scores (k,). Raises MemoryError, by name of a look.

        scales    for this picture others than its own
        Afterwards `full` has the sizes of those looks of which more boxes may score enough than compete.
        """
        self.full.clear()
        height, width, _ = picture.shape
        found = [self._look(picture, size) for size in looks(height, width, scales or self.scales, self.longest)]
        boxes, scores = (np.concatenate(each) for each in zip(*found, strict=True))
        order = np.argsort(-scores, kind="stable")  # of equal scores the earlier look's comes first
        boxes, scores = boxes[order], scores[order]
        kept = suppressed(boxes, scores, self.overlap, self.model.device)
        boxes, scores = boxes[kept].astype(np.float32), scores[kept].astype(np.float32)
        boxes = np.clip(boxes, 0, np.array([width, height] * 2, np.float32))
        seen = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        return Detections(boxes[seen], scores[seen])

    def _look(self, picture: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """What scores enough in a copy of that size: boxes (n, 4) in the picture's pixels, falling scores (n,)."""
        height, width, _ = picture.shape
        rows, columns = size
        extent = extended(rows, columns)
        program = self._program(extent)  # first, as it knows whether there is room for the copy
        copy = picture if size == (height, width) else resized(picture, size, self.model.device)
        image = np.empty((1, *extent, 3), np.uint8)
        image[:] = np.rint(copy.mean(axis=(0, 1)))
        image[0, :rows, :columns] = copy
        found = program(image=image)
        boxes, scores = found["boxes"][0], found["scores"][0]
        likely = scores.astype(np.float32) >= self.threshold
        if likely.all() and len(scores) < program.graph.values["anchors"].shape[0]:
            self.full.append(size)
        return boxes[likely] * np.array([width / columns, height / rows] * 2, boxes.dtype), scores[likely]

    def _program(self, size: Size) -> Program:
        if size not in self._programs:
            self._make_room(*size)
            self._programs[size] = self.model.inference(1, OUTPUTS, size=size)
        self._programs.move_to_end(size)
        return self._programs[size]

    def _make_room(self, rows: int, columns: int) -> None:
        """Let old programs go, until there is room for a new one. Raises MemoryError."""
        needed = COPY * rows * columns
        free = self._freed(needed)
        if needed <= free:  # else the plan itself may take more than there is
            needed += memory.of_looking(self.model, 1, OUTPUTS, size=(rows, columns))
            free = self._freed(needed)
        if needed > free:
            said = f"{memory.in_words(needed)} needed, {memory.in_words(free)} free; smaller scales need less"
            raise MemoryError(f"memory of {self.model.device}: a look at {rows} x {columns} pixels: {said}")

    def _freed(self, needed: int) -> int:
        """The bytes that are free where old programs go for so many."""
        free = memory.free_bytes(self.model.device)
        while self._programs and (needed > free or len(self._programs) >= PROGRAMS):
            self._programs.popitem(last=False)
            free = memory.free_bytes(self.model.device)
        return free


def suppressed(boxes: np.ndarray, scores: np.ndarray, overlap: float, device: Device) -> np.ndarray:
    """Which boxes (n, 4), whose scores (n,) fall from 1 to 0, no better one covers: (n,) bool, by the operation `nms`.

    They are filled up to a power of two, since a GPU has a kernel compiled for each number of them.
    """
    n = len(scores)
    more = (1 << (n - 1).bit_length() if n else 1) - n
    given = {
        "boxes": np.pad(boxes, ((0, more), (0, 0)))[np.newaxis],
        "score": np.pad(scores, (0, more), constant_values=-1)[np.newaxis],
        "overlap": overlap,
    }
    return device.run(find_operation("nms"), "forward", given)["keep"][0, :n] == 1


def extended(height: int, width: int) -> Size:
    """The size of the program that looks at a picture."""
    return -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE


def resized(picture: np.ndarray, size: Size, device: Device) -> np.ndarray:
    """A picture (H, W, 3) uint8 in another size (rows, columns), by the operation `resize` on the device.

    One colour at a time, because a photograph of 24 megapixels takes 96 MB as float32 in each.
    """
    resize, small = find_operation("resize"), np.empty((*size, picture.shape[2]), np.uint8)
    for colour in range(picture.shape[2]):
        plane = picture[np.newaxis, np.newaxis, :, :, colour]
        small[:, :, colour] = np.rint(device.run(resize, "forward", {"x": plane, "size": size})["y"][0, 0])
    return small


def load_detector(path: Path, device: Device | str = "auto") -> tuple[Model, dict[str, str]]:
    """A detector from a weights file, and what the file says about it. Raises CheckpointError, DeviceError."""
    return weights.load(path, MODELS, device, matching=MATCHINGS)
