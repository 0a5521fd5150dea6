"""Files that are written whole or not at all."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file. Whoever looks at `path`, whenever, finds the old file or the new one, never a part.

    Until it is whole it stands beside `path`, under a name with the number of this process. What a process left there
    that was killed is taken away. Raises OSError that names the file.
    """
    with naming(path):
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        take_away_unfinished(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What the system refuses inside, it refuses of this file: a full disk names none, a temporary name says little.

    Raises OSError.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"cannot be written ({error.strerror or error})", str(path)) from error


def write_figure(path: Path, figure) -> None:
    """Write a figure of Matplotlib as PNG, without the version of the library: the same run draws the same bytes."""
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    write_whole(path, content.getvalue())


def take_away_unfinished(path: Path) -> None:
    """Remove what is left of attempts to write a file, of processes that are no more."""
    name = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.\w+")
    for file in path.parent.iterdir():
        if (match := name.fullmatch(file.name)) and not is_running(int(match[1])):
            file.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True
