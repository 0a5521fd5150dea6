"""Copies of a user's pictures and films with boxes around the faces, and what was found in them as records."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from apps.faces import figures
from apps.faces.detector import Detector
from apps.faces.evaluation import Detections
from apps.faces.pictures import Film, is_film
from kernels.files import write_whole

Record = dict[str, Any]  # of a picture or of a frame, as JSON has it


def copy_of(path: Path) -> str:
    """The name of a copy of a picture or of a film. JPEG stays JPEG, other pictures become PNG, and films MP4."""
    if is_film(path):
        return f"{path.stem}.mp4"
    return path.name if is_jpeg(path) else f"{path.stem}.png"


def is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg")


class Album:
    """The copies. records has all that was added."""

    def __init__(self, detector: Detector):
        self.detector = detector
        self.records: list[Record] = []

    def add_picture(self, name: Path, picture: np.ndarray, output: Path) -> list[Record]:
        """Draw what is found in a picture (H, W, 3) uint8 into a copy."""
        found, image = self._look(picture)
        jpeg = is_jpeg(output)
        content = BytesIO()
        image.save(content, "jpeg" if jpeg else "png", **({"quality": 92, "subsampling": 0} if jpeg else {}))
        write_whole(output, content.getvalue())
        records = [{"image": str(name), "output": str(output), **record(picture, found)}]
        self.records += records
        return records

    def add_film(self, film: Film, output: Path, progress: Callable = iter) -> list[Record]:
        """Draw what is found in each frame of a film into a copy. Raises DataError."""
        records: list[Record] = []

        def drawn():
            for number, picture in enumerate(progress(film)):
                found, image = self._look(picture)
                names = {"image": str(film.path), "frame": number, "output": str(output)}
                records.append({**names, **record(picture, found)})
                yield np.asarray(image)

        film.write(output, drawn())
        self.records += records
        return records

    def _look(self, picture: np.ndarray) -> tuple[Detections, Image.Image]:
        found = self.detector(picture)
        return found, figures.draw(picture, found.boxes, found.scores)


def record(picture: np.ndarray, found: Detections) -> Record:
    """Size of a picture, and boxes in its pixels with their scores, in short decimals."""
    height, width, _ = picture.shape
    return {
        "width": width,
        "height": height,
        "boxes": np.round(found.boxes.astype(float), 2).tolist(),
        "scores": np.round(found.scores.astype(float), 4).tolist(),
    }
