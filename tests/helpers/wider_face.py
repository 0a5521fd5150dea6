"""Folders as WIDER FACE has them, with small photographs of noise."""

from pathlib import Path

import numpy as np
from PIL import Image

NO_FACE = (0,) * 10


def face(x=1, y=2, w=5, h=6, invalid=0) -> tuple[int, ...]:
    """A row of the annotations: a box, and what the benchmark says of it."""
    return (x, y, w, h, 1, 0, 1, invalid, 2, 0)


def text(entries: dict[str, list[tuple[int, ...]]]) -> str:
    """Annotations as the benchmark writes them, with a space after each number."""
    lines = []
    for name, rows in entries.items():
        lines += [name, str(len(rows)), *("".join(f"{number} " for number in row) for row in rows or [NO_FACE])]
    return "\n".join(lines) + "\n"


def write_split(folder: Path, split: str, entries: dict[str, list[tuple[int, ...]]], prefix: str = "") -> Path:
    """The annotations, and photographs of 40 x 30 pixels. Gives the file of annotations."""
    for number, name in enumerate(entries):
        path = folder / f"{prefix}{split}" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path, quality=95)
    annotations = folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt"
    annotations.parent.mkdir(exist_ok=True)
    annotations.write_text(text(entries))
    return annotations
