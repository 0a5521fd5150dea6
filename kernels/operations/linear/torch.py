"""Linear layer in PyTorch."""

from torch.nn import functional


def forward(x, w, b):
    return functional.linear(x, w, b)
