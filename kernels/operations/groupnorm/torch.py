"""Group normalization in PyTorch."""

import torch


def forward(x, gamma, beta, groups, epsilon):
    """Not torch.nn.functional.group_norm, which refuses a group of a single value, but what it calls."""
    return torch.group_norm(x, groups, gamma, beta, epsilon, torch.backends.cudnn.enabled)
