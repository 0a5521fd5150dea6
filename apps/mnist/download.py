"""MNIST fetched: from the first mirror that answers into a cache, each file held to its checksum."""

import os
import time
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pooch

from apps.errors import DataError

# The four original files, as yann.lecun.com published them, and their SHA-256.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "7ff28fd295f802eefc6d40e461175dfe4b969b1842b2abc8c6dc8c20711cf79f",
    "train-labels-idx1-ubyte.gz": "81a978ae83d39ffdba0db3ce2fcaf80a8921e9629e874428996a2b03242d4b2a",
    "t10k-images-idx3-ubyte.gz": "197e111ae341b0770be9011ac5e622d0e6cd1c640b32eb0de5dc1dd26cc6e182",
    "t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
}
SMALLEST = "t10k-labels-idx1-ubyte.gz"
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
PATIENCE = 4.0  # seconds in all until a mirror must have answered
MOST = 1 << 24  # bytes that are taken of a file; the largest has 9 912 422


def usual_cache() -> Path:
    return pooch.os_cache("handwritten") / "mnist"


def fetch(cache: Path, mirrors: Sequence[str]) -> str:
    """Completes the cache from the first mirror that can, and says where the files came from. Raises DataError.

    Pooch downloads to a temporary file and moves it to its name only if its checksum is right, so that a file in the
    cache is whole, and a bad download never replaces a good file.
    """
    missing = [name for name in CHECKSUMS if not is_good(cache / name)]
    if not missing:
        return "the cache"
    failures = []
    for mirror in answering(mirrors):
        try:
            for name in missing:
                pooch.retrieve(mirror + name, f"sha256:{CHECKSUMS[name]}", name, cache, downloader=downloaded)
            return mirror
        except OSError as error:  # requests' own errors are OSErrors too
            failures.append(f"{mirror}{name}: {error.strerror or type(error).__name__}")
        except ValueError:
            failures.append(f"{mirror}{name}: wrong checksum")
    raise DataError(f"full MNIST: {'; '.join(failures) or f'no mirror offered it within {PATIENCE:g} s'}")


def downloaded(url: str, path: str, pooch_itself) -> None:
    """For pooch: what stands at an address into a file, unless it is too large. Raises OSError, ValueError."""

    class Bounded(FileIO):
        def write(self, data):
            if self.tell() + len(data) > MOST:
                raise OSError(f"more than {MOST} bytes")
            return super().write(data)

    with Bounded(path, "wb") as file:
        pooch.HTTPDownloader(timeout=PATIENCE)(url, file, pooch_itself)


def is_good(path: Path) -> bool:
    return os.access(path, os.R_OK) and pooch.file_hash(path) == CHECKSUMS[path.name]


def answering(mirrors: Sequence[str]) -> Iterator[str]:
    """The mirrors that have the data, soonest answer first. Ends after PATIENCE seconds, even if DNS hangs."""
    answers: SimpleQueue[tuple[str, bool]] = SimpleQueue()

    def ask(mirror: str) -> None:
        try:
            answers.put(
                (mirror, pooch.HTTPDownloader(timeout=PATIENCE)(mirror + SMALLEST, None, None, check_only=True))
            )
        except (OSError, ValueError):
            answers.put((mirror, False))

    for mirror in mirrors:
        Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    for _ in mirrors:
        try:
            mirror, has_data = answers.get(timeout=max(deadline - time.monotonic(), 0))
        except Empty:
            return
        if has_data:
            yield mirror
