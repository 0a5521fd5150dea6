"""Anchor matching in PyTorch, in the way of torchvision's Matcher: picture by picture and without the padding."""

import torch

from kernels.operations.iou.torch import area, intersection
from kernels.operations.iou.torch import forward as overlap
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE


def forward(anchors, boxes, label, positive, negative, best):
    pictures = zip(boxes, label, strict=True)
    return torch.stack([matched(anchors, *picture, positive, negative, best) for picture in pictures])


def matched(anchors, boxes, label, positive, negative, best):
    """One picture: anchors (N, 4), boxes (M, 4), label (M,) -> matched (N,)."""
    faces = torch.nonzero(label == FACE)[:, 0]
    found = anchors.new_full(anchors.shape[:1], BACKGROUND, dtype=torch.int64)
    if len(faces):
        iou = overlap(anchors, boxes[faces])
        largest, nearest = iou.max(1)
        found[largest >= negative] = IGNORED_ANCHOR
        found = torch.where(largest >= positive, faces[nearest], found)
        if best:
            largest, champion = iou.max(0)
            claims = torch.zeros_like(iou)
            claims[champion, torch.arange(len(faces), device=champion.device)] = largest
            largest, claimant = claims.max(1)
            found = torch.where(largest > 0, faces[claimant], found)
    if len(hidden := boxes[label == IGNORED_FACE]):
        shared = intersection(anchors, hidden)
        covered = ((shared > 0) & (shared >= 0.5 * area(anchors)[:, None])).any(1)
        found[covered & (found < 0)] = IGNORED_ANCHOR
    return found
