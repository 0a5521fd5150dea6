"""The exhibits: one folder an operation, and beside them, as modules, what families of operations share.

An operation need not stand here. `add_folder` takes in the operations of another folder, as `--operations FOLDER` of
the command line does: commands, tests and networks then find these as they find their neighbours here. Folders that the
environment variable HANDWRITTEN_OPERATIONS names, separated as in PATH, are there from the start.
"""

import os
import pkgutil
from pathlib import Path

from kernels.modules import OperationError

VARIABLE = "HANDWRITTEN_OPERATIONS"

__path__ += [os.path.abspath(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]


def add_folder(folder: str | Path) -> None:
    """Take in the operations of a folder: they are found in this process, and in those that it starts.

    Raises OperationError for a folder that is not there, that has no operation, or one whose name is taken.
    """
    path = os.path.abspath(os.path.expanduser(folder))
    if path in __path__:
        return
    if not os.path.isdir(path):
        raise OperationError(f"{folder}: there is no such folder")
    if os.pathsep in path:
        raise OperationError(f"{folder}: the name of a folder of operations cannot have {os.pathsep!r} in it")
    found = list(pkgutil.iter_modules([path]))
    if not any(module.ispkg for module in found):
        raise OperationError(f"{folder}: has no operation in it, which is a folder with an __init__.py")
    if taken := {module.name for module in found} & {module.name for module in pkgutil.iter_modules(__path__)}:
        raise OperationError(f"{folder}: names that are taken already: {', '.join(sorted(taken))}")
    __path__.append(path)
    os.environ[VARIABLE] = os.pathsep.join(__path__[1:])
