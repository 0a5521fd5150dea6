"""What Numba calls the kernels that a program asks it to keep, by cache=True, while there is no GPU.

Numba keeps them beside their source, or in NUMBA_CACHE_DIR, and knows them again by types and by the GPU's compute
capability. Those that the driver here has linked are of a capability as well, but no machine code: a GPU would be given
them, or the driver here what was made for a GPU. So their files have names of their own, one for each state of the
driver's sources, for kernels with and without lines of the source, which Numba does not tell apart.
"""

import hashlib
from functools import cache
from pathlib import Path

from kernels.gpu import driver


def keep_apart(has_lines: bool) -> None:
    """From now on Numba keeps compiled kernels in files that it would not open for a GPU."""
    from numba.cuda.dispatcher import CUDACacheImpl

    mark = f"{'emulated-by-line' if has_lines else 'emulated'}-{fingerprint()}"

    def filename_base(impl, *name):
        return f"{super(CUDACacheImpl, impl).get_filename_base(*name)}.{mark}"

    CUDACacheImpl.get_filename_base = filename_base


@cache
def fingerprint() -> str:
    """A hash of the sources of the driver."""
    folder = Path(driver.__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(text).hexdigest()[:12]
