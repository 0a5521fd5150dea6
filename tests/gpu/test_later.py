"""A package that is loaded when something of it is asked for."""

import importlib
import sys
import threading
from types import ModuleType

import pytest

from kernels.gpu.later import Later, later


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A package that has a package shelf.book within it, and the module shelf.book.page in that."""
    inside = tmp_path / "shelf" / "book"
    inside.mkdir(parents=True)
    (tmp_path / "shelf" / "__init__.py").write_text("")
    (inside / "__init__.py").write_text("from shelf.book import page\nword = page.word\n")
    (inside / "page.py").write_text("word = 'read'\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("shelf")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shelf"]:
        del sys.modules[name]


def test_it_is_loaded_when_something_of_it_is_asked_for(shelf):
    book = later(shelf, "book")
    assert book.__name__ == "shelf.book"
    assert isinstance(book, ModuleType)
    assert not isinstance(book, type)
    assert type(book) is Later
    assert "shelf.book.page" not in sys.modules
    assert book.word == "read"
    assert type(book) is ModuleType
    assert later(shelf, "book") is book


@pytest.mark.parametrize(
    "statement",
    ["from shelf.book import word", "from shelf.book.page import word", "import shelf.book; word = shelf.book.word"],
)
def test_who_imports_it_gets_the_same(shelf, statement):
    book, names = later(shelf, "book"), {}
    exec(statement, names)
    assert names["word"] == "read"
    assert sys.modules["shelf.book"] is shelf.book is book
    assert type(book) is ModuleType


def test_it_has_no_other_attributes_than_its_own(shelf):
    with pytest.raises(AttributeError, match=r"shelf\.book"):
        _ = later(shelf, "book").sentence


def test_threads_that_ask_at_once_all_find_it(shelf):
    path, book, found = shelf.__path__[0] + "/book/page.py", later(shelf, "book"), []
    with open(path, "w") as file:
        file.write("import time\ntime.sleep(0.2)\nword = 'read'\n")
    threads = [threading.Thread(target=lambda: found.append(book.word)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["read"] * 4


def test_what_fails_to_load_fails_each_time(shelf):
    with open(shelf.__path__[0] + "/book/page.py", "w") as file:
        file.write("raise ImportError('torn out')\n")
    book = later(shelf, "book")
    for _ in range(2):
        with pytest.raises(ImportError, match="torn out"):
            _ = book.word


def test_what_there_is_not_is_missed_when_it_is_used(shelf):
    missing = later(shelf, "map")
    with pytest.raises(ModuleNotFoundError, match=r"shelf\.map"):
        _ = missing.word
