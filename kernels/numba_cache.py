"""Numba's cache of compiled loops, made safe for processes that fill it at the same time.

Numba numbers the files of a function's versions in the order in which a process makes them. Two processes that make
different ones at once give both the same number, and whoever loads that file gets the other's machine code: sigmoid's
loop for relu's, which has the same types. Here the number is a hash of what the version is, so no two share a file.
"""

import hashlib

from numba.core.caching import IndexDataCacheFile


def save(self, key, data):
    """In place of IndexDataCacheFile.save."""
    overloads = self._load_index()
    number = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big")
    name = self._data_name(number)
    if overloads.get(key) != name:
        overloads[key] = name
        self._save_index(overloads)
    self._save_data(name, data)


def make_safe() -> None:
    """From now on this process keeps what Numba compiles under names that nothing else has."""
    IndexDataCacheFile.save = save
