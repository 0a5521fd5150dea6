"""Encoding boxes: by hand, against torchvision's formula, what it does not depend on, and anchors without a face."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.box_code import CODES
from tests.helpers.running import KINDS, float64_in, forward
from tests.helpers.strategies import trials

ENCODE = all_operations()["encode_boxes"]
BY_HAND = {"centers": ([10, 10, 5, 5], [2.5, -5.0, 5 * np.log(2), 0]), "corners": ([1, 1, 2, 1], [-5, -5, 30, -5])}


def encoded(trial, kind, **changed):
    return forward("encode_boxes", kind, trial.settings, **{**trial.arrays, **changed})["offsets"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", CODES)
def test_offsets_by_hand(code, kind):
    weights, expected = BY_HAND[code]
    arrays = {"boxes": [[[5, 15, 45, 25]]], "matched": [[0]], "anchors": [[10, 20, 30, 30]]}
    offsets = forward("encode_boxes", kind, {"code": code, "weights": weights}, **arrays)["offsets"]
    np.testing.assert_allclose(offsets, [[expected]], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ENCODE), shift=st.tuples(*[st.integers(-500, 500)] * 2))
def test_moving_the_picture_changes_nothing(kind, trial, shift):
    shift = np.array(shift * 2)
    boxes, anchors = trial.arrays["boxes"] + shift, trial.arrays["anchors"] + shift
    np.testing.assert_array_equal(encoded(trial, kind, boxes=boxes, anchors=anchors), encoded(trial, kind))


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ENCODE), scale=st.sampled_from([0.125, 0.5, 2.0, 64.0]))
def test_a_larger_picture_scales_corners_and_leaves_centers(kind, trial, scale):
    boxes, anchors = scale * trial.arrays["boxes"], scale * trial.arrays["anchors"]
    factor = {"centers": 1, "corners": scale}[trial.settings["code"]]
    np.testing.assert_array_equal(encoded(trial, kind, boxes=boxes, anchors=anchors), factor * encoded(trial, kind))


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ENCODE))
def test_rows_and_columns_are_treated_alike(kind, trial):
    swapped = [1, 0, 3, 2]
    boxes, anchors = (trial.arrays[name][..., swapped] for name in ("boxes", "anchors"))
    settings = trial.settings | {"weights": [trial.settings["weights"][i] for i in swapped]}
    arrays = {"boxes": boxes, "anchors": anchors, "matched": trial.arrays["matched"]}
    offsets = forward("encode_boxes", kind, settings, **arrays)["offsets"]
    np.testing.assert_array_equal(offsets[..., swapped], encoded(trial, kind))


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ENCODE))
def test_a_face_just_where_its_anchor_is_has_no_offsets(kind, trial):
    (R, N) = trial.shapes["matched"]
    boxes, matched = np.stack([trial.arrays["anchors"]] * R), np.stack([np.arange(N)] * R)
    assert not encoded(trial, kind, boxes=boxes, matched=matched).any()


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ENCODE))
def test_anchors_without_a_face_get_zeros_whatever_the_boxes_hold(kind, trial):
    none = (trial.arrays["matched"] < 0) | (trial.arrays["matched"] >= trial.shapes["boxes"][1])
    offsets = encoded(trial, kind, boxes=np.full(trial.shapes["boxes"], np.nan))
    assert not offsets[none].any()
    assert np.isnan(offsets[~none]).all()  # and where there is a face, a NaN is not lost


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ENCODE))
def test_equals_the_box_coder_of_torchvision(kind, trial):
    torch = pytest.importorskip("torch")
    boxes, anchors = torch.tensor(trial.arrays["boxes"]), torch.tensor(trial.arrays["anchors"])
    wx, wy, ww, wh = weights = (10.0, 10.0, 5.0, 5.0)
    R, N = trial.shapes["matched"]
    matched = np.random.default_rng(0).integers(0, boxes.shape[1], (R, N))
    gt = torch.stack([boxes[r][torch.tensor(matched[r])] for r in range(R)])

    ex_widths, ex_heights = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    ex_ctr_x, ex_ctr_y = anchors[:, 0] + 0.5 * ex_widths, anchors[:, 1] + 0.5 * ex_heights
    gt_widths, gt_heights = gt[..., 2] - gt[..., 0], gt[..., 3] - gt[..., 1]
    gt_ctr_x, gt_ctr_y = gt[..., 0] + 0.5 * gt_widths, gt[..., 1] + 0.5 * gt_heights
    dx, dy = wx * (gt_ctr_x - ex_ctr_x) / ex_widths, wy * (gt_ctr_y - ex_ctr_y) / ex_heights
    dw, dh = ww * torch.log(gt_widths / ex_widths), wh * torch.log(gt_heights / ex_heights)
    expected = torch.stack((dx, dy, dw, dh), dim=-1)

    arrays = trial.arrays | {"matched": matched}
    offsets = forward("encode_boxes", kind, {"code": "centers", "weights": weights}, **arrays)["offsets"]
    np.testing.assert_allclose(offsets, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_far_from_the_origin_no_digit_is_lost(kind):
    box, anchor = np.float32([1e6, 1e6, 1e6 + 7.5, 1e6 + 9.125]), np.float32([1e6, 1e6, 1e6 + 6, 1e6 + 6])
    offsets = forward("encode_boxes", kind, boxes=[[box]], matched=[[0]], anchors=[anchor])["offsets"][0, 0]
    sizes = np.array([7.5, 9.125])
    np.testing.assert_allclose(offsets, [*(10 * (sizes / 2 - 3) / 6), *(5 * np.log(sizes / 6))], rtol=1e-6)


@pytest.mark.parametrize("code", CODES)
def test_compiles_without_float64(code):
    arrays = {"boxes": np.ones((1, 2, 4)), "matched": np.zeros((1, 3)), "anchors": np.ones((3, 4))}
    assert not float64_in("encode_boxes", "forward", {"code": code}, **arrays)


@pytest.mark.parametrize(
    ("shapes", "settings", "message"),
    [
        (((2, 4), (1, 3), (3, 4)), {}, "boxes (2, 4) must have 3 sizes (R, M, 4) of at least 1"),
        (((1, 2, 5), (1, 3), (3, 4)), {}, "boxes (1, 2, 5) must be (1, 2, 4)"),
        (((1, 2, 4), (2, 3), (3, 4)), {}, "matched (2, 3) must be (1, 3)"),
        (((1, 2, 4), (1, 3), (2, 4)), {}, "anchors (2, 4) must be (3, 4)"),
        (((1, 2, 4), (1, 3), (3, 4)), {"code": "middle"}, "unknown code 'middle'; choose from centers, corners"),
        (((1, 2, 4), (1, 3), (3, 4)), {"weights": (1, 1)}, "weights (1, 1) must be 4 numbers above 0"),
        (((1, 2, 4), (1, 3), (3, 4)), {"weights": (1, 0, 1, 1)}, "weights (1, 0, 1, 1) must be 4 numbers above 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shapes, settings, message):
    boxes, matched, anchors = map(np.ones, shapes)
    with pytest.raises(ShapeError, match=re.escape(f"encode_boxes: {message}")):
        forward("encode_boxes", "cpu", settings, boxes=boxes, matched=matched, anchors=anchors)
