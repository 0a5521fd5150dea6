"""The files of an operation, imported: what is wrong with one is said in one line, with the file and the line."""

import importlib
import importlib.util
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

PACKAGE = "kernels.operations"


class OperationError(ValueError):
    """An operation that cannot be used. One line: its name, the file and the line, what is wrong there."""


def exists(name: str) -> bool:
    """Whether there is a file or folder of that name, as "conv2d.cuda"."""
    return importlib.util.find_spec(f"{PACKAGE}.{name}") is not None


def is_folder(name: str) -> bool:
    """Whether there is a folder of that name, with an __init__.py."""
    spec = importlib.util.find_spec(f"{PACKAGE}.{name}") if name and "." not in name else None
    return spec is not None and spec.origin is not None and spec.submodule_search_locations is not None


def load(name: str) -> ModuleType:
    """The spec of an operation, as "conv2d", or one of its other files, as "conv2d.cuda". Raises OperationError.

    Whatever a file does wrong when it is imported is its author's to read, and no reason for others to stop.
    """
    try:
        if name.endswith(".cpu"):
            importlib.import_module("kernels.cpu")  # which makes Numba's cache safe, should the file use nothing of it
        return importlib.import_module(f"{PACKAGE}.{name}")
    except (Exception, SystemExit) as error:
        said = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
        what = f"{type(error).__name__}: {said}".removesuffix(": ")
        raise OperationError(f"{name.partition('.')[0]}: {place(name, error)}: {what}") from error


def place(name: str, error: BaseException) -> str:
    """The file and the line, among those of operations, where an import went wrong."""
    folders = importlib.import_module(PACKAGE).__path__
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        lines.append((error.filename, error.lineno))
    for file, line in reversed(lines):
        if is_inside(file, folders):
            return f"{file}, line {line}"
    spec = importlib.util.find_spec(f"{PACKAGE}.{name}")  # a file that could not even be read
    return str(spec.origin if spec else name)


def is_inside(file: str, folders: Iterable[str]) -> bool:
    return any(Path(file).is_relative_to(folder) for folder in folders)
