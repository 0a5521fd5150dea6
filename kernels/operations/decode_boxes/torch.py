"""Decoding boxes in PyTorch, in the way of torchvision's BoxCoder."""

import torch

from kernels.operations.box_code import LARGEST_LOG_SIZE
from kernels.operations.encode_boxes.torch import centre_and_size, rows


def forward(offsets, anchors, index, code, weights):
    known = (index >= 0) & (index < len(anchors))
    anchor = anchors[torch.where(known, index, 0)]
    d = rows(offsets, torch.where(known, index, 0)) / offsets.new_tensor(weights)
    if code == "corners":
        boxes = d + anchor
    else:
        centre_a, size_a = centre_and_size(anchor)
        centre = d[..., :2] * size_a + centre_a
        half = size_a * torch.exp(d[..., 2:].clamp(max=LARGEST_LOG_SIZE)) / 2
        boxes = torch.cat([centre - half, centre + half], 2)
    return torch.where(known[..., None], boxes, 0)
