"""Copies of a user's pictures and films with boxes around the faces, and what was found in them as records."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from apps.command_line import free_file
from apps.faces import figures
from apps.faces.detector import Detector
from apps.faces.evaluation import Detections
from apps.faces.pictures import Film
from kernels.files import write_whole

Record = dict[str, Any]  # of a picture or of a frame, as JSON has it


class Album:
    """The folder of the copies. A file that is there already, whosever it is, stays: copies get names that are free.

    records has all that was added.
    """

    def __init__(self, detector: Detector, folder: Path):
        self.detector, self.folder = detector, folder
        self.records: list[Record] = []

    def add_picture(self, name: Path, picture: np.ndarray) -> list[Record]:
        """Draw what is found in a picture (H, W, 3) uint8. JPEG stays JPEG; other pictures become PNG."""
        found, image = self._look(picture)
        jpeg = name.suffix.lower() in (".jpg", ".jpeg")
        output = free_file(self.folder / f"{name.stem}{name.suffix if jpeg else '.png'}")
        content = BytesIO()
        image.save(content, "jpeg" if jpeg else "png", **({"quality": 92, "subsampling": 0} if jpeg else {}))
        write_whole(output, content.getvalue())
        records = [{"image": str(name), "output": str(output), **record(picture, found)}]
        self.records += records
        return records

    def add_film(self, film: Film, progress: Callable = iter) -> list[Record]:
        """Draw what is found in each frame of a film. Raises DataError."""
        output = free_file(self.folder / f"{film.path.stem}.mp4")
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
