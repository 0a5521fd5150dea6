"""Targets of the detector's loss in PyTorch, as one would write them there."""

import torch

from kernels.operations.labels import BACKGROUND


def forward(matched, normalise, levels):
    target, weight = [], []
    for level in matched.split(levels or matched.shape[1], 1):
        one_hot = torch.stack([level == BACKGROUND, level >= 0], 2).to(torch.get_default_dtype())
        face = one_hot[:, :, 1]
        positives = face.sum().clamp(min=1)
        target.append(one_hot / (one_hot.sum().clamp(min=1) if normalise == "anchors" else positives))
        weight.append(face / positives)
    return torch.cat(target, 1), torch.cat(weight, 1)
