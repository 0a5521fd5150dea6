"""Pictures and films that a user points to: any size, mode and orientation, as uint8 (H, W, 3) RGB."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from apps.faces.data import DataError, reason

VIDEO = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")


def read_picture(path: Path) -> np.ndarray:
    """The picture upright, transparent parts on white: uint8 (H, W, 3) RGB. Raises DataError."""
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            if picture.mode[0] in "IF":  # 16 or 32 bits a pixel, which Pillow would cut off at 255
                picture = Image.fromarray(bytes_of(np.asarray(picture, np.float32), picture.mode))
            if picture.has_transparency_data:
                paper = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(paper, picture.convert("RGBA"))
            return np.array(picture.convert("RGB"))
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        raise DataError(f"{path}: no readable picture found ({reason(error)}), an image file expected") from error


def bytes_of(deep: np.ndarray, mode: str) -> np.ndarray:
    """Grey values from 0 on as bytes: the brightest is white, unless all fit already, up to 255, or to 1 in floats."""
    if not np.isfinite(deep).all():
        raise ValueError("values that are no numbers")
    return np.rint(255 / max(deep.max(), 255 if mode[0] == "I" else 1) * np.maximum(deep, 0)).astype(np.uint8)


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant: files as they are, folders as the images in them and below. Raises DataError."""
    Image.init()
    known = set(Image.EXTENSION) | set(VIDEO)
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in known and p.is_file())
            if not inside:
                raise DataError(f"{path}: no image in this folder, at least one expected")
            found += inside
        else:
            found.append(path)
    return found


def is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO


class Video:
    """The pictures of a film, one after the other, and a new film with boxes drawn in. Needs the extra `video`."""

    def __init__(self, path: Path):
        try:
            import av
        except ImportError:
            raise DataError(f"{path}: films need the extra: pip install 'handwritten[video]'") from None
        self.path, self._av = path, av
        try:
            with av.open(str(path)) as film:
                self.rate = film.streams.video[0].average_rate
        except (av.FFmpegError, IndexError) as error:
            raise DataError(f"{path}: no readable film found ({type(error).__name__}), a video file expected") from None

    def __iter__(self) -> Iterator[np.ndarray]:
        with self._av.open(str(self.path)) as film:
            for frame in film.decode(video=0):
                yield frame.to_ndarray(format="rgb24")

    def write(self, path: Path, pictures: Iterator[np.ndarray]) -> int:
        """Write pictures as a film of the same rate; returns how many. The file appears when it is whole."""
        count, unfinished = 0, path.with_name(f".{path.name}")
        with self._av.open(str(unfinished), "w", format="mp4") as film:
            stream = None
            for picture in pictures:
                count += 1
                height, width = (n - n % 2 for n in picture.shape[:2])  # the codec takes even sizes only
                if stream is None:
                    stream = film.add_stream("libx264", rate=self.rate or 25)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), "rgb24")
                film.mux(stream.encode(frame))
            if stream is not None:
                film.mux(stream.encode())
        unfinished.replace(path)
        return count
