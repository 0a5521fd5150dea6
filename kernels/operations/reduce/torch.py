"""Reduction in PyTorch."""

import torch

HOW = {"sum": torch.sum, "mean": torch.mean, "norm": torch.linalg.vector_norm}


def forward(x, how):
    return HOW[how](x).reshape(1)
