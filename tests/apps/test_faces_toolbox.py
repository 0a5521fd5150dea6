"""Counted as WIDER FACE's evaluation toolbox counts: beside a slow port of what it does, box by box.

The port is written from what the toolbox's steps are, in plain Python, and shares nothing with what is tested:

1. All scores of all pictures are stretched, so that the least is 0 and the greatest is 1.
2. A picture without a box of a face, and one in which nothing was found, add nothing; but their faces count.
3. The boxes of a picture come in falling order. Each takes the face that it overlaps most, the first of several, if the
   IoU is at least 0.5, where x and y of both corners are pixels that belong to the box. A face that is not in the list
   makes the box one that is not counted. One that is, is found from then on.
4. At each threshold 1 - t / 1000, t from 1 on, those boxes of a picture come in whose stretched score reaches it: how
   many that are counted, and how many faces are found by then. All pictures are added up.
5. Precision is the second number through the first, recall is the second through all faces in the list; the area is
   that under the greatest precision at each recall or further on.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.faces.evaluation import Detections, Truth, evaluate
from tests.apps.test_faces_evaluation import albums, by_hand, faces, found, letters, random_album


def overlap(a, b) -> float:
    """IoU of boxes whose last pixels belong to them."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]) + 1, min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


def ported(album: list[tuple[Detections, Truth]], steps: int) -> float:
    """Average precision as steps 1 to 5 have it."""
    everything = [float(score) for detections, _ in album for score in detections.scores]
    if not everything:
        return 0.0
    low, high = min(everything), max(everything)
    boxes_at, faces_at = [0] * steps, [0] * steps
    listed = 0
    for detections, truth in album:
        listed += sum(not each for each in truth.ignored)
        if not len(truth.boxes) or not len(detections.scores):
            continue
        ranked = sorted(zip(detections.scores.tolist(), detections.boxes.tolist(), strict=True), key=lambda p: -p[0])
        counted, state = [], [0] * len(truth.boxes)
        found_after = []
        for _, box in ranked:
            overlaps = [overlap(box, face) for face in truth.boxes.tolist()]
            best = overlaps.index(max(overlaps))
            counts = True
            if overlaps[best] >= 0.5:
                if truth.ignored[best]:
                    counts, state[best] = False, -1
                elif state[best] == 0:
                    state[best] = 1
            counted.append(counts)
            found_after.append(state.count(1))
        for t in range(1, steps + 1):
            reached = [(score - low) / (high - low) >= 1 - t / steps for score, _ in ranked]
            if any(reached):
                last = len(reached) - 1 - reached[::-1].index(True)
                boxes_at[t - 1] += sum(counted[: last + 1])
                faces_at[t - 1] += found_after[last]
    area, before = 0.0, 0.0
    precision = [hits / boxes if boxes else 0.0 for hits, boxes in zip(faces_at, boxes_at, strict=True)]
    for t, hits in enumerate(faces_at):
        recall = hits / listed if listed else 0.0
        area += (recall - before) * max(precision[t:])
        before = recall
    return area


def several_scores(album) -> bool:
    return len({float(score) for detections, _ in album for score in detections.scores}) > 1


@given(album=albums.filter(several_scores), steps=st.sampled_from([1, 2, 3, 10, 1000]))
def test_average_precision_is_that_of_the_toolbox(album, steps):
    curve = evaluate(*zip(*album, strict=True), thresholds=steps)
    if curve.faces:
        assert curve.ap == pytest.approx(ported(album, steps), abs=1e-12)
    else:
        assert np.isnan(curve.ap)


@pytest.mark.parametrize("steps", [7, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_the_toolbox_on_many_boxes(steps, seed):
    album = list(zip(*random_album(8, 25, seed=seed), strict=True))
    album[3] = (album[3][0], faces())
    curve = evaluate(*zip(*album, strict=True), thresholds=steps)
    assert 0.1 < curve.ap < 0.9
    assert curve.ap == pytest.approx(ported(album, steps), abs=1e-12)


def test_both_ways_of_counting_differ_where_they_should():
    """The port is not what counts at every score, and neither the other way round."""
    album = list(zip(*random_album(12, 30), strict=True))
    assert by_hand(album, 0.5)[1] == pytest.approx(evaluate(*zip(*album, strict=True)).ap)
    assert abs(by_hand(album, 0.5)[1] - ported(album, 1000)) > 1e-4


def test_its_1000_thresholds_come_a_little_lower():
    """They are some of the points of the curve, so that the envelope over them is nowhere above the one over all."""
    detections, truths = random_album(30, 40)
    wider = [Truth(t.boxes + np.float32([0, 0, 1, 1]), t.ignored) for t in truths]
    grown = [Detections(d.boxes + np.float32([0, 0, 1, 1]), d.scores) for d in detections]
    every = evaluate(grown, wider).ap
    assert 0.2 < every - 0.002 < evaluate(detections, truths, thresholds=1000).ap < every < 0.9


def test_a_case_by_hand():
    """Stretched: 1 a hit, 0.5 on nothing, 0.25 a hit, 0 an ignored face. Of two thresholds, 1/2 and 0, three faces.

    At 1/2 a hit and a false alarm came in, at 0 another hit: precision 1/2 and 2/3, recall 1/3 and 2/3.
    """
    truth = faces((0, 0, 9, 9), (20, 0, 29, 9), (40, 0, 49, 9), (60, 0, 69, 9), ignored=[2])
    rows = [(0, 0, 9, 9, 8), (80, 0, 89, 9, 4), (20, 0, 29, 9, 2), (40, 0, 49, 9, 0)]
    curve = evaluate([found(*rows)], [truth], thresholds=2)
    np.testing.assert_allclose(curve.precision, [1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [1 / 3, 2 / 3])
    np.testing.assert_array_equal(curve.thresholds, [0.5, 0])
    assert curve.ap == pytest.approx(2 / 3 * 2 / 3)


def test_boxes_are_a_pixel_wider_and_higher():
    """2 x 2 pixels in 3 x 3 overlap by 4/9; with the last pixels 9/16, which is enough."""
    truth, box = faces((0, 0, 3, 3)), found((0, 0, 2, 2, 1), (9, 9, 11, 11, 0))
    assert letters(evaluate([box], [truth])) == "ff"
    assert letters(evaluate([box], [truth], thresholds=1000)) == "hf"


def test_what_is_found_in_a_picture_without_faces_is_passed_over_but_stretches_the_scores():
    truths = [faces((0, 0, 9, 9), (20, 20, 29, 29)), faces()]
    first = found((0, 0, 9, 9, 0.5), (20, 20, 29, 29, 0.25))
    curve = evaluate([first, found((0, 0, 9, 9, 1), (0, 0, 9, 9, 0))], truths, thresholds=4)
    assert letters(curve) == "hh ii"
    np.testing.assert_array_equal(curve.thresholds, [0.5, 0.25, 0])  # that of 0.75 no box reaches that counts
    assert curve.ap == 1


def test_in_a_picture_whose_faces_are_all_ignored_a_box_on_nothing_is_a_false_alarm():
    truths = [faces((0, 0, 9, 9)), faces((0, 0, 9, 9), ignored=[0])]
    curve = evaluate([found((0, 0, 9, 9, 0.5)), found((30, 30, 39, 39, 1), (0, 0, 9, 9, 0))], truths, thresholds=10)
    assert letters(curve) == "h fi"


def test_where_all_scores_are_equal_all_boxes_come_in_at_once():
    curve = evaluate([found((0, 0, 9, 9, 0.5), (30, 30, 39, 39, 0.5))], [faces((0, 0, 9, 9))], thresholds=1000)
    np.testing.assert_array_equal(curve.precision, 1 / 2)
    assert curve.ap == 1 / 2


@given(album=albums)
def test_only_straight_changes_of_the_scores_change_nothing(album):
    """Its thresholds are spread over the scores: other spacing counts otherwise, a scale and a shift by 2^n do not."""
    detections, truths = zip(*album, strict=True)
    moved = [Detections(d.boxes, d.scores * 4 + 16) for d in detections]
    before, after = (evaluate(each, truths, thresholds=10) for each in (detections, moved))
    np.testing.assert_array_equal(before.ap, after.ap)


@pytest.mark.parametrize("detections", [found(), found((0, 0, 9, 9, 1))])
def test_without_faces_average_precision_is_not_a_number_and_without_boxes_it_is_0(detections):
    assert np.isnan(evaluate([detections], [faces()], thresholds=1000).ap)
    assert evaluate([found()], [faces((0, 0, 9, 9))], thresholds=1000).ap == 0
