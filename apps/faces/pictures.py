"""Pictures and films in files, of any size, mode and orientation, as uint8 (H, W, 3) RGB."""

import os
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

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


class Unreadable(NamedTuple):
    """A path at which there is nothing to look at, and a line that says why."""

    path: Path
    why: str


def read_as_stored(file: Path | BinaryIO) -> np.ndarray:
    """The picture as its pixels are stored, uint8 (H, W, 3) RGB: EXIF does not turn it. Raises what Pillow raises.

    For data sets, whose boxes refer to stored pixels.
    """
    with images.opened(file) as image:
        return np.array(image.convert("RGB"))


def read_upright(source: Path | BinaryIO) -> np.ndarray:
    """The picture as people see it, uint8 (H, W, 3) RGB: EXIF turns it, transparent parts are white. Raises DataError.

    For what a user points to: a file, or a stream of what is in one, which has no name. Of an animation or a file of
    several pages it is the first.
    """
    with closing(read_frames(source)) as frames:
        return next(frames).picture


class Frame(NamedTuple):
    """A picture of an animation (GIF, WebP, PNG) or a page of a file (TIFF, MPO); most files have but one."""

    picture: np.ndarray  # upright, uint8 (H, W, 3) RGB
    milliseconds: float  # for which it is shown; 0 of a page
    frames: int  # so many are in the file


def read_frames(source: Path | BinaryIO) -> Generator[Frame]:
    """All pictures of a file, one after the other, each as `read_upright` has it. Raises DataError for the first.

    A warning says where the file breaks off later, or has a page that is too large.
    """
    number, named = 0, f"{source}: " if isinstance(source, Path) else ""
    try:
        # From a stream, because Pillow maps a TIFF file of which it knows the name as if it were upright already.
        opened = source.open("rb") if isinstance(source, Path) else nullcontext(source)
        with opened as stream, images.opened(stream) as file:
            picture = upright(file)  # before the others are counted, as it may be the only one that is whole
            count = frames_of(file, named)
            for number in range(count):
                if number:
                    file.seek(number)
                    images.require_size(*file.size)  # pages may differ
                    picture = upright(file)
                yield Frame(picture, float(file.info.get("duration") or 0), count)
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        if not number:
            raise DataError(f"{named}no readable picture found ({reason(error)}), an image file expected") from error
        said = f"only the first {number:,} of its {count:,} pictures can be read"
        warnings.warn(f"{named}{said} ({reason(error)})", stacklevel=2)


def frames_of(file: Image.Image, named: str) -> int:
    """How many pictures are in an open file; 1 where it breaks off before they can be counted."""
    try:
        return getattr(file, "n_frames", 1)
    except Exception as error:
        warnings.warn(f"{named}only the first of its pictures can be read ({reason(error)})", stacklevel=3)
        return 1


def upright(file: Image.Image) -> np.ndarray:
    """The picture at which an open file is."""
    picture = ImageOps.exif_transpose(file)
    if picture.mode[0] in "IF":  # 16 or 32 bits a pixel, which Pillow would cut off at 255
        picture = Image.fromarray(bytes_of(np.asarray(picture, np.float32), picture.mode))
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return np.array(picture.convert("RGB"))


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


def find_pictures(paths: Sequence[Path], output: Path) -> list[Path | Unreadable]:
    """The files that are meant, each once: files as they are, folders as the pictures and films in them and below.

    Hidden files are passed over, and the output folder where it is within another. What cannot be looked at stands in
    its place in the list.
    """
    found: list[Path | Unreadable] = []
    for path in paths:
        try:
            path.stat()
            found += pictures_in(path, output) if path.is_dir() else [path]
        except OSError as error:
            nowhere = isinstance(error, FileNotFoundError | NotADirectoryError)
            found.append(Unreadable(path, f"{path}: {'no such file or folder' if nowhere else reason(error)}"))
    return list(dict.fromkeys(found))


def pictures_in(folder: Path, output: Path) -> list[Path | Unreadable]:
    """In the order of their names, after the folders that cannot be read."""
    drawn = output.resolve() if output.resolve() != folder.resolve() else None
    found: list[Path] = []
    refused: list[OSError] = []
    for inside, folders, names in os.walk(folder, onerror=refused.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(inside, name) for name in names if not name.startswith(".")]
        known = [path for path in paths if path.suffix.lower() in PICTURES + FILMS and may_be_read(path)]
        found += [path for path in known if drawn not in path.resolve().parents]
    unreadable = [Unreadable(at := Path(e.filename), f"{at}: no readable folder found ({reason(e)})") for e in refused]
    if not found and not refused:
        expected = f"at least one expected ({' '.join(PICTURES + FILMS)})"
        unreadable = [Unreadable(folder, f"{folder}: no picture in this folder, {expected}")]
    return [*unreadable, *sorted(found)]


def may_be_read(path: Path) -> bool:
    """Whether it is a file, and no device or pipe; or it cannot be seen, so that whoever reads it will say why."""
    try:
        return path.is_file()
    except OSError:
        return True


def is_film(path: Path) -> bool:
    return path.suffix.lower() in FILMS


class Film:
    """The pictures of a film, one after the other, and a new film like it. Needs the extra `video`. Raises DataError.

    frames is how many there are, as far as the file says it. Frames of more than images.MOST_PIXELS are refused.
    """

    expected = "no readable film found ({}), a video file expected"

    def __init__(self, path: Path | str):
        self.path, self._av = path, extra(path)
        try:
            with self._opened() as film:
                self._look_at(film)
        except Exception as error:  # as above, of FFmpeg
            raise self._unreadable(error) from error

    def _look_at(self, film) -> None:
        stream = film.streams.video[0]
        images.require_size(stream.width, stream.height)
        self.rate, self.frames = stream.average_rate, stream.frames or None

    def _opened(self):
        options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
        return self._av.open(f"file:{self.path}", options=options, metadata_errors="replace")

    def __iter__(self) -> Iterator[np.ndarray]:
        try:
            with self._opened() as film:
                yield from self._pictures(film)
        except Exception as error:
            raise self._unreadable(error) from error

    def _pictures(self, film) -> Iterator[np.ndarray]:
        # FFmpeg itself refuses to make room for a larger one, which may come whatever its start says.
        film.streams.video[0].codec_context.options = {"max_pixels": str(images.MOST_PIXELS)}
        for frame in film.decode(video=0):
            quarters = round(getattr(frame, "rotation", 0) / 90)  # as a telephone was held
            yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))

    def tick(self, number: int) -> int:
        """When a picture is shown, counted at the film's rate: each after the one before."""
        return number

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
        count, rate = 0, Fraction(self.rate or 25)
        with self._av.open(str(path), "w", format="mp4") as film:
            stream = None
            for picture in pictures:
                height, width = (n - n % 2 or 2 for n in picture.shape[:2])  # the codec takes even sizes only
                if stream is None:
                    stream = film.add_stream("libx264", rate=rate)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), "rgb24")
                frame = frame.reformat(stream.width, stream.height, "yuv420p")
                frame.pts, frame.time_base = self.tick(count), 1 / rate
                film.mux(stream.encode(frame))
                count += 1
            if stream is not None:
                film.mux(stream.encode())
        return count

    def _unreadable(self, error: Exception) -> DataError:
        said = "no pictures in it" if isinstance(error, IndexError) else reason(error)
        return DataError(f"{self.path}: {self.expected.format(said)}")


def extra(what: object) -> Any:
    """PyAV, with which FFmpeg comes. Raises DataError."""
    try:
        import av
    except ImportError:
        raise DataError(f"{what}: films need the extra: pip install 'handwritten[video]'") from None
    return av
