"""File systems that refuse: a disk that is full, a folder in which nothing can be written."""

import os
import resource
import traceback
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def full_after(size):
    """No file grows past so many bytes: what this process writes there is refused by the system."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def in_read_only_folder(folder: Path, act) -> str:
    """What `act(path)` raises, in words, where `path` is a folder in which it may read and not write; "" for nothing.

    It runs in a fork, as nobody where we are root, whom no mode of a file would keep out.
    """
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    reader, writer = os.pipe()
    try:
        if not (process := os.fork()):
            said = ""
            try:
                os.chdir(folder)
                if not os.getuid():
                    os.setuid(NOBODY)
                act(Path("."))
            except OSError as error:
                said = f"{error.filename}: {error.strerror}"
            except BaseException:
                said = traceback.format_exc()
            os.write(writer, said.encode())
            os._exit(0)
        os.close(writer)
        os.waitpid(process, 0)
        with os.fdopen(reader, "rb") as pipe:
            return pipe.read().decode()
    finally:
        folder.chmod(mode)
