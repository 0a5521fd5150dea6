"""Batch normalization in PyTorch, which averages the unbiased variance where eq. 42 averages the biased one."""

import torch


def forward(x, gamma, beta, running_mean, running_var, epsilon, momentum, training):
    """Not torch.nn.functional.batch_norm, which refuses to train on a single value per channel, but what it calls."""
    return torch.batch_norm(
        x, gamma, beta, running_mean, running_var, training, momentum, epsilon, torch.backends.cudnn.enabled
    )
