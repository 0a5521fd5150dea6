"""Softmax and cross entropy in PyTorch, which has them in one as well."""

from torch.nn import functional


def forward(x, target):
    return functional.cross_entropy(x, target, reduction="none")
