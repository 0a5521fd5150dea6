"""Two processes that compile different versions of a function at the same time do not get each other's machine code.

And nobody gets that of sources that have changed.
"""

from types import SimpleNamespace

import pytest
from numba.core.caching import IndexDataCacheFile

from kernels import numba_cache
from kernels.numba_cache import behind, make_safe, stamp
from tests.helpers import ROOT

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


def test_a_function_is_compiled_anew_when_a_file_changes_that_its_file_imports(tmp_path, monkeypatch):
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "loops.py").write_text("from kernels.inner import step\n")
    (folder / "inner.py").write_text("from kernels import constants\n")
    (folder / "constants.py").write_text("WIDTH = 8\n")
    (folder / "other.py").write_text("WIDTH = 8\n")
    monkeypatch.setattr(numba_cache, "ROOT", tmp_path)

    def seen():
        for known in (numba_cache.behind, numba_cache.imported, numba_cache.content):
            known.cache_clear()  # as in a new process
        return stamp(SimpleNamespace(_py_file=str(folder / "loops.py")))

    before = seen()
    (folder / "other.py").write_text("WIDTH = 16\n")
    assert seen() == before
    (folder / "constants.py").write_text("WIDTH = 16\n")
    assert seen() != before


def test_the_scheduler_of_the_emulator_depends_on_all_that_it_calls():
    names = {path.name for path in behind(ROOT / "kernels" / "gpu" / "emulator" / "schedule.py")}
    assert {"schedule.py", "warp.py", "order.py", "shadow.py", "raw.py", "layout.py"} <= names
    assert "cuda.py" not in {path.name for path in behind(ROOT / "kernels" / "operations" / "add" / "cpu.py")}
