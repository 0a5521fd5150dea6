"""Overlap loss in PyTorch, in the way of torchvision's generalized_box_iou_loss and distance_box_iou_loss."""

import torch

from kernels.operations.decode_boxes.torch import forward as decode_boxes
from kernels.operations.encode_boxes.torch import rows


def forward(offsets, anchors, boxes, matched, weight, code, weights, measure):
    counts = (weight != 0) & (matched >= 0) & (matched < boxes.shape[1])
    everywhere = torch.arange(len(anchors)).expand(matched.shape)
    box = decode_boxes(torch.where(counts[..., None], offsets, 0), anchors, everywhere, code, weights)
    true = rows(boxes, torch.where(counts, matched, 0))
    shared = (inner(box, true)).clamp(min=0).prod(-1)
    union = size(box).prod(-1) + size(true).prod(-1) - shared
    iou = torch.where(counts, shared / union, 0)
    y = torch.where(counts, weight * (1 - iou + penalty(box, true, union, measure)), 0)
    return y, iou.detach()


def penalty(box, true, union, measure):
    """What Rezatofighi et al., Zheng et al. and Zhang et al. add to 1 - IoU."""
    hull = torch.maximum(box[..., 2:], true[..., 2:]) - torch.minimum(box[..., :2], true[..., :2])
    if measure == "giou":
        return 1 - union / hull.prod(-1)
    apart = box[..., :2] + box[..., 2:] - true[..., :2] - true[..., 2:]
    distance = (apart / 2).square().sum(-1) / hull.square().sum(-1)
    sizes = ((size(box) - size(true)) / hull).square().sum(-1)
    return {"iou": 0, "diou": distance, "eiou": distance + sizes}[measure]


def inner(a, b):
    """Width and height of what boxes (..., 4) share, below 0 where they are apart."""
    return torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])


def size(boxes):
    """Width and height of boxes (..., 4), 0 where their edges are the wrong way round."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
