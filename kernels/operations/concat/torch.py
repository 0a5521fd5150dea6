"""Concatenation in PyTorch."""

import torch


def forward(a, b):
    return torch.cat([a, b], 1)
