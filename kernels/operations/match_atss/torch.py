"""Adaptive training sample selection in PyTorch, as the authors' code has it, but face by face: without the padding."""

import torch

from kernels.operations.iou.torch import area, intersection
from kernels.operations.iou.torch import forward as overlap
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE
from kernels.operations.match_atss.functions import SLACK


def forward(anchors, boxes, label, levels, candidates, best):
    pictures = zip(boxes, label, strict=True)
    return torch.stack([matched(anchors, *picture, levels, candidates, best) for picture in pictures])


def matched(anchors, boxes, label, levels, candidates, best):
    """One picture: anchors (N, 4), boxes (M, 4), label (M,) -> matched (N,)."""
    faces = torch.nonzero(label == FACE)[:, 0]
    found = anchors.new_full(anchors.shape[:1], BACKGROUND, dtype=torch.int64)
    if len(faces):
        iou = overlap(boxes[faces], anchors)
        chosen = nearest(anchors, boxes[faces], levels, candidates)
        overlaps = iou.gather(1, chosen)
        spread = overlaps.std(1) if chosen.shape[1] > 1 else 0
        threshold = (overlaps.mean(1) + spread - SLACK)[:, None]
        x, y = center(anchors)[chosen].unbind(2)
        x1, y1, x2, y2 = boxes[faces, :, None].unbind(1)
        inside = (x1 < x) & (x < x2) & (y1 < y) & (y < y2)
        claims = torch.zeros_like(iou).scatter(1, chosen, overlaps * ((overlaps >= threshold) & inside))
        if best:
            holders = holder(claims)
            without = ~torch.isin(torch.arange(len(faces), device=holders.device), holders)
            champion = torch.zeros_like(iou).scatter(1, chosen, overlaps).max(1).indices
            claims[without, champion[without]] = iou[without, champion[without]]
        held = claims.any(0)
        found[held] = faces[holder(claims)[held]]
    if len(hidden := boxes[label == IGNORED_FACE]):
        shared = intersection(anchors, hidden)
        covered = ((shared > 0) & (shared >= 0.5 * area(anchors)[:, None])).any(1)
        found[covered & (found < 0)] = IGNORED_ANCHOR
    return found


def nearest(anchors, faces, levels, candidates):
    """The candidates of each face on all levels: (M, n)."""
    distance = (center(anchors) - center(faces)[:, None]).square().sum(2)
    chosen, begin = [], 0
    for level in distance.split(levels or len(anchors), 1):
        chosen.append(begin + level.argsort(dim=1, stable=True)[:, :candidates])
        begin += level.shape[1]
    return torch.cat(chosen, 1)


def holder(claims):
    """claims (M, N), 0 where there is none -> (N,): the first of the faces whose claim is largest, or BACKGROUND."""
    return torch.where(claims.any(0), claims.max(0).indices, BACKGROUND)


def center(boxes):
    """The middle (..., 2) of each box (..., 4)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2
