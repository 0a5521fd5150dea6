"""Training and evaluating a digit classifier, as functions: which digits a step sees, and which are counted."""

import numpy as np
import pytest

from apps.mnist.classifier import EVALUATION_BATCH, Batches, Evaluation, recipe, trainer
from apps.mnist.data import Digits, one_hot
from apps.mnist.models import MODELS
from framework import Model
from tests.helpers.checks import assert_same


def digits(train=20, test=20):
    """Noise with labels: what is counted does not depend on what can be learned."""
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (train + test, 28, 28)).astype(np.uint8)
    labels = generator.integers(0, 10, train + test).astype(np.uint8)
    return Digits(images[:train], labels[:train], images[train:], labels[train:], "noise", "drawn here")


@pytest.fixture(scope="module")
def model():
    return Model(MODELS["single"], "cpu", seed=2)


@pytest.mark.parametrize("count", [3, EVALUATION_BATCH, EVALUATION_BATCH + 1, 2 * EVALUATION_BATCH + 7])
def test_every_digit_is_counted_once(model, count):
    held_out = digits(test=count)
    result = Evaluation(model, held_out)()
    program = model.inference(1, ("probabilities", "losses"))
    targets = one_hot(held_out.test_labels)
    each = [
        program(image=image[np.newaxis, ..., np.newaxis], target=target[np.newaxis])
        for image, target in zip(held_out.test_images, targets, strict=True)
    ]
    expected = np.concatenate([out["probabilities"] for out in each])
    np.testing.assert_allclose(result.probabilities, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.loss, np.mean([out["losses"] for out in each]), rtol=1e-5)
    assert result.accuracy == (expected.argmax(axis=1) == held_out.test_labels).mean()
    assert (result.predictions == expected.argmax(axis=1)).all()


def test_each_step_moves_its_digits_in_its_own_way_and_always_in_the_same(model, tmp_path):
    one = digits(train=1)
    one.train_images[:] = 0
    one.train_images[:, 10:18, 10:18] = 200

    def places(seed):
        run = trainer(one, recipe("single", batch=6, seed=seed), model, tmp_path)
        return [run.batches(step)["image"] for step in range(4)]

    first, again, other = places(0), places(0), places(1)
    for step in range(4):
        np.testing.assert_array_equal(first[step], again[step])
        assert (first[step] != first[step - 1]).any()
        assert len(np.unique(first[step], axis=0)) > 1
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_a_recipe_without_variety_leaves_digits_as_they_are(model, tmp_path):
    given = digits(train=5)
    run = trainer(given, recipe("single", batch=5, shift=0, turn=0, stretch=0, smooth=0), model, tmp_path)
    batch = run.batches(0)
    order = [int(np.flatnonzero((given.train_images == image[..., 0]).all(axis=(1, 2)))[0]) for image in batch["image"]]
    assert sorted(order) == list(range(5))
    np.testing.assert_array_equal(batch["target"], one_hot(given.train_labels[order]))


def test_smoothed_targets_spread_a_share_over_all_digits(model, tmp_path):
    given = digits(train=5)
    target = trainer(given, recipe("single", batch=5, smooth=0.2), model, tmp_path).batches(0)["target"]
    np.testing.assert_allclose(np.sort(target, axis=1), [[0.02] * 9 + [0.82]] * 5, rtol=1e-6)
    assert sorted(target.argmax(axis=1)) == sorted(given.train_labels)
    assert target.dtype == np.float32


@pytest.mark.parametrize(("iterations", "warm"), [(100, 10), (5000, 500), (50_000, 500)])
def test_a_tenth_of_a_short_run_warms_up(iterations, warm):
    rate = recipe("cnn6", iterations=iterations, rate=1.0).make_schedule()
    rates = [rate(step) for step in range(iterations)]
    assert int(np.argmax(rates)) == warm - 1
    assert rates[0] == pytest.approx(1 / warm)


def test_shares_of_a_batch_are_its_parts():
    """Of ranks: each sees what one would have seen in these rows, moved and turned in the same way."""
    chosen, known = recipe("pooled", batch=8), digits()
    whole = Batches(known.train_images, known.train_labels, chosen)
    for step in range(3):
        for rows in (range(0, 3), range(3, 8)):
            part = Batches(known.train_images, known.train_labels, chosen, rows)(step)
            assert_same(part, {name: values[rows.start : rows.stop] for name, values in whole(step).items()})
