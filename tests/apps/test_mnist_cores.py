"""A training run ends with the same bits on any number of cores, also where it was resumed on a machine with others."""

import pytest

from framework import checkpoint
from framework.trainer import CHECKPOINT
from tests.helpers.programs import python

PROGRAM = """
import sys
from pathlib import Path

import numpy as np

from apps.mnist import models
from framework import Model, Optimizer
from framework.schedule import cosine_schedule
from framework.trainer import Trainer


def batch(step):
    generator = np.random.default_rng(step)
    kinds = generator.integers(0, 10, 50)
    return {"image": generator.integers(0, 256, (50, 28, 28, 1), np.uint8), "target": np.eye(10, dtype="f")[kinds]}


name, folder, last = sys.argv[1:]
model = Model(getattr(models, name), "cpu", seed=1)
trainer = Trainer(model, Optimizer("sgd", momentum=0.9), 50, batch, cosine_schedule(0.05, 4), Path(folder), {})
if trainer.checkpoint_path.exists():
    trainer.resume()
trainer.run(int(last), progress=False)
"""


def train(cores, name, folder, last):
    """Train to step `last`, from where the folder's checkpoint stands, in a process that has so many cores."""
    variables = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    done = python("-c", PROGRAM, name, folder, last, **dict.fromkeys(variables, str(cores)))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["cnn6", "fcc6"])
def test_the_number_of_cores_changes_no_bit_of_a_run_nor_of_one_that_is_resumed_with_others(name, tmp_path):
    train(1, name, tmp_path / "one", 4)
    train(2, name, tmp_path / "two", 4)
    train(2, name, tmp_path / "other", 2)
    train(1, name, tmp_path / "other", 4)
    whole, _ = checkpoint.read(tmp_path / "one" / CHECKPOINT)
    for folder in ("two", "other"):
        arrays, _ = checkpoint.read(tmp_path / folder / CHECKPOINT)
        assert arrays.keys() == whole.keys()
        for key, array in whole.items():
            assert arrays[key].tobytes() == array.tobytes(), f"{folder}: {key}"
