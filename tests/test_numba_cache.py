"""Two processes that compile different versions of a function at the same time do not get each other's machine code."""

import pytest
from numba.core.caching import IndexDataCacheFile

from kernels.numba_cache import make_safe

RELU, SIGMOID = ("relu", "avx2"), ("sigmoid", "avx2")


@pytest.fixture
def caches(tmp_path):
    """What two processes hold of one function's cache."""
    make_safe()
    return [IndexDataCacheFile(str(tmp_path), "loop-24", (0.0, 1)) for _ in range(2)]


def test_versions_saved_at_the_same_time_are_not_taken_for_each_other(caches, monkeypatch):
    """One looks which files there are; the other as well, and writes its index; both write; the other's code last."""
    first, second = caches
    held_back = []
    write_data, write_index = second._save_data, first._save_index

    def meanwhile(*arguments):
        second.save(SIGMOID, "code of sigmoid")
        write_index(*arguments)

    monkeypatch.setattr(second, "_save_data", lambda *arguments: held_back.append(arguments))
    monkeypatch.setattr(first, "_save_index", meanwhile)
    first.save(RELU, "code of relu")
    write_data(*held_back[0])
    for cache in caches:
        assert cache.load(RELU) == "code of relu"
        assert cache.load(SIGMOID) is None  # the other index is lost: it will be compiled again


def test_a_version_is_replaced_by_a_newer_one_of_the_same(caches):
    first, second = caches
    first.save(RELU, "old")
    second.save(RELU, "new")
    assert first.load(RELU) == "new"
