"""Which line of a program asks for something: the first one on the stack that is of no library."""

import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType


def spelled(*folders: Path | str) -> tuple[str, ...]:
    """How the names of files in them begin: in two ways where a link leads there, as to a virtual environment."""
    forms = (form for folder in map(Path, folders) for form in (folder.absolute(), folder.resolve()))
    return tuple(dict.fromkeys(f"{form}{os.sep}" for form in forms))


# What stands between a program and the driver: this folder and another here, the packages of Python, and Python itself.
OWN = spelled(Path(__file__).parent, Path(__file__).parents[1] / "programs")
LIBRARIES = (*OWN, *spelled(*map(sysconfig.get_path, ("purelib", "platlib", "stdlib"))))


def place() -> str:
    """As file:line; nothing where all of the stack is of libraries."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        file = frame.f_code.co_filename
        if not file.startswith(("<", *LIBRARIES)):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
