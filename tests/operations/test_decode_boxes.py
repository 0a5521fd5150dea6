"""Decoding boxes: the inverse of encoding, torchvision's formula, wild guesses, and which anchors are chosen."""

import re

import numpy as np
import pytest
from hypothesis import given

from kernels.operation import ShapeError, all_operations
from kernels.operations.box_code import CODES
from tests.helpers.running import KINDS, float64_in, forward
from tests.helpers.strategies import trials

DECODE = all_operations()["decode_boxes"]
CENTERS = {"code": "centers", "weights": (1, 1, 1, 1)}


def decoded(trial, kind, **changed):
    return forward("decode_boxes", kind, trial.settings, **{**trial.arrays, **changed})["boxes"]


def all_anchors(trial):
    """An index that names each anchor once, in order."""
    R, N, _ = trial.shapes["offsets"]
    return np.stack([np.arange(N)] * R)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(DECODE))
def test_encoding_the_decoded_boxes_gives_the_offsets_back(kind, trial):
    index, offsets = all_anchors(trial), np.clip(trial.arrays["offsets"], -1, 1)
    boxes = decoded(trial, kind, index=index, offsets=offsets)
    arrays = {"boxes": boxes, "matched": index, "anchors": trial.arrays["anchors"]}
    again = forward("encode_boxes", kind, trial.settings, **arrays)["offsets"]
    np.testing.assert_allclose(again, offsets, atol=2e-3)  # float32 pixels, of boxes that may be small


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(all_operations()["encode_boxes"]))
def test_decoding_the_encoded_boxes_gives_the_boxes_back(kind, trial):
    (R, N), M = trial.shapes["matched"], trial.shapes["boxes"][1]
    matched = np.random.default_rng(0).integers(0, M, (R, N))
    offsets = forward("encode_boxes", kind, trial.settings, **trial.arrays | {"matched": matched})["offsets"]
    arrays = {"offsets": offsets, "anchors": trial.arrays["anchors"], "index": np.stack([np.arange(N)] * R)}
    boxes = forward("decode_boxes", kind, trial.settings, **arrays)["boxes"]
    np.testing.assert_allclose(boxes, np.take_along_axis(trial.arrays["boxes"], matched[..., None], 1), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(DECODE))
def test_without_offsets_an_anchor_is_the_box(kind, trial):
    boxes = decoded(trial, kind, index=all_anchors(trial), offsets=np.zeros(trial.shapes["offsets"]))
    np.testing.assert_array_equal(boxes, np.broadcast_to(trial.arrays["anchors"], boxes.shape))


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(DECODE))
def test_each_box_is_the_one_of_the_anchor_it_names(kind, trial):
    index, N = trial.arrays["index"], len(trial.arrays["anchors"])
    every, boxes = decoded(trial, kind, index=all_anchors(trial)), decoded(trial, kind)
    for r, k in np.ndindex(index.shape):
        expected = every[r, index[r, k]] if 0 <= index[r, k] < N else np.zeros(4)
        np.testing.assert_array_equal(boxes[r, k], expected)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(DECODE))
def test_equals_the_box_coder_of_torchvision(kind, trial):
    torch = pytest.importorskip("torch")
    wx, wy, ww, wh = weights = (10.0, 10.0, 5.0, 5.0)
    rel_codes, boxes = 5 * torch.tensor(trial.arrays["offsets"]), torch.tensor(trial.arrays["anchors"])

    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    ctr_x, ctr_y = boxes[:, 0] + 0.5 * widths, boxes[:, 1] + 0.5 * heights
    dx, dy = rel_codes[..., 0] / wx, rel_codes[..., 1] / wy
    dw, dh = (torch.clamp(rel_codes[..., i] / w, max=np.log(1000.0 / 16)) for i, w in ((2, ww), (3, wh)))
    pred_ctr_x, pred_ctr_y = dx * widths + ctr_x, dy * heights + ctr_y
    half_w, half_h = 0.5 * torch.exp(dw) * widths, 0.5 * torch.exp(dh) * heights
    edges = (pred_ctr_x - half_w, pred_ctr_y - half_h, pred_ctr_x + half_w, pred_ctr_y + half_h)
    expected = torch.stack(edges, dim=-1)

    arrays = {"offsets": rel_codes.numpy(), "anchors": boxes.numpy(), "index": all_anchors(trial)}
    got = forward("decode_boxes", kind, {"code": "centers", "weights": weights}, **arrays)["boxes"]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wild_guess_gives_a_large_box_and_a_nan_stays(kind):
    offsets = [[[0, 0, 100, np.inf], [0, 0, np.nan, 0], [np.inf, 0, 0, -np.inf]]]
    arrays = {"offsets": offsets, "anchors": [[-8, -8, 8, 8]] * 3, "index": [[0, 1, 2]]}
    large, nan, far = forward("decode_boxes", kind, CENTERS, **arrays)["boxes"][0]
    np.testing.assert_allclose(large, [-500, -500, 500, 500], rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(nan), [True, False, True, False])
    np.testing.assert_array_equal(far, [np.inf, 0, np.inf, 0])


@pytest.mark.parametrize("code", CODES)
def test_compiles_without_float64(code):
    arrays = {"offsets": np.ones((1, 3, 4)), "anchors": np.ones((3, 4)), "index": np.zeros((1, 2))}
    assert not float64_in("decode_boxes", "forward", {"code": code}, **arrays)


@pytest.mark.parametrize(
    ("shapes", "settings", "message"),
    [
        (((3, 4), (3, 4), (1, 2)), {}, "offsets (3, 4) must have 3 sizes (R, N, 4) of at least 1"),
        (((1, 3, 2), (3, 4), (1, 2)), {}, "offsets (1, 3, 2) must be (1, 3, 4)"),
        (((1, 3, 4), (2, 4), (1, 2)), {}, "anchors (2, 4) must be (3, 4)"),
        (((1, 3, 4), (3, 4), (2, 2)), {}, "index (2, 2) must be (1, 2)"),
        (((1, 3, 4), (3, 4), (1, 2)), {"code": "edges"}, "unknown code 'edges'; choose from centers, corners"),
        (((1, 3, 4), (3, 4), (1, 2)), {"weights": (1, 1, 1, np.inf)}, "weights (1, 1, 1, inf) must be 4 numbers above"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shapes, settings, message):
    offsets, anchors, index = map(np.ones, shapes)
    with pytest.raises(ShapeError, match=re.escape(f"decode_boxes: {message}")):
        forward("decode_boxes", "cpu", settings, offsets=offsets, anchors=anchors, index=index)
