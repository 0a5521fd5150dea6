"""Quality focal loss in PyTorch, as one would write it there: weighted binary cross entropy with logits."""

import torch
from torch.nn import functional


def forward(x, target, quality, beta):
    background, face = target.unbind(2)
    return background * loss(x, torch.zeros_like(x), beta) + face * loss(x, quality, beta)


def loss(x, quality, beta):
    entropy = functional.binary_cross_entropy_with_logits(x, quality, reduction="none")
    return (torch.sigmoid(x) - quality).abs() ** beta * entropy
