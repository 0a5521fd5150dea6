"""A user's own Python file: what stands in it under a name, and what its functions do, with errors in one line."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from kernels.gpu import Kernel, Launch
from kernels.operation import unknown


class FileError(ValueError):
    """A user's file that is not there, that fails, or that has not what is asked for: one line."""


def find(text: str) -> Any:
    """What "my.py:scale" names. Raises FileError.

    The file is run as `python my.py` runs it, and finds its neighbours as then; but its name is not `__main__`.
    """
    file, _, name = text.rpartition(":") if ":" in text else (text, "", "")
    module = load(Path(file))
    if hasattr(module, name):
        return getattr(module, name)
    options = [option for option, thing in vars(module).items() if _is_launched(thing, module)]
    if not options:
        raise FileError(f"{text}: the file has no kernel, and no function that takes nothing and returns launches")
    if not name:
        raise FileError(f"{file}: say which, as {file}:{options[0]}; choose from {', '.join(options)}")
    raise FileError(f"{file}: {unknown('name', name, options)}")


def _is_launched(thing: Any, module: ModuleType) -> bool:
    """Whether it is something to launch that the module has not imported."""
    if isinstance(thing, Kernel):
        return thing.source.function.__module__ == module.__name__
    if inspect.isfunction(thing) and thing.__module__ == module.__name__:
        return not required(thing)
    return isinstance(thing, Launch)


def required(function: Callable) -> list[str]:
    """The arguments that must be given to a function."""
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def load(path: Path) -> ModuleType:
    """A file as a module, run once. Raises FileError."""
    file = path.resolve()
    if not file.is_file():
        raise FileError(f"{path}: there is no such file")
    # Under its own name other processes find it too, unless it is called as something that is here already.
    known = sys.modules.get(path.stem)
    name = path.stem if known is None or getattr(known, "__file__", None) == str(file) else str(file)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FileError(f"{path}: is no Python file")
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise FileError(f"{path}: {said(error, file)}") from error
    return module


def call(function: Callable, name: str, **arguments: Any) -> Any:
    """What a function of a user's file returns. Raises FileError for whatever it raises."""
    try:
        return function(**arguments)
    except Exception as error:
        raise FileError(f"{name}: {said(error, Path(inspect.getfile(function)))}") from error


def said(error: BaseException, file: Path) -> str:
    """An error in one line, with the line of the file that led to it."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    at = f"line {lines[-1]}: " if lines else ""
    return f"{at}{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
