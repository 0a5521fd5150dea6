"""One input tried: what is wrong with how a reader takes it."""

import resource
import time
import traceback
import warnings
from pathlib import Path

from tests.fuzz.target import Target

UNIT = 1024  # bytes in which Linux counts the largest size of a process
LONGEST = 2000  # letters of an error: names of a user's own may be long
PER_BYTE = 64


def judge(target: Target, data: bytes, folder: Path) -> str | None:
    """What is wrong, in a line with the place in our code it comes from; None where nothing is."""
    size, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    wrong = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.attempt(data, folder)
    except target.errors as error:
        text = str(error)
        if len(text.splitlines()) != 1 or len(text) > LONGEST:
            wrong = f"an error of {len(text.splitlines())} lines and {len(text)} letters: {place(error)}"
    except (Exception, SystemExit) as error:
        wrong = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}: {place(error)}"
    seconds = time.perf_counter() - started
    grown = UNIT * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size)
    if wrong is None and seconds > target.seconds:
        wrong = f"slow: {seconds:.1f} s"
    if wrong is None and grown > target.room + PER_BYTE * len(data):
        wrong = f"large: {grown / 2**20:.0f} MiB of memory for {len(data)} bytes"
    return wrong


def place(error: BaseException) -> str:
    """The last file and line of an error that are ours, or its last."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        frame for frame in frames if any(f"/{room}/" in frame.filename for room in ("apps", "framework", "kernels"))
    ]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
