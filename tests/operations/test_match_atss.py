"""Adaptive training sample selection: the rules in exact fractions, then each of them on anchors one can draw."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE, PADDING
from kernels.operations.match_atss.cpu import LANES
from kernels.operations.match_atss.functions import SLACK
from tests.helpers.running import KINDS, float64_in, forward, trial
from tests.helpers.strategies import trials

ATSS = all_operations()["match_atss"]


def match(kind, anchors, boxes, label=None, **settings):
    """What the anchors of one picture match; all boxes are faces unless a label says otherwise."""
    label = np.ones(len(boxes)) if label is None else np.asarray(label)
    return forward("match_atss", kind, settings, anchors=anchors, boxes=[boxes], label=[label])["matched"][0]


def row(*centers, side=4):
    """Squares along a line, as anchors of one level stand."""
    return [[x - side / 2, -side / 2, x + side / 2, side / 2] for x in centers]


def grid(cells, stride, side):
    """Squares of one pyramid level: one a cell."""
    middle = (np.arange(cells) + 0.5) * stride
    y, x = (axis.reshape(-1, 1) for axis in np.meshgrid(middle, middle, indexing="ij"))
    return np.concatenate([x - side / 2, y - side / 2, x + side / 2, y + side / 2], axis=1)


PYRAMID = np.concatenate([grid(16, 8, 32), grid(8, 16, 64), grid(4, 32, 128)])
LEVELS = (256, 64, 16)


def random_faces(seed, count=6):
    generator = np.random.default_rng(seed)
    first, side = generator.integers(0, 100, (count, 2)), generator.integers(3, 90, (count, 2))
    return np.concatenate([first, first + side], axis=1).astype(np.float32)


# The rules


def shared(a, b):
    sides = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    width, height = (max(Fraction(side), Fraction(0)) for side in sides)
    return width * height


def exact_iou(a, b):
    both = shared(a, b)
    return both / (shared(a, a) + shared(b, b) - both) if both else Fraction(0)


def doubled_center(box):
    return box[0] + box[2], box[1] + box[3]


def nearest(anchors, face, levels, candidates):
    """On each level as many anchors as there are to be, the nearest first."""
    (x, y), chosen, begin = doubled_center(face), [], 0
    for count in levels or (len(anchors),):
        keys = []
        for n in range(begin, begin + count):
            at = doubled_center(anchors[n])
            keys.append(((at[0] - x) ** 2 + (at[1] - y) ** 2, n))
        chosen += [n for _, n in sorted(keys)[:candidates]]
        begin += count
    return chosen


def reaches(iou, others):
    """Whether an IoU is at least mean plus standard deviation of all: without a root, as that is no fraction."""
    mean = sum(others) / len(others)
    squares = sum((other - mean) ** 2 for other in others)
    above = iou + Fraction(str(SLACK)) - mean
    return above >= 0 and above**2 * max(1, len(others) - 1) >= squares


def by_the_rules(anchors, boxes, label, levels, candidates, best):
    """One picture, face by face, in exact fractions."""
    anchors, boxes = ([[int(c) for c in box] for box in array] for array in (anchors, boxes))
    faces = [m for m, kind in enumerate(label) if kind == FACE]
    claims, champion = {n: {} for n in range(len(anchors))}, {}
    for m in faces:
        chosen = nearest(anchors, boxes[m], levels, candidates)
        iou = {n: exact_iou(anchors[n], boxes[m]) for n in chosen}
        for n in chosen:
            middle = doubled_center(anchors[n])
            inside = all(2 * boxes[m][k] < middle[k] < 2 * boxes[m][k + 2] for k in (0, 1))
            if iou[n] > 0 and inside and reaches(iou[n], list(iou.values())):
                claims[n][m] = iou[n]
        champion[m] = max(chosen, key=lambda n: (iou[n], -n)), max(iou.values())

    def holders():
        return [max(of, key=lambda m: (of[m], -m)) if of else BACKGROUND for of in claims.values()]

    holding = holders()
    for m, (n, most) in champion.items():
        if best and m not in holding and most > 0:
            claims[n][m] = most
    matched = holders()
    for n, anchor in enumerate(anchors):
        hiding = (shared(anchor, box) for box, kind in zip(boxes, label, strict=True) if kind == IGNORED_FACE)
        if matched[n] == BACKGROUND and any(area > 0 and area >= shared(anchor, anchor) / 2 for area in hiding):
            matched[n] = IGNORED_ANCHOR
    return matched


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ATSS))
def test_all_rules_hold_in_exact_fractions(kind, trial):
    anchors, boxes, label = (trial.arrays[name] for name in ATSS.inputs)
    expected = [by_the_rules(anchors, b, k, **trial.settings) for b, k in zip(boxes, label, strict=True)]
    np.testing.assert_array_equal(trial.forward(kind)["matched"], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("best", [False, True])
@given(seed=st.integers(0, 999))
def test_all_rules_hold_on_a_pyramid(kind, best, seed):
    faces = random_faces(seed)
    expected = by_the_rules(PYRAMID, faces, [FACE] * len(faces), LEVELS, 9, best)
    np.testing.assert_array_equal(match(kind, PYRAMID, faces, levels=LEVELS, best=best), expected)


# Candidates


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_are_the_anchors_whose_centres_are_nearest(kind):
    """The face has its centre at 10. Three candidates overlap it by 1, 1/3 and 1/3: only the first reaches 0.94."""
    anchors = row(4, 6, 8, 10, 12, 14)
    assert match(kind, anchors, row(10), candidates=3).tolist() == [-1, -1, -1, 0, -1, -1]


@pytest.mark.parametrize("kind", KINDS)
def test_of_anchors_that_are_equally_near_the_first_are_candidates(kind):
    """The centre of the face lies in the middle between the two."""
    assert match(kind, row(8, 12), row(10, side=12), candidates=1).tolist() == [0, BACKGROUND]
    assert match(kind, row(12, 8), row(10, side=12), candidates=1).tolist() == [0, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
def test_every_level_has_candidates_of_its_own(kind):
    """Without levels the nearest anchor is the only candidate; with two, that of the other is one too, and alike."""
    anchors = row(10, 12, 11, 14)
    assert match(kind, anchors, row(10, side=12), candidates=1).tolist() == [0, -1, -1, -1]
    assert match(kind, anchors, row(10, side=12), candidates=1, levels=(2, 2)).tolist() == [0, -1, 0, -1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_level_of_fewer_anchors_gives_all_it_has(kind):
    anchors = row(8, 10, 12)
    for candidates in (3, 9, 1000):
        assert match(kind, anchors, row(10, side=20), candidates=candidates).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_that_is_no_candidate_is_background_however_well_it_fits(kind):
    """A square around the centre of the face, as small as can be, is nearer than one of the size of the face."""
    anchors = [*row(10, side=1), *row(11, side=8)]
    assert match(kind, anchors, row(10, side=8), candidates=1).tolist() == [0, BACKGROUND]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("candidates", [1, 9, LANES, LANES + 1, 200])
def test_candidates_are_found_among_more_anchors_than_are_looked_at_together(kind, candidates):
    faces = random_faces(5, 3)
    expected = by_the_rules(PYRAMID, faces, [FACE] * 3, LEVELS, candidates, False)
    np.testing.assert_array_equal(match(kind, PYRAMID, faces, levels=LEVELS, candidates=candidates), expected)


# The threshold


@pytest.mark.parametrize("kind", KINDS)
def test_the_deviation_is_that_of_a_sample(kind):
    """IoUs of 1/4 and 1/3 and 1: mean 0.53, deviation 0.41 of a sample; of two, 1/4 and 1/3, none reaches 0.35."""
    face = [[0, 0, 12, 12]]
    centred = [[6 - w / 2, 0, 6 + w / 2, 12] for w in (3, 4, 12)]
    assert match(kind, centred, face).tolist() == [-1, -1, 0]
    assert match(kind, centred[:2], face).tolist() == [-1, -1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_candidate_has_no_deviation_and_reaches_its_own_threshold(kind):
    assert match(kind, row(10), row(11, side=30)).tolist() == [0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3, 7, 11, 49])
def test_candidates_that_all_overlap_alike_all_reach_the_threshold(kind, count):
    """Rounding of the mean does not decide: see SLACK. IoUs of 1/9, 1/49, ... that no float32 holds."""
    for side in (12, 28, 44):
        matched = match(kind, row(10) * count, row(10, side=side), candidates=count)
        assert matched.tolist() == [0] * count


# What a face claims


@pytest.mark.parametrize("kind", KINDS)
def test_the_centre_of_an_anchor_must_lie_inside_the_face_and_not_on_its_edge(kind):
    face = [[0, 0, 10, 10]]
    for x, y, expected in ((0, 5, -1), (1, 5, 0), (10, 5, -1), (5, 0, -1), (5, 9, 0), (5, 10, -1)):
        assert match(kind, [[x - 4, y - 4, x + 4, y + 4]], face).tolist() == [expected]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error")
def test_what_has_no_area_is_not_matched(kind):
    point, line = [5, 5, 5, 5], [5, 0, 5, 9]
    for best in (False, True):
        assert match(kind, [point, line], [[0, 0, 10, 10]], best=best).tolist() == [-1, -1]
        assert match(kind, [[0, 0, 10, 10]], [point, line], best=best).tolist() == [-1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_that_several_faces_claim_takes_the_one_it_overlaps_most_of_equals_the_first(kind):
    anchor = row(10)
    assert match(kind, anchor, [*row(10, side=8), *row(10, side=5)]).tolist() == [1]
    assert match(kind, anchor, [*row(10, side=5), *row(10, side=8)]).tolist() == [0]
    assert match(kind, anchor, row(10) * 3).tolist() == [0]


# best


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_that_holds_no_centre_gets_the_candidate_that_overlaps_it_most(kind):
    anchors, face = row(0, 8, 16, side=16), [[10, -1, 12, 1]]
    assert match(kind, anchors, face).tolist() == [-1, -1, -1]
    assert match(kind, anchors, face, best=True).tolist() == [-1, 0, -1], "of equals the first"


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_gets_no_anchor_that_is_not_among_its_candidates(kind):
    """The nearest centre is that of an anchor too small to reach it."""
    anchors, face = [*row(8, side=2), *row(0, side=40)], [[10, -1, 12, 1]]
    assert match(kind, anchors, face, candidates=1, best=True).tolist() == [-1, -1]
    assert match(kind, anchors, face, candidates=2, best=True).tolist() == [-1, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_stays_with_the_face_that_it_overlaps_more(kind):
    """Face 1 holds the anchor by its centre; a speck in its corner, which overlaps it less, does not get it."""
    anchor, speck, large = row(0, side=16), [5, 5, 6, 6], [-8, -8, 9, 9]
    assert match(kind, anchor, [speck, large], best=True).tolist() == [1]
    assert match(kind, anchor, [speck], best=True).tolist() == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_without_an_anchor_takes_one_from_a_face_that_it_overlaps_less(kind):
    """A small face holds the centre of the anchor; a larger one beside the centre overlaps it more."""
    anchor, small, beside = row(0, side=16), [-1, -1, 1, 1], [1, -8, 8, 8]
    assert match(kind, anchor, [small, beside]).tolist() == [0]
    assert match(kind, anchor, [small, beside], best=True).tolist() == [1]
    assert match(kind, anchor, [beside, small], best=True).tolist() == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_of_faces_that_overlap_an_anchor_the_same_the_first_gets_it(kind):
    anchor, left, right = row(0, side=16), [-8, -1, -6, 1], [6, -1, 8, 1]
    holding = [-1, -1, 1, 1]
    assert match(kind, anchor, [left, right], best=True).tolist() == [0]
    assert match(kind, anchor, [holding, left], best=True).tolist() == [0]
    assert match(kind, anchor, [left, holding], best=True).tolist() == [0]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_best_leaves_every_anchor_with_its_face_unless_another_overlaps_it_at_least_as_much(kind, seed):
    faces = random_faces(seed, 12)
    plain, best = (match(kind, PYRAMID, faces, levels=LEVELS, best=b) for b in (False, True))
    iou = forward("iou", "reference", a=faces, b=PYRAMID)["y"]
    for n in np.flatnonzero((plain != best) & (plain >= 0)):
        assert (iou[best[n], n], -best[n]) > (iou[plain[n], n], -plain[n])
        assert best[n] not in plain


# Faces to be ignored, padding, NaN


@pytest.mark.parametrize("kind", KINDS)
def test_an_anchor_with_half_its_area_in_an_ignored_face_is_ignored_unless_it_has_a_face(kind):
    """Squares of side 4, of which 4, 2 and 1 columns lie in the ignored face; the first has a face."""
    anchors, hiding = row(2, 4, 5, 2), [0, -2, 4, 2]
    assert match(kind, anchors, [hiding], [IGNORED_FACE]).tolist() == [-2, -2, -1, -2]
    matched = match(kind, anchors, [hiding, *row(2)], [IGNORED_FACE, FACE], candidates=1)
    assert matched.tolist() == [1, IGNORED_ANCHOR, BACKGROUND, IGNORED_ANCHOR]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("best", [False, True])
def test_a_picture_without_faces_is_background(best, kind):
    assert match(kind, row(2, 9), row(2, 9), [PADDING] * 2, best=best).tolist() == [BACKGROUND] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("corner", range(4))
@pytest.mark.parametrize("best", [False, True])
def test_a_box_with_a_nan_is_as_good_as_none(best, corner, kind):
    bad = row(10)[0]
    bad[corner] = np.nan
    anchors, faces = row(8, 10, 12), row(10)
    assert match(kind, [*anchors, bad], [bad, *faces], best=best).tolist() == [-1, 1, -1, -1]
    assert match(kind, [bad], faces, best=best).tolist() == [-1]


# Invariances


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ATSS))
def test_pictures_do_not_see_each_other(kind, trial):
    arrays = trial.arrays
    matched = trial.forward(kind)["matched"]
    for r in range(len(matched)):
        alone = match(kind, arrays["anchors"], arrays["boxes"][r], arrays["label"][r], **trial.settings)
        np.testing.assert_array_equal(matched[r], alone)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ATSS))
def test_neither_a_shift_nor_a_change_of_unit_nor_a_transposition_matters(kind, trial):
    anchors, boxes = trial.arrays["anchors"], trial.arrays["boxes"]
    expected = trial.forward(kind)["matched"]
    transposed = [1, 0, 3, 2]
    for change in (lambda a: a + 24, lambda a: a / 4, lambda a: a[..., transposed]):
        trial.arrays |= {"anchors": change(anchors).copy(), "boxes": change(boxes).copy()}
        np.testing.assert_array_equal(trial.forward(kind)["matched"], expected)


def test_the_same_bits_on_one_core_and_on_all():
    """Each picture is one core's, so the number of cores changes nothing."""
    import numba

    boxes = np.stack([random_faces(seed, 30) for seed in range(8)])
    case = trial("match_atss", {"levels": LEVELS, "best": True}, anchors=PYRAMID, boxes=boxes, label=np.ones((8, 30)))
    every = case.forward("cpu")["matched"]
    cores = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(case.forward("cpu")["matched"], every)
    finally:
        numba.set_num_threads(cores)


# On a GPU


@pytest.mark.parametrize("rung", [1, 2, 3])
def test_every_rung_has_room_for_more_boxes_and_anchors_than_threads(rung):
    generator = np.random.default_rng(5)
    label = generator.choice([FACE, FACE, IGNORED_FACE, PADDING], (1, 12))
    arrays = {"anchors": PYRAMID, "boxes": random_faces(7, 12)[None], "label": label}
    for settings in ({"levels": LEVELS, "best": True}, {"candidates": 20}):
        case = trial("match_atss", settings, **arrays)
        found = case.forward("interpret", rung=rung)["matched"]
        np.testing.assert_array_equal(found, case.forward("reference")["matched"])


def test_faces_without_an_anchor_are_looked_for_only_where_they_are_asked_for():
    arrays = {"anchors": row(1), "boxes": [row(1)], "label": [[FACE]]}
    for rung in (1, 2, 3):
        for best in (False, True):
            assert len(trial("match_atss", {"best": best}, **arrays).launches("forward", rung)) == 2 + 2 * best


def test_without_best_too_it_compiles_without_float64():
    arrays = {"anchors": row(1), "boxes": [row(1)], "label": [[FACE]]}
    assert not float64_in("match_atss", "forward", {"best": False}, **arrays)


# What is refused


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"anchors": (5, 3)}, "anchors (5, 3) must end with the 4 corners (x1, y1, x2, y2)"),
        ({"boxes": (2, 4)}, "boxes (2, 4) must have 3 sizes (R, M, 4) of at least 1"),
        ({"label": (2, 7)}, "label (2, 7) must be (2, 3)"),
        (
            {"levels": (3, 1)},
            "levels (3, 1) must each be at least 1 and add up to the 5 anchors of matched (2, 5)",
        ),
        ({"candidates": 0}, "candidates 0 must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(case, message):
    fitting = {"anchors": (5, 4), "boxes": (2, 3, 4), "label": (2, 3), **ATSS.settings}
    with pytest.raises(ShapeError, match=re.escape(f"match_atss: {message}")):
        ATSS.shapes(**{**fitting, **case})
