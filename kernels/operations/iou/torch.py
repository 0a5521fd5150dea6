"""Intersection over union in PyTorch, in the way of torchvision's box_iou."""

import torch


def forward(a, b):
    shared = intersection(a, b)
    return torch.where(shared > 0, shared / (area(a)[:, None] + area(b) - shared), 0)


def intersection(a, b):
    """The area that each box a (M, 4) shares with each box b (N, 4): (M, N)."""
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    return (high - low).clamp(min=0).prod(2)


def area(boxes):
    """The area of each box (..., 4)."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)
