"""Where Numba keeps the kernels that a program asks it to keep, by cache=True, while there is no GPU.

Numba keeps them beside their source, and knows them again by types and by the GPU's compute capability. Those that the
driver here has linked are of a capability as well, but no machine code: a GPU would be given them, or the driver here
what was made for a GPU. So they have folders of their own, one for each state of the driver's sources, and in it one
each for kernels with and without lines of the source, which Numba does not tell apart.
"""

import hashlib
from functools import cache
from pathlib import Path

from kernels.gpu import driver
from kernels.store import Store


def keep_apart(has_lines: bool) -> None:
    """From now on Numba keeps compiled kernels in a folder of this project's."""
    from numba.cuda.core.caching import _UserWideCacheLocator
    from numba.cuda.dispatcher import CUDACacheImpl

    folder = Store("numba").folder / fingerprint() / ("lines" if has_lines else "plain")

    class Apart(_UserWideCacheLocator):
        """As the one that keeps what belongs to a file in the user's home, under another folder."""

        def get_cache_path(self):
            return str(folder / Path(super().get_cache_path()).name)

    CUDACacheImpl._locator_classes = [Apart]


@cache
def fingerprint() -> str:
    """A hash of the sources of the driver."""
    folder = Path(driver.__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(text).hexdigest()[:16]
