"""How long one look takes with several weights files: old weights beside new, in turns, in one run.

    python -m benchmarks.detectors old.safetensors new.safetensors --scales auto

Each detector has a process of its own. All look at the same picture, the portrait that comes with scikit-image, from
its pixels to the boxes that are left after suppression; the ratio is to the time of the first file.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from apps.command_line import add_device, run
from apps.faces.detector import SHIPPED, Detector, load_detector
from benchmarks.turns import Times, in_turns, medians, report
from kernels.commands.command_line import add_json, command, positive, write_json
from kernels.table import table


def main(arguments: list[str] | None = None) -> int:
    text = "Time one look at a picture with several weights files, in turns."
    c = command("python -m benchmarks.detectors", measure, text, "old.safetensors new.safetensors")
    what = "of detectors, of whatever models (default: the scout that ships)"
    c.add_argument("weights", nargs="*", type=Path, metavar="FILE", default=[SHIPPED], help=what)
    c.add_argument("--side", type=positive, default=512, metavar="PIXELS", help="of the picture (default: 512)")
    c.add_argument(
        "--several", action="store_true", help="look in several sizes, as detect does (default: only in its own)"
    )
    c.add_argument("--repeats", type=positive, default=30, metavar="N", help="looks with each (default: 30)")
    add_device(c)
    add_json(c)
    return run(c, arguments)


def measure(options) -> None:
    """Print the median of each, how far the middle 80 % reach, and the ratio to the first."""
    for path in options.weights:
        load_detector(path, options.device)  # one that is no detector's is refused before anything is timed
    names = named(options.weights)
    scales = "auto" if options.several else (1.0,)
    competitors = {name: (looking, str(path), options.device, options.side, scales) for name, path in names.items()}
    times = in_turns(competitors, options.repeats)
    report(f"a look at {options.side} x {options.side}, {options.repeats} in turns", times, "look")
    middle, (first, *others) = medians(times), times
    if others:
        print(table([[f"{name} of {first}'s time", f"{middle[name] / middle[first]:.3f}"] for name in others]))
    write_json(options.json, result(times, first))


def result(times: Times, first: str) -> dict:
    """Medians in milliseconds, and ratios to the first."""
    middle = medians(times)
    return {name: {"milliseconds": t * 1e3, "ratio": t / middle[first]} for name, t in middle.items()}


def named(paths: list[Path]) -> dict[str, Path]:
    """The files by names as short as tells them apart."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return dict(zip(stems, paths, strict=True))
    return {str(path): path for path in paths}


def looking(path: str, device: str, side: int, scales):
    """A function that makes one look."""
    picture = np.asarray(Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC))
    detector = Detector(load_detector(Path(path), device)[0], scales=scales)
    return lambda: detector(picture)


if __name__ == "__main__":
    sys.exit(main())
