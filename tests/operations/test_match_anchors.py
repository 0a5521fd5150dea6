"""Anchor matching: the rules in exact fractions, torchvision's Matcher, invariances, ties and faces to be ignored."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import Launch
from kernels.operation import ShapeError, all_operations
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE, PADDING
from tests.helpers.running import KINDS, float64_in, forward, trial
from tests.helpers.strategies import trials

MATCH = all_operations()["match_anchors"]
BEST = {"best": True}
FAR = [900, 900, 910, 910]


def match(kind, anchors, boxes, label=None, **settings):
    """What the anchors of one picture match; all boxes are faces unless a label says otherwise."""
    label = np.ones(len(boxes)) if label is None else np.asarray(label)
    return forward("match_anchors", kind, settings, anchors=anchors, boxes=[boxes], label=[label])["matched"][0]


def strips(*widths):
    """Boxes of height 10 that begin at 0: of two of them, the narrower's width by the wider's is their overlap."""
    return [[0, 0, width, 10] for width in widths]


def random_boxes(generator, count):
    """Boxes of any size, crowded, not on a grid: no two overlaps are equal, and none stands on a threshold."""
    first = 60 * generator.random((count, 2))
    return np.concatenate([first, first + 5 + 40 * generator.random((count, 2))], axis=1).astype(np.float32)


def random_case(seed, N=30, M=6):
    generator = np.random.default_rng(seed)
    return (
        random_boxes(generator, N),
        random_boxes(generator, M),
        generator.choice([FACE, FACE, FACE, PADDING, IGNORED_FACE], M),
    )


# The rules


def shared(a, b):
    sides = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    width, height = (max(Fraction(side), Fraction(0)) for side in sides)
    return width * height


def exact_iou(a, b):
    both = shared(a, b)
    return both / (shared(a, a) + shared(b, b) - both) if both else Fraction(0)


def by_the_rules(anchors, boxes, label, positive, negative, best):
    """One picture, anchor by anchor, in exact fractions."""
    anchors, boxes = ([[int(c) for c in box] for box in array] for array in (anchors, boxes))
    positive, negative = Fraction(str(positive)), Fraction(str(negative))
    faces = [m for m, kind in enumerate(label) if kind == FACE]
    iou = [[exact_iou(anchor, box) for box in boxes] for anchor in anchors]
    matched = []
    for n in range(len(anchors)):
        face = max(faces, key=lambda m: (iou[n][m], -m), default=None)
        largest = iou[n][face] if face is not None else 0
        matched.append(face if largest >= positive else BACKGROUND if largest < negative else IGNORED_ANCHOR)
    claims = {}
    for m in faces if best else ():
        champion = max(range(len(anchors)), key=lambda n: (iou[n][m], -n))
        if iou[champion][m] > 0:
            claims.setdefault(champion, []).append(m)
    for n, claimants in claims.items():
        matched[n] = max(claimants, key=lambda m: (iou[n][m], -m))
    for n, anchor in enumerate(anchors):
        hiding = (shared(anchor, box) for box, kind in zip(boxes, label, strict=True) if kind == IGNORED_FACE)
        if matched[n] < 0 and any(area > 0 and area >= shared(anchor, anchor) / 2 for area in hiding):
            matched[n] = IGNORED_ANCHOR
    return matched


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(MATCH))
def test_all_rules_hold_in_exact_fractions(kind, trial):
    anchors, boxes, label = (trial.arrays[name] for name in MATCH.inputs)
    expected = [by_the_rules(anchors, b, k, **trial.settings) for b, k in zip(boxes, label, strict=True)]
    np.testing.assert_array_equal(trial.forward(kind)["matched"], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_takes_the_face_it_overlaps_most(kind):
    """Overlaps with faces 0 and 1: 4/10 and 5/8, 5/10 and 8/8, 10/10 and 8/10, 10/16 and 8/16, nothing at all."""
    anchors = [*strips(5, 8, 10, 16), FAR]
    assert match(kind, anchors, strips(10, 8)).tolist() == [1, 1, 0, 0, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
def test_thresholds_belong_to_the_better_side(kind):
    """Overlaps of 7/10, 6/10, 5/10, 4/10, 3/10: from 0.6 on a face, below 0.4 background."""
    matched = match(kind, strips(7, 6, 5, 4, 3), strips(10), positive=0.6, negative=0.4)
    assert matched.tolist() == [0, 0, IGNORED_ANCHOR, IGNORED_ANCHOR, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("best", [False, True])
def test_a_picture_without_faces_is_background(best, kind):
    assert match(kind, strips(5, 10), strips(10, 5), [PADDING] * 2, best=best).tolist() == [BACKGROUND] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("best", [False, True])
def test_the_first_of_equal_faces_wins(best, kind):
    assert match(kind, strips(10), strips(9, 10, 10), [FACE] * 3, best=best).tolist() == [1]


# best


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_that_no_anchor_fits_gets_the_one_that_overlaps_it_most(kind):
    anchors = [*strips(2, 3, 1), FAR]
    assert match(kind, anchors, strips(10)).tolist() == [BACKGROUND] * 4
    assert match(kind, anchors, strips(10), best=True).tolist() == [BACKGROUND, 0, BACKGROUND, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
def test_of_anchors_that_overlap_a_face_the_same_the_first_gets_it(kind):
    matched = match(kind, [FAR, *strips(2, 3, 3)], strips(10), best=True)
    assert matched.tolist() == [BACKGROUND, BACKGROUND, 0, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_that_nothing_overlaps_claims_nothing(kind):
    assert match(kind, strips(2, 3), [FAR], best=True).tolist() == [BACKGROUND] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_that_several_faces_claim_takes_the_one_it_overlaps_most_of_equals_the_first(kind):
    assert match(kind, strips(4), strips(20, 10, 16), best=True).tolist() == [1]
    assert match(kind, strips(4), strips(20, 10, 10), best=True).tolist() == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_claim_comes_before_the_face_that_an_anchor_overlaps_more(kind):
    """Face 0 has an anchor of its own; the other anchor prefers it too, but nothing overlaps face 1 more."""
    anchors, boxes = strips(10, 8), strips(10, 4)
    assert match(kind, anchors, boxes).tolist() == [0, 0]
    assert match(kind, anchors, boxes, best=True).tolist() == [0, 1]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_with_best_every_face_that_claims_its_anchor_alone_is_found(kind, seed):
    anchors, boxes, _ = random_case(seed)
    overlaps = forward("iou", "reference", a=anchors, b=boxes)["y"]
    champions, most = overlaps.argmax(axis=0), overlaps.max(axis=0)
    alone = [m for m in range(len(boxes)) if most[m] > 0 and (champions == champions[m]).sum() == 1]
    assert set(alone) <= set(match(kind, anchors, boxes, best=True))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_best_changes_nothing_but_the_anchors_that_faces_claim(kind, seed):
    anchors, boxes, label = random_case(seed)
    plain, best = (match(kind, anchors, boxes, label, best=b) for b in (False, True))
    champions = forward("iou", "reference", a=anchors, b=boxes)["y"].argmax(axis=0)
    unclaimed = np.setdiff1d(np.arange(len(anchors)), champions)
    np.testing.assert_array_equal(best[unclaimed], plain[unclaimed])


# torchvision


def torchvision_matcher(quality, high, low, allow_low_quality):
    """What torchvision.models.detection._utils.Matcher computes from the overlaps (faces, anchors)."""
    values, matches = quality.max(axis=0), quality.argmax(axis=0)
    everything = matches.copy()
    matches[values < low] = BACKGROUND
    matches[(values >= low) & (values < high)] = IGNORED_ANCHOR
    if allow_low_quality:
        update = np.nonzero(quality == quality.max(axis=1, keepdims=True))[1]
        matches[update] = everything[update]
    return matches


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999), low=st.sampled_from([0.3, 0.4, 0.5]))
def test_equals_the_matcher_of_torchvision(kind, seed, low):
    anchors, boxes, _ = random_case(seed)
    quality = forward("iou", "reference", a=boxes, b=anchors)["y"]
    expected = torchvision_matcher(quality, 0.5, low, False)
    np.testing.assert_array_equal(match(kind, anchors, boxes, negative=low), expected)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_with_best_the_same_anchors_are_positive_as_in_torchvision(kind, seed):
    """Where every face has an anchor. Which face a claimed anchor gets differs: torchvision's gets its own best."""
    anchors, boxes, _ = random_case(seed)
    quality = forward("iou", "reference", a=boxes, b=anchors)["y"]
    boxes, quality = (array[quality.max(axis=1) > 0] for array in (boxes, quality))
    expected = torchvision_matcher(quality, 0.5, 0.4, True)
    matched = match(kind, anchors, boxes, negative=0.4, best=True)
    np.testing.assert_array_equal(np.maximum(np.minimum(matched, 0), IGNORED_ANCHOR), np.minimum(expected, 0))
    unclaimed = np.setdiff1d(np.arange(len(anchors)), quality.argmax(axis=1))
    np.testing.assert_array_equal(matched[unclaimed], expected[unclaimed])


# Faces to be ignored


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_with_half_its_area_in_an_ignored_face_is_ignored(kind):
    """Strips of 10, 20 and 21 of which 10 lie in the ignored face: all, half, and less than half."""
    matched = match(kind, strips(10, 20, 21), strips(10), [IGNORED_FACE])
    assert matched.tolist() == [IGNORED_ANCHOR, IGNORED_ANCHOR, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
def test_parts_in_several_ignored_faces_do_not_add_up(kind):
    boxes = [[0, 0, 4, 10], [4, 0, 8, 10]]
    assert match(kind, strips(10), boxes, [IGNORED_FACE] * 2).tolist() == [BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", [[FACE, IGNORED_FACE], [IGNORED_FACE, FACE]])
def test_an_anchor_with_a_face_keeps_it_under_an_ignored_face(label, kind):
    assert match(kind, strips(10), strips(10, 10), label).tolist() == [label.index(FACE)]
    assert match(kind, strips(3), strips(10, 10), label, best=True).tolist() == [label.index(FACE)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_ignored_face_is_never_found(kind):
    anchors, boxes = strips(10, 3), strips(10)
    for best in (False, True):
        assert match(kind, anchors, boxes, [IGNORED_FACE], best=best).tolist() == [IGNORED_ANCHOR, IGNORED_ANCHOR]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error")
def test_an_anchor_without_area_is_background_wherever_it_lies(kind):
    points = [[5, 5, 5, 5], [5, 0, 5, 9]]
    for label in (FACE, IGNORED_FACE):
        assert match(kind, points, strips(10), [label], best=True).tolist() == [BACKGROUND] * 2


# Invariances


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999), best=st.booleans())
def test_padding_may_stand_anywhere(kind, seed, best):
    anchors, boxes, label = random_case(seed)
    expected = match(kind, anchors, boxes, label, best=best)
    generator = np.random.default_rng(seed)
    places = np.sort(generator.choice(40, len(boxes), replace=False))
    padded, kinds = random_boxes(generator, 40), np.full(40, PADDING)
    padded[places], kinds[places] = boxes, label
    found = match(kind, anchors, padded, kinds, best=best)
    np.testing.assert_array_equal(found, np.where(expected >= 0, places[expected], expected))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999), best=st.booleans())
def test_order_of_boxes_and_of_anchors_does_not_matter_where_nothing_ties(kind, seed, best):
    anchors, boxes, label = random_case(seed)
    expected = match(kind, anchors, boxes, label, best=best)
    generator = np.random.default_rng(seed)
    n, m = generator.permutation(len(anchors)), generator.permutation(len(boxes))
    found = match(kind, anchors[n], boxes[m], label[m], best=best)
    np.testing.assert_array_equal(np.where(found >= 0, m[found], found), expected[n])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(MATCH))
def test_neither_a_shift_nor_a_change_of_unit_nor_a_transposition_matters(kind, trial):
    anchors, boxes = trial.arrays["anchors"], trial.arrays["boxes"]
    expected = trial.forward(kind)["matched"]
    transposed = [1, 0, 3, 2]
    for change in (lambda a: a + 24, lambda a: a / 4, lambda a: a[..., transposed]):
        trial.arrays |= {"anchors": change(anchors).copy(), "boxes": change(boxes).copy()}
        np.testing.assert_array_equal(trial.forward(kind)["matched"], expected)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(MATCH))
def test_pictures_do_not_see_each_other(kind, trial):
    arrays = trial.arrays
    matched = trial.forward(kind)["matched"]
    for r in range(len(matched)):
        alone = match(kind, arrays["anchors"], arrays["boxes"][r], arrays["label"][r], **trial.settings)
        np.testing.assert_array_equal(matched[r], alone)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("corner", range(4))
@pytest.mark.parametrize("best", [False, True])
def test_a_box_with_a_nan_is_as_good_as_padding(best, corner, kind):
    bad = [0, 0, 10, 10]
    bad[corner] = np.nan
    anchors = [*strips(10, 6, 3), bad]
    for label in (FACE, IGNORED_FACE):
        matched = match(kind, anchors, [bad, *strips(10)], [label, FACE], best=best)
        assert matched.tolist() == [1, 1, BACKGROUND, BACKGROUND]


# On a GPU


@pytest.mark.parametrize("rung", [1, 2, 3, 4])
def test_every_rung_has_room_for_more_boxes_and_anchors_than_threads(rung):
    """Three tiles of boxes, the middle one nothing but padding, and anchors that the block does not divide."""
    generator = np.random.default_rng(5)
    label = generator.choice([FACE, IGNORED_FACE, PADDING], 150)
    label[64:128] = PADDING
    arrays = {"anchors": random_boxes(generator, 37), "boxes": random_boxes(generator, 150)[None], "label": label[None]}
    case = trial("match_anchors", BEST, **arrays)
    found = case.forward("interpret", rung=rung)["matched"]
    np.testing.assert_array_equal(found, case.forward("reference")["matched"])


def test_champions_are_launched_only_where_they_are_asked_for():
    arrays = {"anchors": strips(1), "boxes": [strips(1)], "label": [[FACE]]}
    for rung in (1, 2, 3, 4):
        for best in (False, True):
            launches = trial("match_anchors", {"best": best}, **arrays).launches("forward", rung)
            assert all(isinstance(launch, Launch) for launch in launches)
            assert len(launches) == 1 + best


def test_without_best_too_it_compiles_without_float64():
    arrays = {"anchors": strips(1), "boxes": [strips(1)], "label": [[FACE]]}
    assert not float64_in("match_anchors", "forward", {"best": False}, **arrays)


# What is refused


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"anchors": (5, 3)}, "anchors (5, 3) must end with the 4 corners (x1, y1, x2, y2)"),
        ({"boxes": (2, 4)}, "boxes (2, 4) must have 3 sizes (R, M, 4) of at least 1"),
        ({"label": (2, 7)}, "label (2, 7) must be (2, 3)"),
        ({"positive": 0.3}, "negative 0.5 and positive 0.3 must be 0 < negative <= positive <= 1"),
        ({"negative": 0.0}, "negative 0.0 and positive 0.5 must be 0 < negative <= positive <= 1"),
        ({"positive": 1.5}, "negative 0.5 and positive 1.5 must be 0 < negative <= positive <= 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(case, message):
    fitting = {"anchors": (5, 4), "boxes": (2, 3, 4), "label": (2, 3), **MATCH.settings}
    with pytest.raises(ShapeError, match=re.escape(f"match_anchors: {message}")):
        MATCH.shapes(**{**fitting, **case})
