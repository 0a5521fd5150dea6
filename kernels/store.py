"""What has been compiled before, on disk: in the user's cache folder, a file for each hash of what it depends on."""

import os
import time
from contextlib import suppress
from pathlib import Path

from kernels.caches import can_be_written
from kernels.files import write_whole

MOST = 256 * 2**20  # bytes
OLD = 3600.0  # seconds that nothing is thrown away in, so that no two processes do it at once


class Store:
    """Bytes by key. What cannot be kept is made again; so is what others could have written, because it will be run."""

    def __init__(self, name: str):
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.folder = Path(home) / "handwritten" / name

    def get(self, key: str) -> bytes | None:
        path = self.folder / key
        try:
            status = path.stat()
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                return None
            data = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)  # it is in use
        return data

    def put(self, key: str, data: bytes) -> None:
        if not can_be_written(str(self.folder)):
            return
        with suppress(OSError):
            write_whole(self.folder / key, data)
            self._make_room()

    def _make_room(self) -> None:
        """Throw the oldest away where there is too much. What is of the future was made before the clock was set back.

        It counts as the oldest.
        """
        now = time.time()
        found = [(status.st_mtime, status.st_size, path) for path in self.folder.iterdir() if (status := path.stat())]
        files = [(0.0 if used > now + OLD else used, size, path) for used, size, path in found]
        total = sum(size for _, size, _ in files)
        for used, size, path in sorted(files):
            if total <= MOST or used > now - OLD:
                return
            with suppress(OSError):
                path.unlink()
            total -= size
