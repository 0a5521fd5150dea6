"""Numba's cache of compiled loops, made safe for processes that fill it at the same time.

Numba numbers the files of a function's versions in the order in which a process makes them. Two processes that make
different ones at once give both the same number, and whoever loads that file gets the other's machine code: sigmoid's
loop for relu's, which has the same types. Here the number is a hash of what the version is, so no two share a file.

And Numba takes machine code for good as long as the file of its function stays as it is, although functions and
constants of other files are compiled into it. Here it is made anew when one of this project changes that it imports.
"""

import ast
import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from numba.core.caching import IndexDataCacheFile, _SourceFileBackedLocatorMixin

ROOT = Path(__file__).parents[1]


def save(self, key, data):
    """In place of IndexDataCacheFile.save. What cannot be kept, as on a full disk, is compiled again."""
    with suppress(OSError):
        _save(self, key, data)


def _save(self, key, data):
    overloads = self._load_index()
    number = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big")
    name = self._data_name(number)
    if overloads.get(key) != name:
        overloads[key] = name
        self._save_index(overloads)
    self._save_data(name, data)


@cache
def behind(path: Path) -> frozenset[Path]:
    """The files of this project that a file imports, and itself."""
    found, waiting = {path}, [path]
    while waiting:
        for file in imported(waiting.pop()) - found:
            found.add(file)
            waiting.append(file)
    return frozenset(found)


@cache
def imported(path: Path) -> frozenset[Path]:
    """The files that stand behind `from kernels.a import b` in a file: b, if that is a module, else a."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "kernels":
            module = ROOT.joinpath(*(node.module or "").split("."))
            for name in node.names:
                options = (module / f"{name.name}.py", module.with_suffix(".py"), module / "__init__.py")
                found |= {next((file for file in options if file.exists()), path)}
    return frozenset(found)


@cache
def content(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def stamp(self, own=_SourceFileBackedLocatorMixin.get_source_stamp):
    """In place of _SourceFileBackedLocatorMixin.get_source_stamp: what machine code of a function is made from."""
    path = Path(self._py_file)
    if not path.is_relative_to(ROOT / "kernels"):
        return own(self)
    return hashlib.sha256(b"".join(content(file) for file in sorted(behind(path)))).digest()


def make_safe() -> None:
    """From now on this process keeps what Numba compiles under names of its own, until a source changes."""
    IndexDataCacheFile.save = save
    _SourceFileBackedLocatorMixin.get_source_stamp = stamp
