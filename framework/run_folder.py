"""The folder of a run, which one process has to itself for as long as the run goes on."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


class FolderError(ValueError):
    """A folder in which no run can be: one line that names it."""


def new_folder(parent: Path, name: str) -> Path:
    """Make the first of name-1, name-2 ... that does not exist yet, which is then nobody else's. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        try:
            (path := parent / f"{name}-{number}").mkdir()
            return path
        except FileExistsError:
            continue
    raise AssertionError("there is always a next number")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have the folder to ourselves. Raises FolderError where another run has it.

    The lock is one of the system on the folder itself: it leaves nothing behind, and ends with its process, however
    that ends. A file system that knows no locks is taken as it is.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError(
                f"{folder}: another run is going on in this folder, a folder of its own expected"
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)
