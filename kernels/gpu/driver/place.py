"""Which line of a program asks for something: the first one on the stack that is of no library."""

import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType

# Folders of what stands between a program and the driver: this one, the packages of Python, and Python itself.
PACKAGES = ("numba", "numba_cuda", "numba_cuda_mlir", "cuda", "cupy")  # wherever they are installed
TYPED = ("<ipython-input", "<python-input")  # what has been typed in, whose lines are kept
LIBRARIES = tuple(
    f"{Path(folder).resolve()}{os.sep}"
    for folder in (
        Path(__file__).parent,
        Path(__file__).parents[1] / "programs",
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        sysconfig.get_path("stdlib"),
    )
)


def place() -> str:
    """As file:line; nothing where all of the stack is of libraries."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        file = frame.f_code.co_filename
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        is_nowhere = file.startswith("<") and not file.startswith(TYPED)
        if package not in PACKAGES and not is_nowhere and not file.startswith(LIBRARIES):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
