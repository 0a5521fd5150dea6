"""Top k in PyTorch, which promises no order of equal values and takes a NaN for the largest."""

import torch


def forward(x, k, column):
    return torch.topk(x[:, :, column], k)
