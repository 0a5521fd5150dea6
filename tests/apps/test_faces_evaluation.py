"""Precision, recall and average precision say what a count by hand says."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from apps.faces.evaluation import (
    Curve,
    Detections,
    Truth,
    at_threshold,
    choose_threshold,
    evaluate,
    ignored_below,
)

SIDE = 12  # of the little pictures that are drawn


def boxes(*corners: Sequence[float]) -> np.ndarray:
    return np.array(corners, np.float32).reshape(-1, 4)


def found(*rows: Sequence[float]) -> Detections:
    """Rows of x1, y1, x2, y2, score."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4])


def faces(*corners: Sequence[float], ignored: Sequence[int] = ()) -> Truth:
    return Truth(boxes(*corners), np.isin(np.arange(len(corners)), ignored))


def letters(curve: Curve) -> str:
    """h, f or i: hit, false alarm or ignored, for every box of every picture."""
    names = np.array(["f", "h", "i"])
    return " ".join("".join(names[o.hits + 2 * o.ignored]) for o in curve.outcomes)


@st.composite
def rectangles(draw) -> tuple[int, int, int, int]:
    x1, y1 = draw(st.integers(0, SIDE - 2)), draw(st.integers(0, SIDE - 2))
    return x1, y1, draw(st.integers(x1 + 1, SIDE)), draw(st.integers(y1 + 1, SIDE))


@st.composite
def pictures(draw) -> tuple[Detections, Truth]:
    """A few faces, some ignored, and boxes that are faces, moved faces or anything, with many equal scores."""
    corners = draw(st.lists(rectangles(), max_size=4))
    ignored = draw(st.lists(st.booleans(), min_size=len(corners), max_size=len(corners)))
    near = rectangles() | st.sampled_from(corners) if corners else rectangles()
    rows = draw(st.lists(st.tuples(near, st.integers(1, 5)), max_size=8))
    truth = Truth(boxes(*corners), np.array(ignored, bool))
    return found(*[(*box, score / 8) for box, score in rows]), truth


albums = st.lists(pictures(), min_size=1, max_size=4)


def by_hand(album: list[tuple[Detections, Truth]], overlap: float) -> tuple[list[tuple[float, float, float]], float]:
    """The protocol as it reads, box by box, counted anew for each threshold: score, precision, recall; the area."""
    total = sum(not ignored for _, truth in album for ignored in truth.ignored)
    points = []
    for threshold in sorted({float(score) for detections, _ in album for score in detections.scores}, reverse=True):
        hits = alarms = 0
        for detections, truth in album:
            ranked = sorted(zip(detections.scores, detections.boxes, strict=True), key=lambda pair: -pair[0])
            taken = set()
            for _, box in (pair for pair in ranked if pair[0] >= threshold):
                overlaps = [iou(box, face) for face in truth.boxes]
                best = max(overlaps, default=0)
                if best < overlap:
                    alarms += 1
                elif not truth.ignored[nearest := overlaps.index(best)]:
                    hits, alarms = hits + (nearest not in taken), alarms + (nearest in taken)
                    taken.add(nearest)
        if hits + alarms and (not points or (hits, alarms) != points[-1][3]):
            points.append((threshold, hits / (hits + alarms), hits / total if total else np.nan, (hits, alarms)))
    ap, reached = 0.0, 0.0
    for position, (_, _, recall, _) in enumerate(points):
        ap += (recall - reached) * max(point[1] for point in points[position:])
        reached = recall
    return [point[:3] for point in points], ap if total else np.nan


def iou(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return float(width * height) / float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height)


@given(album=albums, overlap=st.sampled_from([0.25, 0.5, 1.0]))
def test_the_curve_is_the_one_counted_by_hand(album, overlap):
    curve = evaluate(*zip(*album, strict=True), overlap)
    points, ap = by_hand(album, overlap)
    np.testing.assert_array_equal(
        np.stack([curve.thresholds, curve.precision, curve.recall], 1), np.reshape(points, (-1, 3))
    )
    assert curve.ap == pytest.approx(ap, nan_ok=True)


def test_a_case_with_every_kind_of_outcome():
    """Falling: a hit, a second box of its face, the ignored face, a box on nothing, a hit. The last face is missed."""
    truth = faces((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10), ignored=[2])
    detections = found((0, 0, 10, 10, 9), (0, 0, 10, 9, 8), (41, 0, 51, 10, 7), (80, 0, 90, 10, 6), (20, 0, 30, 12, 5))
    curve = evaluate([detections], [truth])
    assert letters(curve) == "hfifh"
    assert curve.faces == 3
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 1 / 3, 2 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3, 1 / 3, 2 / 3])
    np.testing.assert_array_equal(curve.thresholds, [9, 8, 6, 5])
    assert curve.ap == pytest.approx(1 / 3 * 1 + 1 / 3 * 1 / 2)
    (outcome,) = curve.outcomes
    np.testing.assert_array_equal(outcome.missed, [False, False, False, True])
    np.testing.assert_array_equal(outcome.repeated, [False, True, False, False, False])
    np.testing.assert_array_equal(outcome.face, [0, 0, 2, -1, 1])
    np.testing.assert_allclose(outcome.overlap, [1, 0.9, 9 / 11, 0, 10 / 12])


def test_pictures_share_one_ranking():
    """The second picture's false alarm stands between the hits of the first."""
    truths = [faces((0, 0, 4, 4), (6, 6, 9, 9)), faces()]
    curve = evaluate([found((0, 0, 4, 4, 0.9), (6, 6, 9, 9, 0.7)), found((1, 1, 2, 2, 0.8))], truths)
    assert letters(curve) == "hh f"
    assert curve.ap == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_an_overlap_of_exactly_one_half_is_enough():
    truth = faces((0, 0, 10, 10))
    assert letters(evaluate([found((0, 0, 10, 5, 1))], [truth])) == "h"
    assert letters(evaluate([found((0, 0, 10, 4.99, 1))], [truth])) == "f"


def test_a_box_goes_to_the_ignored_face_if_that_is_nearer():
    """It would be a hit of the other face, were the ignored one not there."""
    near, nearer = (0, 0, 10, 10), (0, 0, 10, 9)
    box = found((0, 0, 10, 8, 1))
    assert letters(evaluate([box], [faces(near)])) == "h"
    assert letters(evaluate([box], [faces(near, nearer, ignored=[1])])) == "i"
    assert letters(evaluate([box], [faces(near, nearer, ignored=[0])])) == "h"


def test_a_box_does_not_settle_for_another_face():
    """Both faces overlap the second box by more than a half, but it takes the nearer one, which is found already."""
    detections = found((0, 0, 10, 10, 0.9), (0, 0, 10, 11, 0.8))
    assert letters(evaluate([detections], [faces((0, 0, 10, 10), (0, 0, 10, 14))])) == "hf"


def test_among_equal_scores_the_box_that_fits_best_is_the_hit():
    detections = found((0, 0, 10, 8, 0.5), (0, 0, 10, 10, 0.5), (0, 0, 10, 9, 0.5))
    curve = evaluate([detections], [faces((0, 0, 10, 10))])
    assert letters(curve) == "fhf"
    np.testing.assert_allclose(curve.precision, [1 / 3])


@given(album=albums, data=st.data())
def test_order_changes_nothing(album, data):
    """Neither that of the pictures nor that of the boxes of a picture, whose scores are often equal."""
    detections, truths = zip(*album, strict=True)
    shuffled = []
    for one in detections:
        order = np.array(data.draw(st.permutations(range(len(one.scores)))), int)
        shuffled.append(Detections(one.boxes[order], one.scores[order]))
    order = data.draw(st.permutations(range(len(album))))
    before = evaluate(detections, truths)
    after = evaluate([shuffled[i] for i in order], [truths[i] for i in order])
    for name in ("precision", "recall", "thresholds", "ap", "faces"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    for i, outcome in zip(order, after.outcomes, strict=True):
        np.testing.assert_array_equal(outcome.missed, before.outcomes[i].missed)


@given(album=albums)
def test_every_box_and_every_face_has_one_fate(album):
    curve = evaluate(*zip(*album, strict=True))
    for outcome in curve.outcomes:
        fates = outcome.hits.astype(int) + outcome.false_alarms + outcome.ignored
        np.testing.assert_array_equal(fates, 1)
        assert np.unique(outcome.face[outcome.hits]).size == outcome.hits.sum()
        assert outcome.hits.sum() + outcome.missed.sum() == np.count_nonzero(~outcome.truth.ignored)
        assert not (outcome.missed & outcome.truth.ignored).any()


@given(album=albums)
def test_average_precision_lies_between_its_bounds(album):
    """No less than the area under the curve itself, and no more than the recall that was reached."""
    curve = evaluate(*zip(*album, strict=True))
    if curve.faces:
        below = np.diff(curve.recall, prepend=0) @ curve.precision
        assert below - 1e-12 <= curve.ap <= (curve.recall[-1] if curve.recall.size else 0) + 1e-12


@given(album=albums)
def test_only_the_order_of_the_scores_matters(album):
    detections, truths = zip(*album, strict=True)
    stretched = [Detections(d.boxes, np.log(d.scores) * 7) for d in detections]
    np.testing.assert_array_equal(evaluate(stretched, truths).ap, evaluate(detections, truths).ap)


@given(album=albums)
def test_a_false_alarm_below_all_scores_does_not_change_average_precision(album):
    detections, truths = zip(*album, strict=True)
    more = [Detections(np.append(d.boxes, boxes((50, 50, 60, 60)), 0), np.append(d.scores, 0)) for d in detections]
    np.testing.assert_array_equal(evaluate(more, truths).ap, evaluate(detections, truths).ap)


@given(album=albums)
def test_a_false_alarm_above_all_scores_lowers_it(album):
    detections, truths = zip(*album, strict=True)
    more = [Detections(np.append(d.boxes, boxes((50, 50, 60, 60)), 0), np.append(d.scores, 9)) for d in detections]
    before, after = evaluate(detections, truths), evaluate(more, truths)
    assert after.ap < before.ap or before.ap == after.ap == 0 or before.faces == 0


@given(truths=st.lists(pictures().map(lambda picture: picture[1]), min_size=1, max_size=4))
def test_a_perfect_detector_has_average_precision_1(truths):
    distinct = [Truth(np.unique(t.boxes, axis=0), np.zeros(len(np.unique(t.boxes, axis=0)), bool)) for t in truths]
    detections = [Detections(t.boxes, np.linspace(1, 2, len(t.boxes))) for t in distinct]
    curve = evaluate(detections, distinct)
    if curve.faces:
        assert curve.ap == pytest.approx(1)
        np.testing.assert_array_equal(curve.precision, 1)


@pytest.mark.parametrize("truth", [faces(), faces((0, 0, 9, 9), ignored=[0])])
@pytest.mark.parametrize("detections", [found(), found((0, 0, 9, 9, 1)), found((20, 20, 29, 29, 1))])
def test_without_faces_that_count_average_precision_is_not_a_number(truth, detections):
    curve = evaluate([detections], [truth])
    assert np.isnan(curve.ap)
    assert np.isnan(curve.recall).all()
    assert curve.faces == 0
    assert not np.isnan(curve.precision).any()


def test_without_detections_average_precision_is_0():
    curve = evaluate([found()], [faces((0, 0, 9, 9))])
    assert curve.ap == 0
    assert curve.precision.size == curve.recall.size == curve.thresholds.size == 0
    assert curve.outcomes[0].missed.all()
    assert np.isnan(evaluate([], []).ap)


def test_boxes_without_area_find_nothing_and_are_not_found():
    point = (3, 3, 3, 3)
    curve = evaluate([found((*point, 0.9), (3, 3, 5, 5, 0.8))], [faces(point)])
    assert letters(curve) == "ff"
    assert curve.ap == 0


def random_album(pictures: int, each: int, most_faces: int = 12, seed: int = 0) -> tuple[list[Detections], list[Truth]]:
    """Half of the boxes of a picture lie near a face, and their scores are higher on the whole."""
    generator = np.random.default_rng(seed)
    detections, truths = [], []
    for _ in range(pictures):
        corner, size = generator.uniform(0, 600, (1 + generator.integers(most_faces), 2)), generator.uniform(8, 60)
        corners = np.concatenate([corner, corner + size], 1).astype(np.float32)
        truths.append(Truth(corners, generator.random(len(corners)) < 0.1))
        near = generator.random(each) < 0.5
        drawn = corners[generator.integers(len(corners), size=each)] + generator.normal(0, size / 8, (each, 4))
        drawn[~near] += 2 * size
        scores = 1 / (1 + np.exp(-generator.normal(2 * near - 1)))
        detections.append(Detections(drawn.astype(np.float32), scores.astype(np.float32)))
    return detections, truths


def scores_and_hits(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """The scores of all boxes that count, and whether they are hits."""
    scores = [outcome.detections.scores[~outcome.ignored] for outcome in curve.outcomes]
    hits = [outcome.hits[~outcome.ignored] for outcome in curve.outcomes]
    return np.concatenate(scores), np.concatenate(hits)


@pytest.mark.parametrize("digits", [1, 6])
def test_scikit_learn_counts_the_same_points(digits):
    """It knows no missed faces: they come in below all scores. Its area has no envelope, so it is compared without."""
    detections, truths = random_album(20, 30)
    detections = [Detections(d.boxes, np.round(d.scores, digits)) for d in detections]
    curve = evaluate(detections, truths)
    scores, hits = scores_and_hits(curve)
    missed = sum(outcome.missed.sum() for outcome in curve.outcomes)
    assert missed > 0
    hits, scores = np.append(hits, np.ones(missed)), np.append(scores, np.full(missed, -1))

    precision, recall, thresholds = precision_recall_curve(hits, scores)
    np.testing.assert_allclose(curve.precision, precision[-2:0:-1])
    np.testing.assert_allclose(curve.recall, recall[-2:0:-1])
    np.testing.assert_allclose(curve.thresholds, thresholds[:0:-1])
    steps = np.diff(curve.recall, prepend=0) @ curve.precision + missed / curve.faces * hits.mean()
    assert steps == pytest.approx(average_precision_score(hits, scores))


def test_168_pictures_with_1000_boxes_each_take_less_than_a_second():
    detections, truths = random_album(168, 1000, 30)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        evaluate(detections, truths)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1


def test_small_faces_are_ignored_by_size():
    """sqrt(width * height): 4 x 64 is 16, and stays."""
    truth = ignored_below(faces((0, 0, 15, 16), (0, 0, 16, 16), (0, 0, 4, 64), (0, 0, 99, 99), ignored=[3]), 16)
    np.testing.assert_array_equal(truth.ignored, [True, False, False, True])


@given(album=albums, size=st.integers(0, SIDE))
def test_a_detector_that_finds_all_that_is_large_is_perfect_without_the_small(album, size):
    truths = [ignored_below(truth, size) for _, truth in album]
    distinct = [
        Truth(*(part[np.unique(t.boxes, axis=0, return_index=True)[1]] for part in (t.boxes, t.ignored)))
        for t in truths
    ]
    large = [Detections(t.boxes[~t.ignored], np.ones(np.count_nonzero(~t.ignored))) for t in distinct]
    curve = evaluate(large, distinct)
    assert curve.ap == pytest.approx(1) if curve.faces else np.isnan(curve.ap)


def test_at_a_threshold_hits_and_false_alarms_are_counted():
    """Two of three faces are found at 0.5, with a false box in two pictures; the third only at 0.3."""
    detections = [found((0, 0, 9, 9, 0.9), (40, 40, 49, 49, 0.6), (20, 0, 29, 9, 0.5)), found((0, 0, 9, 9, 0.3))]
    curve = evaluate(detections, [faces((0, 0, 9, 9), (20, 0, 29, 9)), faces((0, 0, 9, 9))])
    at_half = at_threshold(curve, 0.5)
    assert (at_half.threshold, at_half.recall, at_half.false_boxes) == (0.5, 2 / 3, 0.5)
    assert at_threshold(curve, 0.25).recall == 1
    assert at_threshold(curve, 0.95).recall == 0
    assert np.isnan(at_threshold(evaluate([], []), 0.5).recall)
    assert np.isnan(at_threshold(evaluate([], []), 0.5).false_boxes)


def test_the_lowest_threshold_with_few_enough_false_boxes_is_chosen():
    """Of one picture, falling: a hit, a false box, a hit, a false box with the score of a third hit."""
    rows = [
        (0, 0, 9, 9, 0.875),
        (50, 0, 59, 9, 0.75),
        (20, 0, 29, 9, 0.625),
        (50, 50, 59, 59, 0.5),
        (0, 20, 9, 29, 0.5),
    ]
    curve = evaluate([found(*rows)], [faces((0, 0, 9, 9), (20, 0, 29, 9), (0, 20, 9, 29))])
    for most, threshold, recall, false_boxes in (
        (0, 0.875, 1 / 3, 0),
        (1, 0.625, 2 / 3, 1),
        (1.5, 0.625, 2 / 3, 1),
        (2, 0.5, 1, 2),
    ):
        chosen = choose_threshold(curve, most)
        assert (chosen.threshold, chosen.recall, chosen.false_boxes) == (threshold, recall, false_boxes)


def test_where_the_best_box_is_false_already_the_threshold_is_above_all():
    chosen = choose_threshold(evaluate([found((50, 0, 59, 9, 0.9), (0, 0, 9, 9, 0.8))], [faces((0, 0, 9, 9))]), 0.5)
    assert 0.9 < chosen.threshold < 0.90001
    assert (chosen.recall, chosen.false_boxes) == (0, 0)
    nothing = choose_threshold(evaluate([found()], [faces((0, 0, 9, 9))]), 0.5)
    assert (nothing.threshold, nothing.recall, nothing.false_boxes) == (0, 0, 0)


@given(album=albums, most=st.sampled_from([0, 0.25, 0.5, 1, 3]))
def test_no_lower_score_would_do_as_a_threshold(album, most):
    curve = evaluate(*zip(*album, strict=True))
    chosen = choose_threshold(curve, most)
    assert chosen.false_boxes <= most
    for score in curve.thresholds[curve.thresholds < chosen.threshold]:
        assert at_threshold(curve, score).false_boxes > most


def test_detections_above_a_threshold_keep_their_scores():
    chosen = found((0, 0, 1, 1, 0.2), (0, 0, 2, 2, 0.5), (0, 0, 3, 3, 0.9)).above(0.5)
    np.testing.assert_array_equal(chosen.scores, np.float32([0.5, 0.9]))
    np.testing.assert_array_equal(chosen.boxes, boxes((0, 0, 2, 2), (0, 0, 3, 3)))


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        (r"detections: scores of shape \(2,\) found, \(1,\) expected", lambda: Detections(np.ones((1, 4)), np.ones(2))),
        (r"detections: boxes of shape \(1, 5\) found", lambda: Detections(np.ones((1, 5)), np.ones(1))),
        (r"detections: a score is not a number", lambda: Detections(np.ones((1, 4)), np.array([np.nan]))),
        (r"truth: ignored of shape \(0,\) found, \(2,\)", lambda: Truth(np.ones((2, 4)), np.zeros(0, bool))),
        (r"evaluate: detections of 0 pictures and the truth of 1", lambda: evaluate([], [faces()])),
        (r"evaluate: overlap 0 found, more than 0", lambda: evaluate([], [], overlap=0)),
        (r"evaluate: 0 thresholds found, at least 1", lambda: evaluate([], [], thresholds=0)),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(message, wrong):
    with pytest.raises(ValueError, match=message):
        wrong()
