"""Reduction in PyTorch."""

import torch

HOW = {"sum": torch.sum, "mean": torch.mean, "norm": torch.linalg.vector_norm}


def forward(x, how, count):
    if how == "mean" and count:
        return (x.sum() / count).reshape(1)
    return HOW[how](x).reshape(1)
