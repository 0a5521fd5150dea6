"""Find the faces in a picture of any size, with a trained detector."""

from collections import OrderedDict
from pathlib import Path

import numpy as np

from apps.faces.evaluation import Detections
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS, OVERLAP
from framework import Model, weights
from framework.program import Program
from kernels.device import Device
from kernels.operation import find_operation

WEIGHTS = Path(__file__).parent / "weights"

# The least score of a box that is shown.
THRESHOLD = 0.45

# Pictures are extended to multiples of so many pixels, so that pictures of about one size share a program.
MULTIPLE = 64

# What a program for looking computes.
OUTPUTS = ("boxes", "scores", "keep")

# Programs that are kept ready. Each has the memory for one picture of its size.
PROGRAMS = 8


class Detector:
    """`Detector(model)(picture)` returns Detections with falling scores, in the picture's own pixels.

    threshold   the least score of a detection, from 0 to 1
    overlap     IoU above which the better of two detections stands for both
    longest     larger pictures are made smaller by the device, to so many pixels a side, before they are looked at
    """

    def __init__(
        self, model: Model, threshold: float = THRESHOLD, overlap: float = OVERLAP, longest: int | None = None
    ):
        self.model, self.threshold, self.overlap, self.longest = model, threshold, overlap, longest
        self._programs: OrderedDict[tuple[int, int], Program] = OrderedDict()

    def __call__(self, picture: np.ndarray) -> Detections:
        """picture (H, W, 3) uint8 RGB -> boxes (k, 4) within it and scores (k,)."""
        height, width, _ = picture.shape
        if self.longest and max(height, width) > self.longest:
            return self._smaller(picture)
        size = extended(height, width)
        image = np.empty((1, *size, 3), np.uint8)
        image[:] = np.rint(picture.mean(axis=(0, 1)))
        image[0, :height, :width] = picture
        found = self._program(size)(image=image)
        boxes, scores = found["boxes"][0].astype(np.float32), found["scores"][0].astype(np.float32)
        boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
        kept = (found["keep"][0] == 1) & (scores >= self.threshold) & (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        return Detections(boxes[kept], scores[kept])

    def _smaller(self, picture: np.ndarray) -> Detections:
        height, width, _ = picture.shape
        assert self.longest is not None
        factor = self.longest / max(height, width)
        rows, columns = (max(1, round(side * factor)) for side in (height, width))
        found = self(resized(picture, (rows, columns), self.model.device))
        scale = np.array([width / columns, height / rows] * 2, np.float32)
        boxes = np.minimum(found.boxes * scale, np.array([width, height] * 2, np.float32))  # the product is rounded
        return Detections(boxes, found.scores)

    def _program(self, size: tuple[int, int]) -> Program:
        if size not in self._programs:
            self._programs[size] = self.model.inference(1, OUTPUTS, size=size, overlap=self.overlap)
            if len(self._programs) > PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(size)
        return self._programs[size]


def extended(height: int, width: int) -> tuple[int, int]:
    """The size of the program that looks at a picture."""
    return -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE


def resized(picture: np.ndarray, size: tuple[int, int], device: Device) -> np.ndarray:
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
