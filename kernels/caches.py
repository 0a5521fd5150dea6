"""Where libraries keep what they make once and use again, where the usual place cannot be written.

Numba keeps compiled loops beside their source or, like CuPy, in the user's home; Matplotlib what it knows of fonts, and
Pooch the digits it fetched. Where the home is read-only, or there is none, all that goes to a temporary folder.
"""

import os
import stat
import sys
import tempfile

# What the libraries read when they are loaded, and which folder it is unless it is set.
PLACES = {"XDG_CACHE_HOME": "~/.cache", "XDG_CONFIG_HOME": "~/.config", "CUPY_CACHE_DIR": "~/.cupy/kernel_cache"}


def find_places() -> None:
    """Set what must be set, and say so in a line; this process's children, which inherit it, need not."""
    folders = {variable: os.environ.get(variable) or os.path.expanduser(usual) for variable, usual in PLACES.items()}
    closed = {variable: folder for variable, folder in folders.items() if not can_be_written(folder)}
    if not closed:
        return
    elsewhere = own_folder()
    os.environ.update({variable: os.path.join(elsewhere, variable) for variable in closed})
    print(f"note    {', '.join(closed.values())} cannot be written: caches are in {elsewhere}", file=sys.stderr)


def can_be_written(folder: str) -> bool:
    """Whether files can be made in a folder, or the folder itself in the first around it that is there."""
    if not os.path.isabs(folder):  # as "~/.cache" is where nobody knows a home
        return False
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    try:
        tempfile.TemporaryFile(dir=folder).close()  # os.access would promise it to root, whatever the file system
    except OSError:
        return False
    return True


def own_folder() -> str:
    """A temporary folder that is the same for all runs of a user; another one, if somebody else has taken that name."""
    folder = os.path.join(tempfile.gettempdir(), f"handwritten-{os.getuid()}")
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            return tempfile.mkdtemp(prefix="handwritten-")
    return folder
