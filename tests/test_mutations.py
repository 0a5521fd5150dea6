"""The proof of the proof: faults planted in the kernels, each of which the checks must find.

Each mutant is a copy of a source file with one change, run through the checks that tests/operations/test_operations.py
makes, on the same kind of random trials. Found is what an assertion of a check or the interpreter refuses; what makes
a kernel of the reference or the CPU crash is listed apart, as no check had to find it.
"""

import importlib
import sys

import numpy as np
import pytest

from kernels.bench.trial import Trial
from kernels.gpu.interpreter import KernelError
from kernels.operation import Operation, RandomDraw, all_operations
from tests.helpers import ROOT
from tests.helpers.checks import check_backward, check_derivative, check_forward

TRIALS = 40

# ruff: noqa: E501
# What is wrong, operation, file, the line as it is, the line as it is not.
MUTATIONS = [
    ("the stride is dropped", "conv2d", "reference", "j : j + sh * H_out : sh", "j : j + H_out"),
    ("the stride is dropped", "conv2d", "cuda", "row = h_out * stride_h + j - pad_h", "row = h_out + j - pad_h"),
    ("the padding is dropped", "conv2d", "cuda", "column = w_out * stride_w + i - pad_w", "column = w_out * stride_w + i"),
    ("the kernel is transposed", "conv2d", "reference", '"rchw,dc->rdhw", under(x, j, i', '"rchw,dc->rdhw", under(x, i, j'),
    ("the kernel is rotated", "conv2d", "reference", "stride), w[:, :, j, i]", "stride), w[:, :, -1 - j, -1 - i]"),
    ("the kernel is transposed", "conv2d", "cuda", "row, column] * w[c_out, c, j, i]", "row, column] * w[c_out, c, i, j]"),
    ("a phase starts with another's weights", "conv2d", "cuda", "row, column = FIRST[0] + j * STRIDE[0]", "row, column = j * STRIDE[0]"),
    ("the last part is forgotten", "conv2d", "cuda", "range(1, parts.shape[0])", "range(1, parts.shape[0] - 1)"),
    ("the parts overlap", "conv2d", "cuda", "size, TILES, length, INSIDE", "size, TILES, length + 1, INSIDE"),
    ("overlaps overwrite", "conv2d", "reference", "covered += np.einsum", "covered[...] = np.einsum"),
    ("overlaps overwrite", "maxpool2d", "cpu", "+= deltas[n]", "= deltas[n]"),
    ("overlaps overwrite", "maxpool2d", "cuda", "total += dy[", "total = dy["),
    ("the last of equal values wins", "maxpool2d", "cpu", "(value > best) |", "(value >= best) |"),
    ("of equal values the last comes first", "topk", "cuda", "(equal and i < j)", "(equal and i > j)"),
    ("-0 comes after 0", "topk", "cpu", "(score + np.float32(0))", "score.copy()"),
    ("equal is too much", "nms", "cpu", "> overlap", ">= overlap"),
    ("a box that is struck out strikes", "nms", "cuda", "left &= ~(between[k] | 1 << k)", "left &= ~(1 << k)"),
    ("later words are forgotten", "nms", "cuda", "struck[later] = uint32(out_bits)", "struck[later] = struck[later]"),
    ("the threshold is not met", "nms", "reference", "score[r, i] >= threshold", "score[r, i] > threshold"),
    ("the mean term of eq. 51 is forgotten", "batchnorm", "reference", " - per_channel(sum_dy, x)", ""),
    ("the variance term of eq. 51 is forgotten", "batchnorm", "reference", " - x_hat * per_channel(sum_dy_x_hat, x)", ""),
    ("eq. 51 as printed", "batchnorm", "reference", "- x_hat * per_channel(sum_dy_x_hat", "- x_hat * per_channel(inverse_std * sum_dy_x_hat"),
    ("the running averages are swapped", "batchnorm", "reference", "= momentum * mean[0] + (1 - momentum)", "= (1 - momentum) * mean[0] + momentum"),
    ("the variance is unbiased", "batchnorm", "reference", "** 2).mean(axis=axes)", "** 2).sum(axis=axes) / max(x.size // x.shape[1] - 1, 1)"),
    ("the variance is unbiased", "batchnorm", "cpu", "own_square[c, r, piece] + moved) / (R * S)", "own_square[c, r, piece] + moved) / (R * S - 1)"),
    ("eq. 55 with its index lost", "softmax", "reference", "(dy - (dy * y).sum(axis=1, keepdims=True))", "dy * (1 - y.sum(axis=1, keepdims=True))"),
    ("a sum starts late", "linear", "cuda", "for k in range(K)", "for k in range(1, K)"),
    ("momentum is forgotten", "sgd", "reference", "momentum * velocity", "velocity"),
    ("the derivative of the focus is forgotten", "focal_loss", "reference", "(gamma * ratio - 1)", "-1"),
    ("the background is weighted too", "focal_loss", "cuda", "target[r, c] if c == 0 else alpha", "alpha"),
    ("one logit is taken for the background's", "focal_loss", "reference", "[:, p.shape[1] - dx.shape[1] :]", "[:, : dx.shape[1]]"),
    ("the weight is forgotten", "smooth_l1", "cuda", "total *= weight[r]", "total *= float32(1)"),
    ("the kink is elsewhere", "smooth_l1", "reference", "size < beta, 0.5 * x**2 / beta", "size < 1, 0.5 * x**2 / beta"),
    ("the other axis is forgotten", "overlap_loss", "reference", "(span[:, ::-1] for span", "(span for span"),
    ("the hull is a constant", "overlap_loss", "reference", "quotient(quotient(union, hull) * c, hull)", "0 * c"),
    ("the diagonal is a constant", "overlap_loss", "reference", "quotient(-2 * D * s.c, diagonal)", "0 * s.c"),
    ("what is cut off learns", "overlap_loss", "reference", "> LARGEST_LOG_SIZE, 0,", "> 2 * LARGEST_LOG_SIZE, 0,"),
    ("the quality is weighted", "overlap_loss", "cpu", "iou[r, n], union = overlap(across, down)", "iou[r, n], union = overlap(across, down)\n                iou[r, n] *= weight[r, n]"),
    ("the last face is none", "overlap_loss", "cuda", "face >= 0 and face < boxes.shape[1]", "face >= 0 and face < boxes.shape[1] - 1"),
    ("the axes of the slopes are swapped", "overlap_loss", "cuda", "d * by_x / wx, d * by_y / wy, d * by_w / ww", "d * by_y / wx, d * by_x / wy, d * by_w / ww"),
    ("a logit above 0 is not turned around", "quality_focal_loss", "reference", "np.where(x > 0, 1 - q, q)", "q"),
    ("the derivative of the distance is forgotten", "quality_focal_loss", "reference", "(focus + error)", "error"),
    ("background has a quality, too", "quality_focal_loss", "cuda", "F(x[i], float32(0), beta)", "F(x[i], quality[i], beta)"),
    ("overlaps overwrite", "upsample2d", "cuda", "total += share_of", "total = share_of"),
    ("the tile is not turned", "transpose", "cuda", "i = m * WIDTH + n", "i = k"),
    ("the second takes the place of the first", "concat", "cuda", "first + i]", "i]"),
    ("corners instead of middles", "upsample2d", "reference", "+ 0.5) * H / H_out - 0.5", ") * H / H_out"),
    ("the anchor's size is forgotten", "encode_boxes", "cuda", "anchors[n, 1], anchors[n, 3])", "anchors[n, 1], anchors[n, 1] + 1)"),
    ("the axes are swapped", "encode_boxes", "cpu", "weights[axis] * first", "weights[1 - axis] * first"),
    ("all weights are the first", "decode_boxes", "cuda", "(ww if axis == 0 else wh)", "ww"),
    ("the last anchor is none", "decode_boxes", "cpu", "0 <= n < N", "0 <= n < N - 1"),
    ("ignored anchors are counted", "assign_targets", "cpu", "matched[r, n] >= BACKGROUND", "matched[r, n] >= BACKGROUND - 1"),
    ("a level reads the counts of another", "assign_targets", "cuda", "counts[level, part, 0] = taking_part", "counts[0, part, 0] = taking_part"),
    ("ignored anchors are background", "assign_targets", "cuda", "share_c if face == BACKGROUND", "share_c if face <= BACKGROUND"),
    ("the shared area is counted twice", "iou", "reference", "[..., np.newaxis, :] - shared", "[..., np.newaxis, :]"),
    ("boxes apart share something", "iou", "reference", "np.maximum(bottom_right - top_left, 0)", "(bottom_right - top_left)"),
    ("the last row of a strip is left out", "iou", "cuda", "for k in range(rows):", "for k in range(rows - 1):"),
    ("the last of equal faces wins", "match_anchors", "cpu", "m if iou[n] > largest[n]", "m if iou[n] >= largest[n]"),
    ("the last of equal anchors is champion", "match_anchors", "cpu", "if iou[n] > most", "if iou[n] >= most"),
    ("the last claim wins", "match_anchors", "cpu", "most > claim[champion]", "most > 0"),
    ("a threshold belongs to the worse side", "match_anchors", "cuda", "largest >= positive", "largest > positive"),
    ("an ignored face takes a found anchor", "match_anchors", "cpu", "hidden and matched[r, n] < 0", "hidden"),
    ("a warp forgets those before it", "match_anchors", "cuda", "if w < warp:", "if w > warp:"),
    ("the deviation is left out", "match_atss", "cpu", "return mean + np.sqrt", "return mean + 0 * np.sqrt"),
    ("the threshold is the mean", "match_atss", "cuda", "return mean + math.sqrt", "return mean + 0 * math.sqrt"),
    ("all levels are the first", "match_atss", "reference", "begin += count", "begin += 0"),
    ("centres do not matter", "match_atss", "cuda", "overlapping > most and inside(center(anchor), box)", "overlapping > most"),
    ("a mean stays in dx", "groupnorm", "reference", "d - d.mean(axis=2, keepdims=True) - x_hat", "d - x_hat"),
    ("all channels of a group have one gamma", "groupnorm", "cuda", "gamma[c + n] * ((x[group, n, s]", "gamma[c] * ((x[group, n, s]"),
    ("the means of d are sums", "groupnorm", "cpu", ".sum(axis=2) / size", ".sum(axis=2)"),
]  # fmt: skip


# Faults that crash before a check can look: with windows of another shape, arrays that do not fit together.
CRASHES = {("the kernel is transposed", "conv2d", "reference"): ValueError}


def trials(operation, smooth=False):
    generator = np.random.default_rng(11)
    return [Trial.draw(operation, RandomDraw(generator), generator, smooth) for _ in range(TRIALS)]


def check(operation, kind):
    """All that the generic tests ask of one implementation; the reference is held against calculus and the CPU."""
    if kind == "reference" and operation.gradients:
        for trial in trials(operation, smooth=True):
            check_derivative(trial)
    name, rungs = ("interpret", [1, None]) if kind == "cuda" else ("cpu", [None])
    for trial in trials(operation):
        for rung in rungs:
            check_forward(trial, name, rung=rung)
            if operation.gradients:
                check_backward(trial, name, rung=rung)


def mutant(folder, operation, kind, old, new):
    """The module with one change, imported from a file of its own; or the package, from a folder of its own."""
    source, name = ROOT / "kernels" / "operations" / operation / kind, f"{operation}_{kind}_mutant"
    files = sorted(source.glob("*.py")) if source.is_dir() else [source.with_suffix(".py")]
    texts = {file: file.read_text().replace(f"kernels.operations.{operation}.{kind}", name) for file in files}
    place = next((file for file, text in texts.items() if old in text), None)
    assert place, f"{operation}/{kind} has no {old!r} any more"
    texts[place] = texts[place].replace(old, new, 1)
    for file, text in texts.items():
        copy = folder / name / file.name if source.is_dir() else folder / f"{name}.py"
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text)
    importlib.invalidate_caches()
    for loaded in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[loaded]
    return importlib.import_module(name)


@pytest.mark.parametrize(("fault", "name", "kind", "old", "new"), MUTATIONS, ids=lambda v: str(v)[:30])
def test_a_planted_fault_is_found(fault, name, kind, old, new, tmp_path, monkeypatch):
    operation = all_operations()[name]
    monkeypatch.syspath_prepend(tmp_path)
    changed = mutant(tmp_path, name, kind, old, new)
    original = Operation.implementation

    def implementation(self, wanted):
        return changed if (self.name, wanted) == (name, kind) else original(self, wanted)

    monkeypatch.setattr(Operation, "implementation", implementation)
    with pytest.raises(CRASHES.get((fault, name, kind), (AssertionError, KernelError))):
        check(operation, kind)


def test_each_fault_that_crashes_is_planted():
    assert set(CRASHES) <= {mutation[:3] for mutation in MUTATIONS}


@pytest.mark.parametrize(("name", "kind"), sorted({(m[1], m[2]) for m in MUTATIONS}))
def test_without_a_fault_the_same_checks_pass(name, kind):
    check(all_operations()[name], kind)
