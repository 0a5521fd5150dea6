"""Encoding boxes in PyTorch, in the way of torchvision's BoxCoder."""

import torch


def forward(boxes, matched, anchors, code, weights):
    has_face = (matched >= 0) & (matched < boxes.shape[1])
    box = rows(boxes, torch.where(has_face, matched, 0))
    if code == "corners":
        offsets = box - anchors
    else:
        (centre, size), (centre_a, size_a) = centre_and_size(box), centre_and_size(anchors)
        offsets = torch.cat([(centre - centre_a) / size_a, torch.log(size / size_a)], 2)
    return torch.where(has_face[..., None], offsets * offsets.new_tensor(weights), 0)


def rows(array, index):
    """array (R, M, 4), index (R, N) -> (R, N, 4): of each picture the rows that the index names."""
    return torch.gather(array, 1, index[..., None].long().expand(-1, -1, 4))


def centre_and_size(boxes):
    """(x, y) and (w, h) of boxes (..., 4)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low
