"""What has been compiled before is found again, if nobody else can have written it."""

import pytest

from kernels.store import Store

KEY = "0123"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Store("emulator")


def test_what_is_kept_is_found_again(store):
    assert store.get(KEY) is None
    store.put(KEY, b"code")
    assert store.get(KEY) == b"code"


def test_a_file_that_others_may_write_is_not_loaded(store):
    store.put(KEY, b"code")
    (store.folder / KEY).chmod(0o666)
    assert store.get(KEY) is None
