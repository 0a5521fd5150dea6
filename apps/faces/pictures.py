"""Pictures and films in files, of any size, mode and orientation, as uint8 (H, W, 3) RGB."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from apps import images
from apps.errors import DataError

PICTURES = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".qoi", ".tga", ".tif", ".tiff", ".webp"),
)
FILMS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")

# What FFmpeg may take a film for: containers that hold their pictures themselves, and not lists of other files and of
# addresses (HLS, DASH, concat), which it would go and open.
CONTAINERS = "avi,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegvideo,mpegts,m4v,h264,hevc"


def read_as_stored(file: Path | BinaryIO) -> np.ndarray:
    """The picture as its pixels are stored, uint8 (H, W, 3) RGB: EXIF does not turn it. Raises what Pillow raises.

    For data sets, whose boxes refer to stored pixels.
    """
    with images.opened(file) as image:
        return np.array(image.convert("RGB"))


def read_upright(source: Path | BinaryIO) -> np.ndarray:
    """The picture as people see it, uint8 (H, W, 3) RGB: EXIF turns it, transparent parts are white. Raises DataError.

    For what a user points to: a file, or a stream of what is in one, which has no name.
    """
    try:
        # From a stream, because Pillow maps a TIFF file of which it knows the name as if it were upright already.
        opened = source.open("rb") if isinstance(source, Path) else nullcontext(source)
        with opened as stream, images.opened(stream) as file:
            picture = ImageOps.exif_transpose(file)
            if picture.mode[0] in "IF":  # 16 or 32 bits a pixel, which Pillow would cut off at 255
                picture = Image.fromarray(bytes_of(np.asarray(picture, np.float32), picture.mode))
            if picture.has_transparency_data:
                paper = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(paper, picture.convert("RGBA"))
            return np.array(picture.convert("RGB"))
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        named = f"{source}: " if isinstance(source, Path) else ""
        raise DataError(f"{named}no readable picture found ({reason(error)}), an image file expected") from error


def bytes_of(deep: np.ndarray, mode: str) -> np.ndarray:
    """Grey values from 0 on as bytes: the brightest is white, unless all fit already, up to 255, or to 1 in floats."""
    if not np.isfinite(deep).all():
        raise ValueError("values that are no numbers")
    return np.rint(255 / max(deep.max(), 255 if mode[0] == "I" else 1) * np.maximum(deep, 0)).astype(np.uint8)


def reason(error: Exception) -> str:
    """What is wrong with a picture, without its path."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "no format that Pillow knows"
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def find_pictures(paths: Sequence[Path], output: Path) -> list[Path]:
    """The files that are meant, each once: files as they are, folders as the pictures and films in them and below.

    Hidden files are passed over, and the output folder where it is within another. Raises DataError.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        inside = sorted(pictures_in(path, output)) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no picture in this folder, at least one expected ({' '.join(PICTURES + FILMS)})")
        found += inside
    return list(dict.fromkeys(found))


def pictures_in(folder: Path, output: Path) -> Iterator[Path]:
    drawn = output.resolve() if output.resolve() != folder.resolve() else None
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        known = path.suffix.lower() in PICTURES + FILMS and path.is_file()
        if known and not hidden and drawn not in path.resolve().parents:
            yield path


def is_film(path: Path) -> bool:
    return path.suffix.lower() in FILMS


class Film:
    """The pictures of a film, one after the other, and a new film like it. Needs the extra `video`. Raises DataError.

    frames is how many there are, as far as the file says it. Frames of more than images.MOST_PIXELS are refused.
    """

    def __init__(self, path: Path):
        try:
            import av
        except ImportError:
            raise DataError(f"{path}: films need the extra: pip install 'handwritten[video]'") from None
        self.path, self._av = path, av
        try:
            with self._opened() as film:
                stream = film.streams.video[0]
                images.require_size(stream.width, stream.height)
                self.rate, self.frames = stream.average_rate, stream.frames or None
        except Exception as error:  # as above, of FFmpeg
            raise self._unreadable(error) from error

    def _opened(self):
        options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
        return self._av.open(f"file:{self.path}", options=options, metadata_errors="replace")

    def __iter__(self) -> Iterator[np.ndarray]:
        try:
            with self._opened() as film:
                # FFmpeg itself refuses to make room for a larger one, which may come whatever its start says.
                film.streams.video[0].codec_context.options = {"max_pixels": str(images.MOST_PIXELS)}
                for frame in film.decode(video=0):
                    quarters = round(getattr(frame, "rotation", 0) / 90)  # as a telephone was held
                    yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))
        except Exception as error:
            raise self._unreadable(error) from error

    def write(self, path: Path, pictures: Iterator[np.ndarray]) -> int:
        """Write pictures as a film of the same rate, without sound; returns how many. It appears when it is whole."""
        unfinished = path.with_name(f".{path.name}")
        try:
            count = self._write(unfinished, pictures)
            if not count:
                raise DataError(f"{self.path}: a film without pictures found, at least one expected")
            unfinished.replace(path)
        except self._av.FFmpegError as error:
            raise DataError(f"{path}: this film cannot be written ({reason(error)})") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return count

    def _write(self, path: Path, pictures: Iterator[np.ndarray]) -> int:
        count = 0
        with self._av.open(str(path), "w", format="mp4") as film:
            stream = None
            for picture in pictures:
                height, width = (n - n % 2 or 2 for n in picture.shape[:2])  # the codec takes even sizes only
                if stream is None:
                    stream = film.add_stream("libx264", rate=self.rate or 25)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), "rgb24")
                film.mux(stream.encode(frame.reformat(stream.width, stream.height, "yuv420p")))
                count += 1
            if stream is not None:
                film.mux(stream.encode())
        return count

    def _unreadable(self, error: Exception) -> DataError:
        said = "no pictures in it" if isinstance(error, IndexError) else reason(error)
        return DataError(f"{self.path}: no readable film found ({said}), a video file expected")
