"""Files that somebody else has made: opened so that nothing hangs, and watched for changes while a run reads them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from apps.errors import DataError

State = tuple[int, int]  # bytes, and nanoseconds since 1970 when they were last written


@contextmanager
def opened(path: str | Path, buffering: int = -1) -> Iterator[BinaryIO]:
    """A file for reading in binary. Raises DataError for what cannot be read, also while it is, and for what is no
    file but a pipe or a device, which may never answer or never end.
    """
    try:
        if not stat.S_ISREG(kind := os.stat(path).st_mode) and not stat.S_ISDIR(kind):
            raise DataError(f"{path}: a pipe or a device found, a readable file expected")
        with open(path, "rb", buffering) as file:
            yield file
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error} found, a readable file expected") from error


def state(status: os.stat_result) -> State:
    """By what a file is known again, without reading it: a file that is cut off or written over differs in it."""
    return status.st_size, status.st_mtime_ns


def require_same(path: str | Path, before: State, status: os.stat_result) -> None:
    """Raises DataError where a file is no longer what it was."""
    if state(status) != before:
        found = f"{status.st_size} bytes" if status.st_size != before[0] else "a newer file"
        raise DataError(f"{path}: {found} found, the {before[0]} bytes that were there when the run began expected")
