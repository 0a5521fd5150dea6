"""Copies of a user's pictures and films with boxes around the faces, and what was found in them as records."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from apps import images
from apps.errors import DataError
from apps.faces import figures
from apps.faces.detector import Detector
from apps.faces.evaluation import Detections
from apps.faces.pictures import Film, Frame, is_film, reason
from kernels.commands.command_line import note
from kernels.files import write_whole

Record = dict[str, Any]  # of a picture or of a frame, as JSON has it

# How pictures are written, by the suffix of a copy; all others are PNG. The second is for several in a file.
JPEG = {"quality": 92, "subsampling": 0}
FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    ".jpg": ("jpeg", "mpo", JPEG),
    ".jpeg": ("jpeg", "mpo", JPEG),
    ".tif": ("tiff", "tiff", {"compression": "tiff_deflate"}),
    ".tiff": ("tiff", "tiff", {"compression": "tiff_deflate"}),
}

# Of an animation or a file of pages at most so many pictures are looked at, and no more than have, all together,
# images.MOST_PIXELS: the copy is one file, which is made in memory.
FRAMES = 1000

# Milliseconds for which a picture of an animation is shown that says nothing of it, as browsers have it.
SHOWN = 100


def copy_of(path: Path) -> str:
    """The name of a copy. JPEG stays JPEG, TIFF stays TIFF, other pictures become PNG, and films MP4."""
    if is_film(path):
        return f"{path.stem}.mp4"
    if path.suffix.lower() == ".mpo":  # JPEG files, one behind the other
        return f"{path.stem}.jpg"
    return path.name if path.suffix.lower() in FORMATS else f"{path.stem}.png"


def copies_of(paths: Sequence[Path]) -> list[str]:
    """The names of all copies. Those that would be alike say where each comes from.

    A copy keeps the suffix that it had, as holiday.bmp.png, and is called by its folder, as 2024-holiday.jpg.
    """
    names = [copy_of(path) for path in paths]
    often = Counter(name.casefold() for name in names)
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        if often[name.casefold()] > 1 and path.name != name:
            names[i] = f"{path.name}{Path(name).suffix}"
    alike: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        alike.setdefault(name.casefold(), []).append(i)
    for same in alike.values():
        called, depth = [names[i] for i in same], 0
        while len({name.casefold() for name in called}) < len(same) and depth < max(len(paths[i].parts) for i in same):
            depth += 1  # as few folders as tell them apart
            called = [in_folders(paths[i].parent, depth, names[i]) for i in same]
        for i, name in zip(same, called, strict=True):
            names[i] = name
    return names


def in_folders(folder: Path, depth: int, name: str) -> str:
    """The name after the last folders of a path."""
    parts = [part for part in folder.parts if part not in ("..", folder.anchor)]
    return "-".join([*parts[-depth:], name])


class Album:
    """The copies, of what the detector finds in what is added."""

    def __init__(self, detector: Detector):
        self.detector = detector
        self._told: set[str] = set()

    def add_picture(self, name: Path, picture: np.ndarray, output: Path) -> list[Record]:
        """Draw what is found in a picture (H, W, 3) uint8 into a copy."""
        found, image = self._look(name, picture)
        write_pictures(output, [image])
        return [{"image": str(name), "output": str(output), **record(picture, found)}]

    def add_frames(self, name: Path, count: int, frames: Iterable[Frame], output: Path) -> list[Record]:
        """Draw what is found in each picture of an animation, or in each page, into a copy. Raises DataError.

        A note says it where not all of them are looked at.
        """
        records: list[Record] = []
        drawn: list[Image.Image] = []
        shown: list[float] = []
        pixels = 0
        for number, frame in enumerate(frames):
            pixels += frame.picture.size // 3
            if number == FRAMES or (number and pixels > images.MOST_PIXELS):
                note(f"{name}: only the first {number:,} of {count:,} frames are looked at, which fill the copy")
                break
            found, image = self._look(name, frame.picture)
            drawn.append(image)
            shown.append(frame.milliseconds or SHOWN)
            place = {"image": str(name), "frame": number, "output": str(output)}
            records.append({**place, **record(frame.picture, found)})
        try:
            write_pictures(output, drawn, shown)
        except ValueError as error:  # pages of several sizes in what cannot have them
            raise DataError(f"{name}: a copy as {output.suffix} cannot be made ({reason(error)})") from error
        return records

    def add_film(self, film: Film, output: Path, progress: Callable = iter) -> list[Record]:
        """Draw what is found in each frame of a film into a copy. Raises DataError."""
        records: list[Record] = []

        def drawn():
            for number, picture in enumerate(progress(film)):
                found, image = self._look(film.path, picture)
                names = {"image": str(film.path), "frame": number, "output": str(output)}
                records.append({**names, **record(picture, found)})
                yield np.asarray(image)

        film.write(output, drawn())
        return records

    def _look(self, name: Path | str, picture: np.ndarray) -> tuple[Detections, Image.Image]:
        """What is found, and drawn. A note says it, once a file, where there may be more than can be found."""
        found = self.detector(picture)
        if self.detector.full and str(name) not in self._told:
            self._told.add(str(name))
            rows, columns = self.detector.full[0]
            said = f"all candidates of a look at {columns} x {rows} pixels score {self.detector.threshold} or more"
            note(f"{name}: {said}, so that others are left out; a higher --threshold leaves fewer")
        return found, figures.draw(picture, found.boxes, found.scores)


def write_pictures(output: Path, drawn: Sequence[Image.Image], shown: Sequence[float] = ()) -> None:
    """Write one picture, or several in one file: an animation, each shown for so many milliseconds, or pages."""
    first, *others = drawn
    one, several, options = FORMATS.get(output.suffix.lower(), ("png", "png", {}))
    if others:
        options = {**options, "save_all": True, "append_images": others}
        if several == "png":
            options |= {"duration": list(shown), "loop": 0}
    content = BytesIO()
    first.save(content, several if others else one, **options)
    write_whole(output, content.getvalue())


def record(picture: np.ndarray, found: Detections) -> Record:
    """Size of a picture, and boxes in its pixels with their scores, in short decimals."""
    height, width, _ = picture.shape
    return {
        "width": width,
        "height": height,
        "boxes": np.round(found.boxes.astype(float), 2).tolist(),
        "scores": np.round(found.scores.astype(float), 4).tolist(),
    }
