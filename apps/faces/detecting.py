"""python -m apps.faces detect: looks at pictures, films and a camera, says what is in them, and draws it."""

import json
import sys
import time
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO

from apps.command_line import free_files, telling_of_compiling
from apps.errors import DataError
from apps.faces.album import Album, Record, copies_of
from apps.faces.camera import Camera
from apps.faces.detector import Detector, load_detector
from apps.faces.pictures import Film, Unreadable, find_pictures, is_film, read_frames
from framework.ranks import Ranks
from kernels.commands.command_line import CommandError, make_folder, one_line, progress
from kernels.files import naming

# What is looked at where nothing else is given: a picture of scikit-image.
ASTRONAUT = Path("astronaut.png")

CAMERA = Path("camera.mp4")

Subject = Path | Unreadable | Camera | None


class Done(NamedTuple):
    """What became of a picture or film: whether it was looked at, and what is said of it.

    records    one a picture or frame, or one that has the error
    seconds    that it took
    """

    good: bool
    said: str
    records: list[Record]
    seconds: float


def detect(options) -> int:
    """Write copies with a box drawn around every face. What cannot be read is named, and the others done.

    Several ranks each take a share of the pictures; what they say and record stands in the order of the pictures.
    """
    started = time.perf_counter()
    ranks: Ranks = options.ranks
    subjects = subjects_of(options)
    if all(isinstance(subject, Unreadable) for subject in subjects):
        for subject in subjects:
            print(f"apps.faces detect: {subject.why}", file=sys.stderr)  # type: ignore[union-attr]
        return 1
    model, facts = load_detector(options.weights, options.device)
    make_folder("--output", options.output)
    # The first says where each copy goes, so that no two have the same name.
    names = copies_of([path_of(subject) for subject in subjects])
    outputs = [Path(path) for path in ranks.broadcast([str(p) for p in free_files(options.output, names)])]
    album = Album(Detector(model, options.threshold, options.overlap, options.longest, options.scales))
    print(f"model  {model.name} on {model.device}, trained on {facts.get('data', 'unknown data')}")
    done: list[Done] = []
    with Lines(options.json if ranks.first else None) as lines, telling_of_compiling(model.device):
        for number in ranks.share(len(subjects)):
            done.append(looked_at(album, subjects[number], outputs[number], options.frames))
            tell(done[-1], lines)
        for others in ranks.gather(done)[1:]:  # the first rank's are told
            for each in others:
                done.append(Done(*each))
                tell(done[-1], lines)
    print(total(done, time.perf_counter() - started))
    return 0 if all(each.good for each in done) else 1


def subjects_of(options) -> list[Subject]:
    """What is to be looked at. Raises CommandError, and DataError where there is no such camera."""
    if options.camera is None:
        return [*find_pictures(options.pictures, options.output)] or [None]
    if options.pictures:
        raise CommandError(f"--camera: {options.pictures[0]} found beside it, one of them expected")
    if options.ranks.size > 1:
        raise CommandError(f"--camera: {options.ranks.size} ranks found, one process expected")
    return [Camera(options.camera)]


def path_of(subject: Subject) -> Path:
    """The file by which a copy is named."""
    if isinstance(subject, Unreadable):
        return subject.path
    return CAMERA if isinstance(subject, Camera) else subject or ASTRONAUT


def looked_at(album: Album, subject: Subject, output: Path, frames: int | None) -> Done:
    """Look at one, of a film or camera at most at so many frames, and draw it."""
    started = time.perf_counter()
    try:
        records = drawn(album, subject, output, frames)
    except (DataError, MemoryError) as error:
        path = path_of(subject)
        why = one_line(error) if isinstance(error, DataError) else f"{path}: {one_line(error)}"
        record = {"image": str(path), "error": why}
        return Done(False, f"apps.faces detect: {why}", [record], time.perf_counter() - started)
    seconds = time.perf_counter() - started
    said = f"{records[0]['image']}: {counted(faces_in(records), 'face')}"
    if "frame" in records[0]:
        said += f" in {counted(len(records), 'frame')}, {len(records) / seconds:.1f} a second"
    return Done(True, f"{said}, {seconds:.2f} s, drawn in {records[0]['output']}", records, seconds)


def drawn(album: Album, subject: Subject, output: Path, frames: int | None) -> list[Record]:
    """The records of what is in it. Raises DataError, MemoryError."""
    if isinstance(subject, Unreadable):
        raise DataError(subject.why)
    if subject is None:
        from skimage import data  # here, because it loads slowly and is seldom needed

        return album.add_picture(ASTRONAUT, data.astronaut(), output)
    if isinstance(subject, Camera) or is_film(subject):
        film = subject if isinstance(subject, Camera) else Film(subject)
        bar = partial(progress, total=min(filter(None, (film.frames, frames)), default=None), unit=" frames")
        return album.add_film(film, output, lambda pictures: bar(islice(pictures, frames)))
    pictures = read_frames(subject)
    first = next(pictures)
    if first.frames == 1:
        return album.add_picture(subject, first.picture, output)
    bar = progress(chain([first], pictures), total=first.frames, unit=" frames")
    return album.add_frames(subject, first.frames, bar, output)


class Lines:
    """A file of records, each a line that is there as soon as it is added. What it was before stays until the first."""

    def __init__(self, path: Path | None):
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file:
            self._file.close()

    def add(self, records: list[Record]) -> None:
        """Raises OSError that names the file."""
        if self._path:
            with naming(self._path):
                self._file = self._file or self._path.open("w")
                self._file.write("".join(json.dumps(record) + "\n" for record in records))
                self._file.flush()


def tell(done: Done, lines: Lines) -> None:
    print(done.said, file=sys.stdout if done.good else sys.stderr, flush=True)
    lines.add(done.records)


def total(done: list[Done], seconds: float) -> str:
    """The line that ends a run."""
    good = [each for each in done if each.good]
    said = [counted(len(good), "picture"), counted(sum(faces_in(each.records) for each in good), "face")]
    films = [each for each in good if "frame" in each.records[0]]
    if films:
        frames = sum(len(each.records) for each in films)
        said.insert(1, f"{counted(frames, 'frame')} ({frames / sum(each.seconds for each in films):.1f} a second)")
    failures = len(done) - len(good)
    return f"total  {', '.join([*said, counted(failures, 'failure')])}, {seconds:.2f} s"


def faces_in(records: list[Record]) -> int:
    return sum(len(record["boxes"]) for record in records)


def counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
