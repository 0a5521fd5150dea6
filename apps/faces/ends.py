"""The two ends of a detector: what it is told while it learns, and the boxes it gives when it looks.

    input   image (R, H, W, 3) uint8
            boxes (R, FACES, 4) in pixels, label (R, FACES) int32: see kernels/operations/labels.py
    output  loss (1,), classification (1,), regression (1,)
            boxes (R, K, 4), scores (R, K) falling: the K likeliest

Source: Zozoulenko (2018), section 3.3.2, eq. 58-61. Matching and the choice of boxes are nodes of the graph like all
others, so that they run where it runs. Which of the boxes cover others is left to apps/faces/detector.py, where those
of several looks meet.
"""

from collections.abc import Callable

import numpy as np

from apps.faces.anchors import Anchors
from apps.faces.blocks import channels_last, joined
from apps.faces.matching import Matching
from framework import layers
from framework.graph import Graph, Value

Head = Callable[[Value, str], tuple[Value, Value]]

# Faces a picture in training: more than WIDER FACE's crops have, save a handful of pictures.
FACES = 192

# Candidates a picture for non-maximum suppression: as many as it has cells, and where these are few, so many.
CANDIDATES = 1000

# The share of anchors that a network takes for faces before it has learned anything (Lin et al., 2017, section 3.3).
PRIOR = 0.01


def picture(graph: Graph, batch: int, size: tuple[int, int]) -> Value:
    """The input `image` of size (rows, columns), and after it float32 (R, 3, H, W) around zero."""
    image = graph.input("image", (batch, *size, 3), "uint8")
    return graph.add("normalise", "normalise", x=image)


def prior(anchors: int, columns: int):
    """Start of the biases of the logits of each anchor of a cell: faces have the probability PRIOR."""
    logit = np.log((1 - PRIOR) / PRIOR)
    return layers.constant(np.tile([-logit] if columns == 1 else [logit / 2, -logit / 2], anchors))


def finish(levels: list[Value], predict: Head, anchors: Anchors, matching: Matching) -> Graph:
    """End a graph: heads on all levels, loss, and detections.

    predict    (level, its name) -> logits (R, A * columns, H, W), as many columns as matching has, and offsets
               (R, A * 4, H, W)
    """
    graph = levels[0].graph
    names = [f"P{stride.bit_length() - 1}" for stride in anchors.strides]
    grids = [anchors.level(i, level.shape[2:]) for i, level in enumerate(levels)]
    boxes = graph.constant("anchors", np.concatenate(grids))
    said = [predict(x, at) for x, at in zip(levels, names, strict=True)]
    logits = joined([channels_last(x, matching.columns) for x, _ in said])
    offsets = joined([channels_last(x, 4) for _, x in said])
    _loss(graph, logits, offsets, boxes, matching, tuple(len(g) for g in grids), anchors.per_cell)
    cells = sum(len(grid) for grid in grids) // anchors.per_cell
    _detections(graph, logits, offsets, boxes, matching, max(CANDIDATES, cells))
    return graph


def _loss(graph, logits, offsets, anchors, matching: Matching, levels, per_cell: int) -> None:
    R, _, _ = logits.shape
    boxes, label = graph.input("boxes", (R, FACES, 4)), graph.input("label", (R, FACES), "int32")
    matched = _matched(graph, anchors, boxes, label, matching, levels, per_cell)
    target, weight = graph.node(
        "assign_targets",
        "targets",
        matched=matched,
        normalise=matching.normalise,
        levels=levels if matching.per_level else (),
    ).outputs
    found = {"offsets": offsets, "anchors": anchors, "boxes": boxes, "matched": matched, "weight": weight}
    if matching.box == "smooth_l1":
        regression, quality = _by_offsets(graph, **found, matching=matching), None
    else:
        code = {"code": matching.code, "weights": matching.weights}
        regression, quality = graph.node("overlap_loss", "overlap_loss", **found, **code, measure=matching.box).outputs
    classification = _by_score(graph, logits, target, quality, matching)
    classification = graph.output("classification", graph.add("reduce", "classification", x=classification, how="sum"))
    regression = graph.output("regression", graph.add("reduce", "regression", x=regression, how="sum"))
    loss = classification
    for time in range(matching.emphasis):
        loss = layers.add(loss, regression, f"loss{time}")
    graph.output("loss", loss)


def _matched(graph, anchors, boxes, label, matching: Matching, levels, per_cell: int) -> Value:
    given = {"anchors": anchors, "boxes": boxes, "label": label, "best": matching.best}
    if matching.assignment == "atss":
        # Nine cells, as the authors have it: all anchors of a cell are equally near.
        return graph.add("match_atss", "matched", **given, levels=levels, candidates=9 * per_cell)
    return graph.add("match_anchors", "matched", **given, positive=matching.positive, negative=matching.negative)


def _by_score(graph, logits, target, quality, matching: Matching) -> Value:
    """What is wrong with each anchor's score."""
    R, N, columns = logits.shape
    if matching.score == "quality":
        x = layers.reshape(logits, R, N)
        return graph.add("quality_focal_loss", "focal_loss", x=x, target=target, quality=quality)
    rows = {"x": layers.reshape(logits, R * N, columns), "target": layers.reshape(target, R * N, 2)}
    return graph.add("focal_loss", "focal_loss", **rows, alpha=matching.alpha, gamma=matching.gamma)


def _by_offsets(graph, offsets, anchors, boxes, matched, weight, matching: Matching) -> Value:
    """What is wrong with each anchor's offsets."""
    R, N, _ = offsets.shape
    code = {"code": matching.code, "weights": matching.weights}
    truth = graph.add("encode_boxes", "true_offsets", boxes=boxes, matched=matched, anchors=anchors, **code)
    return graph.add(
        "smooth_l1",
        "smooth_l1",
        prediction=layers.reshape(offsets, R * N, 4),
        target=layers.reshape(truth, R * N, 4),
        weight=layers.reshape(weight, R * N),
        beta=matching.beta,
    )


def _detections(graph, logits, offsets, anchors, matching: Matching, candidates) -> None:
    R, N, columns = logits.shape
    if matching.score == "quality":
        score = layers.activation(logits, "sigmoid", "probabilities")
    else:
        flat = graph.add("softmax", "probabilities", x=layers.reshape(logits, R * N, columns))
        score = layers.reshape(flat, R, N, columns)
    scores, index = graph.node("topk", "scores", x=score, k=min(candidates, N), column=columns - 1).outputs
    boxes = graph.add(
        "decode_boxes",
        "detections",
        offsets=offsets,
        anchors=anchors,
        index=index,
        code=matching.code,
        weights=matching.weights,
    )
    graph.output("scores", scores)
    graph.output("boxes", boxes)
