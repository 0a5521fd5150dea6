"""Overlap loss: the measures by hand, boxes that touch or are just right, and the quality that others read."""

import functools
import re

import numpy as np
import pytest
from hypothesis import given

from framework import Graph, Model
from framework.layers import add, zeros
from kernels.commands.inspect import rows
from kernels.commands.targets import find_target
from kernels.operation import ShapeError, all_operations
from kernels.operations.box_code import LARGEST_LOG_SIZE
from kernels.operations.overlap_loss import MEASURES
from tests.helpers.running import KINDS, backward, forward, trial
from tests.helpers.strategies import trials

OVERLAP = all_operations()["overlap_loss"]
TRUE = [4, 4, 12, 20]
ONES = (1, 1, 1, 1)


def judged(kind, predicted, true=TRUE, measure="iou", code="corners", anchor=(0, 0, 8, 8), offsets=None):
    """Of predicted boxes beside a true one: losses, IoUs and the slopes by the offsets."""
    if offsets is None:  # of code "corners": how far the box is from the anchor
        offsets = np.array(predicted, float) - anchor
    N = len(offsets)
    arrays = {"offsets": [offsets], "anchors": [anchor] * N, "boxes": [[true]], "matched": np.zeros((1, N))}
    arrays |= {"weight": np.ones((1, N)), "dy": np.ones((1, N))}
    settings = {"code": code, "weights": ONES, "measure": measure}
    made = forward("overlap_loss", kind, settings, **arrays)
    return made["y"][0], made["iou"][0], backward("overlap_loss", kind, settings, **arrays)["doffsets"][0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("measure", "expected"),
    [  # true 8 x 16; the first predicted 16 x 8, sharing 8 x 8 of a hull of 16 x 16; the second 8 x 8, 4 apart
        ("iou", [1 - 64 / 192, 1]),
        ("giou", [1 - 64 / 192 + 64 / 256, 1 + (20 * 16 - 128 - 64) / (20 * 16)]),
        ("diou", [1 - 64 / 192 + (4**2 + 4**2) / 512, 1 + (12**2 + 4**2) / (20**2 + 16**2)]),
        ("eiou", [1 - 64 / 192 + 32 / 512 + 2 * (8 / 16) ** 2, 1 + 160 / 656 + 0 + (8 / 16) ** 2]),
    ],
)
def test_measures_by_hand(measure, expected, kind):
    y, iou, _ = judged(kind, [[4, 4, 20, 12], [16, 4, 24, 12]], measure=measure)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    np.testing.assert_allclose(iou, [64 / 192, 0], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(case=trials(OVERLAP))
def test_the_quality_is_the_iou_of_decoded_and_true_boxes(kind, case):
    R, N = case.shapes["matched"]
    index = np.stack([np.arange(N)] * R)
    settings = {name: case.settings[name] for name in ("code", "weights")}
    decoded = forward(
        "decode_boxes", kind, settings, **{n: case.arrays[n] for n in ("offsets", "anchors")}, index=index
    )
    iou, M = case.forward(kind)["iou"], case.shapes["boxes"][1]
    for r in range(R):
        pairs = forward("iou", kind, a=decoded["boxes"][r], b=case.arrays["boxes"][r])["y"]
        for n, (face, weight) in enumerate(zip(case.arrays["matched"][r], case.arrays["weight"][r], strict=True)):
            expected = pairs[n, face] if weight != 0 and 0 <= face < M else 0
            np.testing.assert_allclose(iou[r, n], expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", ["centers", "corners"])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_box_that_is_just_right_costs_nothing_and_stays(measure, code, kind):
    for box in (TRUE, [0.1, 1000.3, 7.7, 1013.9]):
        y, iou, slopes = judged(kind, None, box, measure, code, anchor=box, offsets=np.zeros((1, 4)))
        np.testing.assert_array_equal(y, 0)
        np.testing.assert_array_equal(iou, 1)
        np.testing.assert_allclose(slopes, 0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_apart_learn_nothing_from_iou_alone_and_move_closer_by_all_others(kind):
    box = [[20, 6, 28, 18]]  # right of the true one
    for measure in MEASURES:
        _, _, ((x1, _, x2, _),) = judged(kind, box, measure=measure)
        assert (x1 > 0 and x1 + x2 > 0) if measure != "iou" else (x1 == x2 == 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("touching", [[12, 4, 20, 20], [4, 4, 12, 8], [12, 20, 16, 24], [6, 4, 10, 30], [4, 4, 12, 20]])
def test_where_edges_meet_the_slope_is_the_middle_of_both_sides(touching, measure, kind):
    """Which is what a central difference gives, here of a step that float32 has exactly."""
    step = 2.0**-10
    _, _, (slopes,) = judged(kind, [touching], measure=measure)
    for edge, slope in enumerate(slopes):
        nearby = np.array([touching, touching], float)
        nearby[:, edge] += [step, -step]
        above, below = judged("reference", nearby, measure=measure)[0]
        np.testing.assert_allclose(slope, (above - below) / (2 * step), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", MEASURES)
def test_boxes_without_area_and_edges_the_wrong_way_round_give_finite_values(measure, kind):
    boxes = [[8, 8, 8, 8], [4, 4, 4, 20], [0, 0, 0, 0], [12, 20, 4, 4], [12, 4, 4, 20], [30, 30, 2, 40]]
    for true in (TRUE, [8, 8, 8, 8], [4, 4, 4, 20]):
        y, iou, slopes = judged(kind, boxes, true, measure)
        assert np.isfinite(y).all()
        assert np.isfinite(slopes).all()
        np.testing.assert_array_equal(iou, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", MEASURES)
def test_wild_offsets_give_finite_values_and_no_slope_where_decoding_cuts_them_off(measure, kind):
    past, under = LARGEST_LOG_SIZE + 1e-3, LARGEST_LOG_SIZE - 1e-3
    offsets = np.array([[0, 0, past, 1e6], [0, 0, under, past], [0, 0, -1e6, -1e6], [1e4, -1e4, 0, 0]])
    y, _, slopes = judged(kind, None, [0, 0, 8, 9], measure, "centers", offsets=offsets)
    assert np.isfinite(y).all()
    assert np.isfinite(slopes).all()
    np.testing.assert_array_equal(slopes[0, 2:], 0)
    assert slopes[1, 2] > 0
    assert slopes[1, 3] == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", MEASURES)
def test_what_does_not_count_costs_nothing_and_a_nan_that_counts_shows(measure, kind):
    """Of six anchors the first three have no weight, no face and one that is not there; then a NaN in each array."""
    offsets, boxes = np.full((1, 6, 4), np.nan), np.array([[[0, 0, 8, 9], [0, 0, np.nan, 9]]])
    offsets[0, 4:] = 0
    anchors = np.array([[1.0, 1, 9, 9]] * 6)
    anchors[:3], anchors[5, 1] = np.nan, np.nan
    arrays = {"offsets": offsets, "anchors": anchors, "boxes": boxes, "matched": [[1, -1, 2, 0, 1, 0]]}
    arrays |= {"weight": [[0, 1, 1, 1, 1, 1]], "dy": np.ones((1, 6))}
    made = forward("overlap_loss", kind, {"measure": measure}, **arrays)
    slopes = backward("overlap_loss", kind, {"measure": measure}, **arrays)["doffsets"]
    for got in (made["y"], made["iou"], *np.moveaxis(slopes, 2, 0)):
        np.testing.assert_array_equal(got[0, :3], 0)
        assert np.isnan(got[0, 3:]).all()


@pytest.mark.parametrize("kind", KINDS)
@given(case=trials(OVERLAP))
def test_the_weight_is_a_factor_and_the_quality_has_none(kind, case):
    twice = {**case.arrays, "weight": 2 * case.arrays["weight"]}
    one, two = case.forward(kind), forward("overlap_loss", kind, case.settings, **twice)
    np.testing.assert_array_equal(two["y"], 2 * one["y"])
    np.testing.assert_array_equal(two["iou"], one["iou"])
    slopes = backward("overlap_loss", kind, case.settings, **twice)["doffsets"]
    np.testing.assert_array_equal(slopes, 2 * case.backward(kind, one)["doffsets"])


@pytest.mark.parametrize("kind", KINDS)
@given(case=trials(OVERLAP))
def test_boxes_far_from_the_origin_keep_their_digits(kind, case):
    """Moved by whole pixels, with anchors and boxes on the grid, nothing changes by a bit."""
    near = {**case.arrays, "anchors": np.round(case.arrays["anchors"]), "boxes": np.round(case.arrays["boxes"])}
    far = {**near, "anchors": near["anchors"] + 4096, "boxes": near["boxes"] + 4096}
    one, other = (forward("overlap_loss", kind, case.settings, **arrays) for arrays in (near, far))
    one, other = (made | backward("overlap_loss", kind, case.settings, **a) for made, a in ((one, near), (other, far)))
    tolerance = 1e-9 if kind == "reference" else 0
    for name, expected in one.items():
        np.testing.assert_allclose(other[name], expected, rtol=tolerance, atol=tolerance, err_msg=name)


def quality_network(batch, both):
    """Two boxes that learn by their overlap; with `both`, and scores that learn the quality."""
    graph = Graph("quality")
    offsets, logits = graph.parameter("offsets", (1, 2, 4), zeros), graph.parameter("logits", (1, 2), zeros)
    box = np.array([[0, 0, 8, 8], [4, 4, 10, 10]], np.float32)
    given = {"boxes": graph.constant("true", box[np.newaxis] + 1), "anchors": graph.constant("anchors", box)}
    given |= {"matched": graph.constant("matched", np.array([[0, 1]], np.int32))}
    weight = graph.constant("weight", np.ones((1, 2), np.float32))
    loss, quality = graph.node("overlap_loss", "overlap", offsets=offsets, weight=weight, **given).outputs
    target = graph.constant("target", np.array([[[0, 1], [0, 1]]], np.float32))
    score = graph.add("quality_focal_loss", "score", x=logits, target=target, quality=quality)
    graph.output("quality", quality)
    graph.output("loss", graph.add("reduce", "loss", x=add(loss, score, "sum") if both else loss, how="sum"))
    return graph


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_that_learns_the_quality_sends_nothing_to_the_box(kind):
    """To the loss of the score the quality is a constant, although it depends on the offsets."""
    gradients = {}
    for both in (True, False):
        model = Model(functools.partial(quality_network, both=both), kind)
        model.training(1, outputs=("loss", "quality"))()
        gradients[both] = model.parameters.gradients.download()
    np.testing.assert_array_equal(gradients[True]["offsets"], gradients[False]["offsets"])
    assert np.abs(gradients[True]["offsets"]).min() > 0
    q = np.array([49 / 79, 25 / 47])
    expected = (0.5 - q) ** 2 * (2 / 4 * np.log(2) / (0.5 - q) + 0.5 - q)  # x is 0, so s is 1/2
    np.testing.assert_allclose(gradients[True]["logits"][0], expected, rtol=1e-5)


@pytest.mark.parametrize("code", ["centers", "corners"])
@pytest.mark.parametrize("measure", MEASURES)
def test_every_code_and_measure_keeps_to_the_budget_without_float64(measure, code):
    shapes = {"offsets": (16, 640, 4), "anchors": (640, 4), "boxes": (16, 19, 4), "matched": (16, 640)}
    arrays = {name: np.ones(shape) for name, shape in shapes.items()} | {"weight": np.ones((16, 640))}
    case = trial("overlap_loss", {"code": code, "measure": measure}, **arrays)
    for direction in ("forward", "backward"):
        target = find_target(f"overlap_loss.{direction}")
        for rung in target.rungs:
            (function,) = target.functions(rung)
            for row in rows(target, case, rung, ["sm_90"]):
                assert row.report.registers <= function.registers, row
                assert row.report.float64 == row.report.spill_bytes == 0, row


@pytest.mark.parametrize(
    ("changed", "settings", "message"),
    [
        ({"offsets": (3, 4)}, {}, "offsets (3, 4) must have 3 sizes (R, N, 4) of at least 1"),
        ({"offsets": (1, 3, 2)}, {}, "offsets (1, 3, 2) must be (1, 3, 4)"),
        ({"anchors": (2, 4)}, {}, "anchors (2, 4) must be (3, 4)"),
        ({"boxes": (2, 5, 4)}, {}, "boxes (2, 5, 4) must be (1, 5, 4)"),
        ({"matched": (3, 1)}, {}, "matched (3, 1) must be (1, 3)"),
        ({"weight": (3,)}, {}, "weight (3,) must be (1, 3)"),
        ({}, {"code": "edges"}, "unknown code 'edges'; choose from centers, corners"),
        ({}, {"measure": "ciou"}, "unknown measure 'ciou'; choose from iou, giou, diou, eiou"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(changed, settings, message):
    shapes = {"offsets": (1, 3, 4), "anchors": (3, 4), "boxes": (1, 5, 4), "matched": (1, 3), "weight": (1, 3)}
    arrays = {name: np.ones(shape) for name, shape in {**shapes, **changed}.items()}
    with pytest.raises(ShapeError, match=re.escape(f"overlap_loss: {message}")):
        forward("overlap_loss", "cpu", settings, **arrays)
