"""What a digest says: which data it is, wherever it was found."""

import gzip
import os
from dataclasses import replace

import numpy as np
import pytest

from apps.faces import crowds
from apps.faces import data as faces
from apps.mnist import data as mnist
from apps.mnist import idx
from tests.helpers.digits import FILES, write_folder
from tests.helpers.wider_face import face, write_split


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.delenv("WIDER_FACE_DIR", raising=False)


def test_digits_have_one_digest_however_they_are_stored(tmp_path, monkeypatch):
    folders = [write_folder(tmp_path / name, compress=name == "packed") for name in ("packed", "plain", "rows")]
    found = [mnist.read_folder(folder, "here") for folder in folders[:2]]
    monkeypatch.setattr(idx, "HELD", 784)
    found.append(mnist.read_folder(folders[2], "here"))
    assert isinstance(found[2].train_images, idx.Rows)
    assert len({digits.digest for digits in found}) == 1
    assert len(found[0].digest) == 16
    assert int(found[0].digest, 16) >= 0


@pytest.mark.parametrize("name", FILES[:2])
def test_one_other_byte_to_learn_from_is_another_digest(tmp_path, name):
    folder = write_folder(tmp_path / "mnist")
    before = mnist.read_folder(folder, "here").digest
    content = bytearray(gzip.decompress((folder / name).read_bytes()))
    content[-1] = (content[-1] + 1) % 10
    (folder / name).write_bytes(gzip.compress(content))
    assert mnist.read_folder(folder, "here").digest != before


def test_digits_split_otherwise_or_in_another_order_have_another_digest():
    digits = mnist.load("builtin")
    fewer = replace(digits, train_images=digits.train_images[:-1], train_labels=digits.train_labels[:-1])
    turned = replace(digits, train_images=digits.train_images[::-1])
    assert len({digits.digest, fewer.digest, turned.digest}) == 3


def test_of_large_arrays_a_sample_and_the_size_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "SAMPLED", 100 * 784)
    monkeypatch.setattr(mnist, "SAMPLES", 5)
    images, labels = np.zeros((101, 28, 28), np.uint8), np.zeros(101, np.uint8)

    def digest(changed=None, count=101):
        each = images.copy()
        if changed is not None:
            each[changed] = 1
        return mnist.Digits(each[:count], labels[:count], images[:9], labels[:9], "zeros", "here").digest

    assert digest(0) != digest()
    assert digest(100) != digest()
    assert digest(1) == digest()  # what a sample cannot see
    assert digest(1, count=100) != digest(count=100)


@pytest.fixture
def folder(tmp_path):
    write_split(tmp_path, "train", {"0--A/a.jpg": [face(), face(7, 8, 9, 10, 1)], "0--A/b.jpg": []})
    write_split(tmp_path, "val", {"1--B/c.jpg": [face()], "1--B/d.jpg": [face()]})
    return tmp_path


def test_faces_have_one_digest_wherever_the_folder_is_and_however_many_are_looked_at(folder, tmp_path):
    found = faces.read_folder(folder, "here")
    assert len(found.digest) == 16
    assert faces.read_folder(folder, "there", most=1).digest == found.digest
    os.utime(folder / "train" / "images" / "0--A" / "a.jpg", (1, 1))  # as a copy may have another time
    folder.rename(tmp_path.with_name("elsewhere"))
    assert faces.read_folder(tmp_path.with_name("elsewhere"), "here").digest == found.digest


def test_another_face_or_photograph_to_learn_from_is_another_digest(folder):
    found = {faces.read_folder(folder, "here").digest}
    annotations = folder / "wider_face_split" / "wider_face_train_bbx_gt.txt"
    content = annotations.read_text()
    for other in (content.replace("1 2 5 6", "1 2 5 7", 1), content.replace("6 1 0 1 0 2 0", "6 1 0 1 1 2 0", 1)):
        annotations.write_text(other)
        found.add(faces.read_folder(folder, "here").digest)
    annotations.write_text(content)
    photograph = folder / "train" / "images" / "0--A" / "b.jpg"
    with photograph.open("ab") as file:
        file.write(b"\0")
    found.add(faces.read_folder(folder, "here").digest)
    photograph.unlink()
    found.add(faces.read_folder(folder, "here").digest)
    assert len(found) == 5


def test_crowds_have_a_digest_of_their_recipe_and_its_version(monkeypatch):
    before = faces.load("builtin").digest
    assert len(before) == 16
    assert faces.load("builtin", 7).digest == before
    assert crowds.digest(crowds.Crowds(3, seed=0)) != crowds.digest(crowds.Crowds(3, seed=1))
    monkeypatch.setattr(crowds, "VERSION", crowds.VERSION + 1)
    assert faces.load("builtin").digest != before
