"""Targets of the detector's loss: with them the two losses are a plain sum, and that sum is eq. 61."""

import re

import numpy as np
import pytest
from hypothesis import given

from kernels.operation import ShapeError, all_operations
from kernels.operations.labels import BACKGROUND, IGNORED_ANCHOR
from tests.helpers.checks import check_forward
from tests.helpers.running import KINDS, float64_in, forward, trial
from tests.helpers.strategies import trials

ASSIGN = all_operations()["assign_targets"]
ALPHA, GAMMA = 3.0, 2.0


def assigned(kind, matched, **settings):
    made = forward("assign_targets", kind, settings, matched=matched)
    return made["target"], made["weight"]


def levels_of(settings, N):
    """The slice of each level of the pyramid."""
    ends = np.cumsum(settings["levels"] or (N,))
    return [slice(begin, end) for begin, end in zip((0, *ends), ends, strict=False)]


class Predictions:
    """What a detector might say, and what each anchor costs by eq. 59 and 60, whether it takes part or not."""

    def __init__(self, matched):
        generator = np.random.default_rng(0)
        R, N = matched.shape
        self.face = matched >= 0
        self.takes_part = matched >= BACKGROUND
        self.logits, self.r, self.r_hat = (2 * generator.standard_normal((R * N, C)) for C in (2, 4, 4))
        p = np.exp(self.logits) / np.exp(self.logits).sum(1, keepdims=True)
        p = np.where(self.face, p[:, 1].reshape(R, N), p[:, 0].reshape(R, N))  # of what is there
        self.L_c = -np.where(self.face, ALPHA, 1) * (1 - p) ** GAMMA * np.log(p)
        x = np.abs(self.r - self.r_hat)
        self.L_r = np.where(x < 1, 0.5 * x**2, x - 0.5).sum(1).reshape(R, N)

    def loss(self, kind, target, weight):
        """The plain sum of the two losses."""
        arrays = {"x": self.logits, "target": target.reshape(-1, 2)}
        classification = forward("focal_loss", kind, {"alpha": ALPHA, "gamma": GAMMA}, **arrays)["y"]
        arrays = {"prediction": self.r, "target": self.r_hat, "weight": weight.reshape(-1)}
        return classification.sum() + forward("smooth_l1", kind, **arrays)["y"].sum()

    def equation_61(self, level=slice(None)):
        """Eq. 61, anchor by anchor, of one level or of all; with N_pos at least 1."""
        takes_part, face = self.takes_part[:, level], self.face[:, level]
        N, N_pos = max(1, takes_part.sum()), max(1, face.sum())
        classification = sum(self.L_c[:, level][a] for a in np.ndindex(face.shape) if takes_part[a])
        regression = sum(self.L_r[:, level][a] for a in np.ndindex(face.shape) if face[a])
        return classification / N + regression / N_pos


@pytest.mark.parametrize("kind", KINDS)
def test_targets_by_hand(kind):
    none, out = BACKGROUND, IGNORED_ANCHOR
    matched = [[none, 3, out, none], [none, 0, none, out]]
    target, weight = assigned(kind, matched)
    np.testing.assert_allclose(6 * target[0], [[1, 0], [0, 1], [0, 0], [1, 0]], rtol=1e-6)
    np.testing.assert_allclose(6 * target[1], [[1, 0], [0, 1], [1, 0], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(weight, [[0, 0.5, 0, 0], [0, 0.5, 0, 0]])
    target, weight = assigned(kind, matched, normalise="positives", levels=(1, 3))
    np.testing.assert_array_equal(target[0], [[1, 0], [0, 0.5], [0, 0], [0.5, 0]])
    np.testing.assert_array_equal(weight, [[0, 0.5, 0, 0], [0, 0.5, 0, 0]])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ASSIGN))
def test_the_two_losses_add_up_to_equation_61(kind, trial):
    matched = trial.arrays["matched"]
    said = Predictions(matched)
    np.testing.assert_allclose(said.loss(kind, *assigned(kind, matched)), said.equation_61(), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ASSIGN))
def test_level_by_level_they_add_up_to_equation_61_of_seed_001(kind, trial):
    matched, levels = trial.arrays["matched"], trial.settings["levels"]
    said = Predictions(matched)
    expected = sum(said.equation_61(level) for level in levels_of(trial.settings, matched.shape[1]))
    np.testing.assert_allclose(said.loss(kind, *assigned(kind, matched, levels=levels)), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ASSIGN))
def test_divided_by_the_positives_they_are_the_loss_of_retinanet(kind, trial):
    matched = trial.arrays["matched"]
    said = Predictions(matched)
    expected = (said.L_c[said.takes_part].sum() + said.L_r[said.face].sum()) / max(1, said.face.sum())
    got = said.loss(kind, *assigned(kind, matched, normalise="positives"))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ASSIGN))
def test_each_level_with_anchors_to_count_weighs_one(kind, trial):
    matched, levels = trial.arrays["matched"], trial.settings["levels"]
    target, weight = assigned(kind, matched, levels=levels)
    for level in levels_of(trial.settings, matched.shape[1]):
        np.testing.assert_allclose(target[:, level].sum(), (matched[:, level] >= BACKGROUND).any(), rtol=1e-5)
        np.testing.assert_allclose(weight[:, level].sum(), (matched[:, level] >= 0).any(), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ASSIGN))
def test_the_order_of_the_pictures_does_not_matter(kind, trial):
    for got, turned in zip(
        assigned(kind, trial.arrays["matched"], **trial.settings),
        assigned(kind, trial.arrays["matched"][::-1], **trial.settings),
        strict=True,
    ):
        np.testing.assert_array_equal(turned[::-1], got)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalise", ["anchors", "positives"])
def test_without_faces_or_anchors_to_count_nothing_is_divided_by_zero(normalise, kind):
    target, weight = assigned(kind, [[BACKGROUND] * 2 + [IGNORED_ANCHOR] * 2], normalise=normalise, levels=(2, 2))
    share = 0.5 if normalise == "anchors" else 1
    np.testing.assert_array_equal(target, [[[share, 0], [share, 0], [0, 0], [0, 0]]])
    assert not weight.any()


@pytest.mark.parametrize("rung", [1, 2, 3])
def test_a_level_of_many_parts_is_counted_whole(rung):
    matched = np.random.default_rng(0).integers(IGNORED_ANCHOR, 2, (2, 300))
    check_forward(trial("assign_targets", {"levels": (293, 7)}, matched=matched), "interpret", rung=rung)


def test_compiles_without_float64():
    assert not float64_in("assign_targets", "forward", {"levels": (2, 1)}, matched=np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((3,), {}, "matched (3,) must have 2 sizes (R, N) of at least 1"),
        ((2, 3), {"normalise": "faces"}, "unknown normalise 'faces'; choose from anchors, positives"),
        ((2, 3), {"levels": (1, 1)}, "levels (1, 1) must each be at least 1 and add up to the 3 anchors of matched"),
        ((2, 3), {"levels": (3, 0)}, "levels (3, 0) must each be at least 1 and add up to the 3 anchors of matched"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shape, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"assign_targets: {message}")):
        forward("assign_targets", "cpu", settings, matched=np.zeros(shape))
